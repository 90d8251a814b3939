"""Groups: within a loop, across isolates, and across the workers of a server."""

import asyncio
import contextlib
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from contract.modes import POSSIBLE, Mode
from contract.serving import Server

from isolate import entries
from subsrv import isolate
from subsrv.isolate import Group, IsolateError, ReceivePort

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_broadcast_reaches_all_others_and_no_other_group() -> None:
    async def main() -> None:
        async with Group("a") as one, Group("a") as two, Group("b") as other:
            async with Group("a") as three:
                assert [g.size for g in (one, two, three, other)] == [3, 3, 3, 1]
                await one.broadcast("to all")
                await three.broadcast({"from": "three"})
                assert await two.receive() == "to all"
                assert await two.receive() == {"from": "three"}
                assert await one.receive() == {"from": "three"}
            await two.broadcast("three has gone")
            assert await one.receive() == "three has gone"
            await two.broadcast("three has gone")
            assert two.size == 2

    entries.bounded(main())


def test_those_who_join_at_once_meet() -> None:
    async def main() -> None:
        groups = [Group("crowd") for _ in range(8)]
        async with contextlib.AsyncExitStack() as stack:
            await asyncio.gather(*(stack.enter_async_context(group) for group in groups))
            assert {group.size for group in groups} == {8}
            await groups[0].broadcast(1)
            assert [await group.receive() for group in groups[1:]] == [1] * 7

    entries.bounded(main())


def test_a_group_spans_isolates(kind: str) -> None:
    async def main() -> None:
        with ReceivePort() as port:
            async with Group("span") as group, contextlib.AsyncExitStack() as stack:
                for _ in range(2):
                    child = isolate.spawn(entries.join_group, port.send_port, "span", kind=kind)
                    await stack.enter_async_context(child)
                    assert await port.receive() == "joined"
                assert group.size == 3
                await group.broadcast("hello")
                assert [await port.receive() for _ in range(2)] == ["hello"] * 2

    entries.bounded(main())


def test_a_name_must_be_one() -> None:
    for name in ("", "a/b", "x" * 41):
        with pytest.raises(IsolateError, match="no name"):
            Group(name)


def test_a_stranger_without_a_port_is_shown_out() -> None:
    async def main() -> None:
        async with Group("door") as group:
            with socket.socket(*isolate.sending.FAMILY) as stranger:
                stranger.connect("\0" + group._prefix + group._token)
            async with Group("door") as other:
                await other.broadcast("fine")
                assert await group.receive() == "fine"

    entries.bounded(main())


@contextlib.contextmanager
def listening(url: str) -> Iterator[Iterator[str]]:
    with httpx.stream("GET", url) as response:
        yield response.iter_lines()


@pytest.mark.parametrize("mode", POSSIBLE, ids=str)
def test_a_chat_crosses_workers(mode: Mode) -> None:
    flags = ("--app-dir", str(EXAMPLES), "--workers", "2", "--graceful-timeout", "0")
    with Server("chat:app", *mode.flags, *flags) as server, contextlib.ExitStack() as stack:
        seen: set[str] = set()
        ears = []
        while len(seen) < 2:
            ears.append(stack.enter_context(listening(server.url)))
            seen.add(next(ears[-1]))
            assert len(ears) < 50
        kind = mode.flags[1]
        assert seen == {f"you are in worker-{n} ({kind})" for n in range(2)}
        for message in ("hello", "world"):
            assert httpx.post(server.url, content=message).status_code == 204
            assert [next(ear) for ear in ears] == [message] * len(ears)


@pytest.mark.parametrize("mode", POSSIBLE, ids=str)
def test_workers_keep_a_limit_together(mode: Mode) -> None:
    flags = ("--app-dir", str(EXAMPLES), "--workers", "2")
    with Server("limiter:app", *mode.flags, *flags) as server:
        # A connection for each request, so that both workers get some. What one tells the other
        # may be under way still, so a few more than 100 pass; alone, each would pass 100.
        passed = 0
        while ask(server) == 200:
            passed += 1
            assert passed < 200
        assert 100 <= passed <= 120


def ask(server: Server) -> int:
    connection = http.client.HTTPConnection(*server.address)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()
