"""The selector under asyncio: the server's callbacks, asyncio's own keys, the coarse clock."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from subsrv.loop import Loop
from subsrv.reactor import IN, OUT, Reactor

KINDS = ["epoll", "portable"]

type Run = Callable[[Callable[[Reactor], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(params=KINDS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs `main(reactor)` on a loop over a reactor of each kind."""

    def run(main: Callable[[Reactor], Coroutine[Any, Any, Any]]) -> Any:
        reactor = Reactor(request.param, tick=0.01)
        with asyncio.Runner(loop_factory=lambda: Loop(reactor)) as runner:
            return runner.run(main(reactor))

    return run


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


type Pair = tuple[socket.socket, socket.socket]


def test_the_servers_callbacks_are_called_with_the_events(run: Run, pair: Pair) -> None:
    ours, theirs = pair

    async def main(reactor: Reactor) -> list[int]:
        masks = []
        called = asyncio.Event()

        def callback(mask: int) -> None:
            masks.append(mask)
            reactor.rewatch(ours.fileno(), 0)
            called.set()

        reactor.watch(ours.fileno(), IN, callback)
        theirs.send(b"x")
        await called.wait()
        called.clear()
        reactor.rewatch(ours.fileno(), OUT)
        await called.wait()
        reactor.unwatch(ours.fileno())
        return masks

    assert run(main) == [IN, OUT]


def test_what_an_earlier_callback_unwatched_is_not_called(run: Run) -> None:
    async def main(reactor: Reactor) -> list[int]:
        called: list[int] = []
        done = asyncio.Event()
        with contextlib.ExitStack() as stack:
            pairs = [socket.socketpair() for _ in range(2)]
            for sock in (sock for pair in pairs for sock in pair):
                stack.enter_context(sock)
            fds = [pair[0].fileno() for pair in pairs]

            def callback(_mask: int) -> None:
                # Whichever comes first, the other one is ready in the same turn.
                called.append(1)
                for fd in fds:
                    reactor.unwatch(fd)
                done.set()

            for ours, theirs in pairs:
                theirs.send(b"x")
                reactor.watch(ours.fileno(), IN, callback)
            await done.wait()
        return called

    assert run(main) == [1]


def test_asyncio_works_on_it(run: Run, pair: Pair) -> None:
    ours, theirs = pair

    async def main(reactor: Reactor) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(ours, readable.set)  # by object, not by descriptor
        theirs.send(b"x")
        await readable.wait()
        assert loop.remove_reader(ours)
        assert not loop.remove_reader(ours)

        assert await asyncio.to_thread(lambda: 7) == 7
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(input() * 2)", stdin=-1, stdout=-1
        )
        output, _ = await process.communicate(b"ab\n")
        assert output == b"abab\n"

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(1 << 20))
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"z" * (1 << 20))  # more than a socket takes: both directions are watched
            assert len(await reader.read(-1)) == 1 << 20
            writer.close()
            await writer.wait_closed()

    run(main)


def test_the_clock_ticks_only_while_it_is_wanted(run: Run) -> None:
    async def main(reactor: Reactor) -> None:
        ticked = asyncio.Event()
        times: list[float] = []

        def on_tick(now: float) -> None:
            times.append(now)
            ticked.set()

        reactor.on_tick = on_tick
        reactor.ticking = True
        loop = asyncio.get_running_loop()
        for _ in range(3):
            ticked.clear()
            await ticked.wait()  # nothing else wakes this loop
        assert times == sorted(times)
        assert times[-1] == reactor.now
        reactor.ticking = False
        # Now it would sleep for ever, and only this thread wakes it.
        waiting = loop.create_future()
        loop.run_in_executor(None, loop.call_soon_threadsafe, waiting.set_result, None)
        await waiting

    run(main)


@pytest.mark.parametrize("kind", KINDS)
def test_registrations_are_as_selectors_promises(kind: str) -> None:
    reactor = Reactor(kind)
    reader, writer = os.pipe()
    with open(reader, "rb") as file, open(writer, "wb"):
        key = reactor.register(file, 1, "data")
        assert key == (file, reader, 1, "data")
        with pytest.raises(KeyError):
            reactor.register(reader, 1)
        assert reactor.get_map()[file] is key
        assert reactor.get_map()[reader] is key
        assert list(reactor.get_map()) == [reader]
        assert reactor.modify(reader, 1, "other").data == "other"
        assert reactor.unregister(file).data == "other"
        with pytest.raises(KeyError):
            reactor.unregister(file)
        reactor.register(file, 1)
    # Closed meanwhile: found by the object, as asyncio does when a transport has gone.
    reactor.unregister(file)
    assert len(reactor.get_map()) == 0
    reactor.close()
