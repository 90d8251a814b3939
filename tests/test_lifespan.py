"""ASGI's lifespan, one worker's side of it; the whole server's is in contract/test_startup.py."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from subsrv.apps.lifespan import Lifespan
from subsrv.errors import AppLoadError

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]


def test_the_state_is_what_the_application_left() -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        assert await receive() == {"type": "lifespan.startup"}
        scope["state"]["a"] = 1
        await send({"type": "lifespan.startup.complete"})
        assert await receive() == {"type": "lifespan.shutdown"}
        await send({"type": "lifespan.shutdown.complete"})

    async def run() -> None:
        lifespan = Lifespan(app)
        await lifespan.startup()
        assert lifespan.state == {"a": 1}
        await lifespan.shutdown()

    asyncio.run(run())


@pytest.mark.parametrize("message", ["startup.surprise", "shutdown.complete", "shutdown.failed"])
def test_an_answer_to_another_question_is_an_error(message: str) -> None:
    seen: list[str] = []

    async def app(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send({"type": f"lifespan.{message}"})
        except RuntimeError as error:
            seen.append(str(error))
        await send({"type": "lifespan.startup.failed", "message": "so what"})

    async def run() -> None:
        with pytest.raises(AppLoadError, match="so what"):
            await Lifespan(app).startup()

    asyncio.run(run())
    assert seen == [f"unexpected message 'lifespan.{message}'"]


def test_one_that_fails_while_the_worker_serves_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    breaks = asyncio.Event()

    async def app(_scope: dict[str, Any], _receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})
        await breaks.wait()
        raise ValueError("broken while serving")

    async def run() -> None:
        lifespan = Lifespan(app)
        await lifespan.startup()
        assert caplog.records == []
        breaks.set()
        while not caplog.records:
            await asyncio.sleep(0)
        await lifespan.shutdown()  # there is nobody to tell

    asyncio.run(run())
    (record,) = caplog.records
    assert record.getMessage() == "the application's lifespan failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken while serving"


def test_one_that_cancels_itself_is_no_lifespan() -> None:
    async def app(_scope: dict[str, Any], _receive: Receive, _send: Send) -> None:
        raise asyncio.CancelledError

    async def run() -> None:
        lifespan = Lifespan(app)
        await lifespan.startup()
        assert lifespan.state is None

    asyncio.run(run())
