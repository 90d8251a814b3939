"""The worker's loop, which answers from attributes what asyncio's computes."""

import asyncio
from collections.abc import Iterator

import pytest

from subsrv.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_it_says_when_it_runs(loop: Loop) -> None:
    async def main() -> list[bool]:
        return [loop.is_running(), asyncio.get_running_loop().is_running()]

    assert loop.is_running() is False
    assert loop.run_until_complete(main()) == [True, True]
    assert loop.is_running() is False


def test_it_says_so_after_an_error(loop: Loop) -> None:
    def fail() -> None:
        raise SystemExit(3)

    for _ in range(2):
        loop.call_soon(fail)
        with pytest.raises(SystemExit):
            loop.run_forever()
        assert loop.is_running() is False


def test_it_does_not_run_twice(loop: Loop) -> None:
    async def main() -> bool:
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned  # what the second has left behind has run by then
        return loop.is_running()

    assert loop.run_until_complete(main()) is True
    assert loop.is_running() is False


@pytest.mark.parametrize("eager", [False, True])
def test_a_task_may_begin_at_once(loop: Loop, eager: bool) -> None:
    async def child() -> int:
        return 1

    async def main() -> bool:
        task = asyncio.Task(child(), loop=loop, eager_start=eager)
        done = task.done()
        assert await task == 1
        return done

    assert loop.run_until_complete(main()) is eager


def test_it_says_whether_it_debugs(loop: Loop) -> None:
    for enabled in (True, False, True):
        loop.set_debug(enabled)
        assert loop.get_debug() is enabled
    # What a task looks at: where it was made.
    future = loop.create_future()
    assert "created at" in repr(future)


def test_the_environment_may_have_it_debug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio.coroutines, "_is_debug_mode", lambda: True)
    loop = Loop()
    try:
        assert loop.get_debug() is True
    finally:
        loop.close()
