"""What a server says of an extension module that does not load in its lifespan's startup."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from subsrv.apps.lifespan import Lifespan
from subsrv.errors import AppLoadError

REFUSAL = "module _stock.fast does not support loading in subinterpreters"
TOLD = (
    "the application's startup failed in interp mode: the extension module '_stock.fast' does not "
    "load in an interpreter of its own; --mode process and --mode thread would work"
)

type Send = Callable[[dict[str, Any]], Awaitable[None]]


def startup(app: Callable[..., Awaitable[None]]) -> AppLoadError:
    """Why it failed."""
    with pytest.raises(AppLoadError) as caught:
        asyncio.run(Lifespan(app).startup())
    return caught.value


def test_where_the_application_raises() -> None:
    """Any other error means that it has no lifespan; it would be served half ready."""

    async def app(*_: object) -> None:
        raise ImportError(REFUSAL)

    error = startup(app)
    assert str(error) == TOLD
    assert error.detail is not None
    assert error.detail.splitlines()[0] == f"imported by {__name__} > _stock.fast"


def test_where_the_framework_answers_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """As Starlette does, and then raises it, which must not be told twice."""

    async def app(scope: object, receive: object, send: Send) -> None:
        message = f"Traceback (most recent call last):\n  ...\nImportError: {REFUSAL}\n\nPlease\n"
        await send({"type": "lifespan.startup.failed", "message": message})
        raise ImportError(REFUSAL)

    error = startup(app)
    gc.collect()  # where asyncio would tell of an exception that nobody took
    assert str(error) == TOLD
    assert error.detail is not None
    assert "try: if few requests need it: " in error.detail
    assert not caplog.records


@pytest.mark.parametrize(
    ("message", "told", "detail"),
    [
        ("no database today", "no database today", None),
        ("", "no message", None),
        ("Traceback:\n ...\nOSError: gone\n", "OSError: gone", "Traceback:\n ...\nOSError: gone\n"),
    ],
)
def test_another_failure_is_told_in_one_line(message: str, told: str, detail: str | None) -> None:
    async def app(scope: object, receive: object, send: Send) -> None:
        await send({"type": "lifespan.startup.failed", "message": message})

    error = startup(app)
    assert (str(error), error.detail) == (f"the application's startup failed: {told}", detail)
