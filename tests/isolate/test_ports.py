"""Ports, within one isolate and between two."""

import asyncio
import contextlib
import errno
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from isolate import entries
from subsrv import isolate
from subsrv.isolate import (
    IsolateError,
    NotReceivableError,
    NotSendableError,
    PortClosedError,
    PortFullError,
    ReceivePort,
    Transferable,
)

WAIT = 20.0


class Point(NamedTuple):
    x: int
    y: int


MESSAGES = [
    *(None, True, False, 0, -1, 1 << 200, 1.5, float("inf"), 2j, "", "ä\ud800", b"", b"\0\xff"),
    *((), (1, "a", (None, b"b")), [], [1, [2]], [b"looks like a pickle"], {"a": {1, 2}}),
    *(Point(1, 2), (Point(1, 2), bytearray(b"c")), bytearray(b"c"), frozenset({1}), range(3)),
    *("x" * 200_000, b"x" * 3_000_000, list(range(50_000)), ("y" * 70_000, 1)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: f"{type(m).__name__}-{repr(m)[:20]}")
def test_a_message_arrives_as_it_was(message: Any) -> None:
    with ReceivePort() as port:
        # From another thread: a long one must be taken while it is sent.
        port.send_port.send_sync(message)
        port.send_port.send_sync("after it")
        got = port.receive_sync(timeout=WAIT)
        assert (type(got), got) == (type(message), message)
        assert port.receive_sync(timeout=WAIT) == "after it"


def test_all_messages_arrive_in_one_batch_whatever_their_kinds() -> None:
    with ReceivePort() as port:
        sender = threading.Thread(target=port.send_port.send_many, args=(MESSAGES * 3,))
        sender.start()
        assert [port.receive_sync(timeout=WAIT) for _ in MESSAGES * 3] == MESSAGES * 3
        sender.join()


def test_what_cannot_be_pickled_is_refused_and_the_port_goes_on() -> None:
    with ReceivePort() as port:
        deep: Any = ()
        for _ in range(100_000):
            deep = (deep,)
        for message in (lambda: None, threading.Lock(), port, {"deep": deep}):
            with pytest.raises(NotSendableError):
                port.send_port.send_sync(message)
        port.send_port.send_sync("fine")
        assert port.receive_sync(timeout=WAIT) == "fine"


def test_what_cannot_be_unpickled_is_told_to_the_receiver_and_the_port_goes_on() -> None:
    with ReceivePort() as port:
        port.send_port.send_many([entries.Weird(), "fine"])
        with pytest.raises(NotReceivableError, match="cannot be made again"):
            port.receive_sync(timeout=WAIT)
        assert port.receive_sync(timeout=WAIT) == "fine"


def test_both_sides_see_the_end() -> None:
    port = ReceivePort()
    sender = port.send_port.copy()
    port.send_port.send_sync("last")
    port.send_port.close()
    sender.close()
    with pytest.raises(PortClosedError):
        sender.send_sync("late")
    assert list(port) == ["last"]
    with pytest.raises(PortClosedError, match="all senders"):
        port.receive_sync()
    port.close()
    with pytest.raises(PortClosedError):
        port.receive_sync()

    port = ReceivePort()
    sender = port.send_port.copy()
    port.close()
    with pytest.raises(PortClosedError):
        sender.send_sync("to nobody")
    with pytest.raises(PortClosedError):
        asyncio.run(sender.send("to nobody"))
    sender.close()


def test_a_bounded_port_holds_back_its_senders() -> None:
    with ReceivePort(buffer=8192) as port:
        sent = 0
        with contextlib.suppress(PortFullError):
            while sent < 100_000:
                port.send_port.send_nowait(sent)
                sent += 1
        assert 0 < sent < 1000
        with pytest.raises(TimeoutError):
            port.send_port.send_sync("kept", timeout=0.01)
        got = [port.receive_sync(timeout=WAIT) for _ in range(sent)]
        assert got == list(range(sent))
        port.send_port.flush_sync(timeout=WAIT)
        assert port.receive_sync(timeout=WAIT) == "kept"


def test_a_bounded_port_holds_back_senders_in_a_loop() -> None:
    async def main() -> None:
        with ReceivePort(buffer=8192) as port:
            task = asyncio.create_task(produce(port))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not task.done()
            for number in range(5000):
                assert await port.receive() == (0, number)
            await task

    async def produce(port: ReceivePort) -> None:
        await entries.count_async(port.send_port, 0, 5000)

    entries.bounded(main())


@pytest.mark.parametrize("count", [entries.count, entries.count_many])
def test_an_unbounded_port_holds_back_nobody(count: Callable[..., None]) -> None:
    with ReceivePort(buffer=8192, unbounded=True) as port:
        count(port.send_port, 0, 5000)
        port.send_port.send_nowait("and one")
        # Closed with all that in it: it goes on, and ends after it.
        port.send_port.close()
        assert [*port] == [*((0, number) for number in range(5000)), "and one"]


def test_an_unbounded_port_in_a_loop() -> None:
    async def main() -> None:
        with ReceivePort(buffer=8192, unbounded=True) as port:
            await entries.count_async(port.send_port, 0, 5000)
            for number in range(5000):
                assert await port.receive() == (0, number)

    entries.bounded(main())


def test_a_port_outlives_a_loop() -> None:
    with ReceivePort() as port:

        async def turn(number: int) -> None:
            receiving = asyncio.create_task(port.receive())
            await asyncio.sleep(0)
            await port.send_port.send(number)
            assert await receiving == number

        for number in range(3):
            asyncio.run(turn(number))


def test_a_cancelled_receiver_loses_nothing() -> None:
    async def main() -> None:
        with ReceivePort() as port:
            for number in range(50):
                first = asyncio.create_task(port.receive())
                second = asyncio.create_task(port.receive())
                await asyncio.sleep(0)
                await port.send_port.send(number)
                if number % 2:
                    # Between the arrival and the task's turn.
                    await port.send_port.flush()
                    await asyncio.sleep(0)
                first.cancel()
                done = await asyncio.gather(first, return_exceptions=True)
                if list(done) == [number]:
                    second.cancel()
                    await asyncio.gather(second, return_exceptions=True)
                else:
                    assert await second == number

    entries.bounded(main())


def test_closing_wakes_whoever_waits() -> None:
    async def main() -> None:
        port = ReceivePort()
        waiting = asyncio.create_task(port.receive())
        await asyncio.sleep(0)
        port.close()
        with pytest.raises(PortClosedError):
            await waiting

        port = ReceivePort()
        waiting = asyncio.create_task(port.receive())
        await asyncio.sleep(0)
        port.send_port.close()
        with pytest.raises(PortClosedError):
            await waiting
        port.close()

    entries.bounded(main())


def test_ports_travel_in_messages_and_in_each_other() -> None:
    with ReceivePort() as port, ReceivePort() as other:
        for _ in range(3):
            port.send_port.send_sync({"reply": other.send_port, "again": [other.send_port]})
            got = port.receive_sync(timeout=WAIT)
            got["reply"].send_sync("one")
            got["again"][0].send_sync("two")
            assert other.receive_sync(timeout=WAIT) == "one"
            assert other.receive_sync(timeout=WAIT) == "two"
        del got
        other.send_port.close()
        with pytest.raises(PortClosedError):
            other.receive_sync(timeout=WAIT)


def test_descriptors_of_lost_messages_are_closed() -> None:
    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    with ReceivePort() as lost:
        port = ReceivePort()
        port.send_port.send_sync(lost.send_port)
        port.send_port.send_sync((lost.send_port, b"x" * 100_000))
        port.send_port.send_sync([lost.send_port, entries.Weird()])
        for _ in range(2):
            port.receive_sync()
        with pytest.raises(NotReceivableError):
            port.receive_sync()
        port.send_port.send_sync(lost.send_port)
        port.send_port.send_sync(Transferable(b"lost"))
        port.close()
        with pytest.raises(NotSendableError):
            lost.send_port.send_sync([lost.send_port, threading.Lock()])
        del port
    del lost
    assert descriptors() == before


def test_too_many_ports_in_one_message_are_refused() -> None:
    with ReceivePort() as port:
        with pytest.raises(NotSendableError, match="251"):
            port.send_port.send_sync(
                [port.send_port] * 1 + [port.send_port.copy() for _ in range(251)]
            )
        gc.collect()
        copies = [port.send_port.copy() for _ in range(200)]
        port.send_port.send_sync(copies)
        assert len(port.receive_sync(timeout=WAIT)) == 200


def test_an_end_of_descriptors_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with ReceivePort() as port:
        with monkeypatch.context() as patch:
            patch.setattr(os, "dup", refuse)
            with pytest.raises(NotSendableError, match="Too many open files"):
                port.send_port.send_sync([port.send_port])
        port.send_port.send_sync("fine")
        assert port.receive_sync(timeout=WAIT) == "fine"


def test_ports_travel_in_no_other_way() -> None:
    import pickle

    with ReceivePort() as port, Transferable(b"a") as block:
        for thing in (port.send_port, block):
            with pytest.raises(TypeError, match="only in a message"):
                pickle.dumps(thing)


def test_a_transferable_moves() -> None:
    with ReceivePort() as port, Transferable(bytearray(b"abc")) as block:
        assert bytes(block.view) == b"abc"
        block.view[0] = ord("x")
        held = block.view[:1]
        with pytest.raises(NotSendableError, match=r"export"):
            port.send_port.send_sync(block)
        held.release()
        with pytest.raises(NotSendableError):
            port.send_port.send_sync((block, threading.Lock()))
        assert bytes(block.view) == b"xbc"
        port.send_port.send_sync(block)
        with pytest.raises(IsolateError, match="moved"):
            block.view  # noqa: B018
        with pytest.raises(NotSendableError, match="moved"):
            port.send_port.send_sync(block)
        with port.receive_sync(timeout=WAIT) as arrived:
            assert bytes(arrived.view) == b"xbc"
            assert len(arrived) == 3
    with Transferable(b"") as empty, Transferable.allocate(5) as zeros:
        assert (bytes(empty.view), bytes(zeros.view)) == (b"", b"\0" * 5)


# Between isolates.


def test_messages_cross_and_come_back(kind: str) -> None:
    with ReceivePort() as port, isolate.spawn(entries.echo, port.send_port, kind=kind) as child:
        there = port.receive_sync(timeout=WAIT)
        for message in MESSAGES:
            there.send_sync(message)
            got = port.receive_sync(timeout=WAIT)
            if isinstance(message, tuple) and type(message) is not tuple:
                assert got == message
            else:
                assert (type(got), got) == (type(message), message)
        there.close()
        assert child.join_sync(timeout=WAIT).reason == "done"


def test_messages_cross_in_a_loop(kind: str) -> None:
    async def main() -> None:
        with ReceivePort() as port:
            async with isolate.spawn(entries.echo_async, port.send_port, kind=kind) as child:
                there = await port.receive()
                for message in MESSAGES:
                    await there.send(message)
                    assert await port.receive() == message
                there.close()
                assert (await child.join()).reason == "done"

    entries.bounded(main())


def test_nothing_is_lost_doubled_or_reordered(kind: str) -> None:
    ways = (entries.count, entries.count_async, entries.count_many)
    with ReceivePort(buffer=16384) as port:
        senders = [
            isolate.spawn(way, port.send_port, number, 5000, kind=kind)
            for number, way in enumerate(ways)
        ]
        port.send_port.close()
        next_of = [0] * len(ways)
        for sender, number in port:
            assert number == next_of[sender]
            next_of[sender] += 1
        assert next_of == [5000] * len(ways)
        assert {child.join_sync(timeout=WAIT).reason for child in senders} == {"done"}


# A build without the GIL takes many times as long for each (10 s for all here).
MANY = 1_000_000 if sys._is_gil_enabled() else 200_000


def test_a_million_messages() -> None:
    with ReceivePort() as port:
        sender = isolate.spawn(entries.count_many, port.send_port, 0, MANY, kind="interp")
        port.send_port.close()
        expected = 0
        for _, number in port:
            assert number == expected
            expected += 1
        assert expected == MANY
        assert sender.join_sync(timeout=WAIT).reason == "done"


def test_a_transferable_crosses_and_comes_back(kind: str) -> None:
    with (
        ReceivePort() as port,
        isolate.spawn(entries.double, port.send_port, kind=kind) as child,
        port.receive_sync(timeout=WAIT) as there,
    ):
        there.send_sync(Transferable(bytes(range(256)) * 20))
        with port.receive_sync(timeout=WAIT) as back:
            assert bytes(back.view) == bytes(i * 2 % 256 for i in range(256)) * 20
        assert child.join_sync(timeout=WAIT).reason == "done"


def test_a_receiver_that_dies_closes_its_port(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.die_holding, port.send_port, kind=kind)
        there = port.receive_sync(timeout=WAIT)
        for number in range(10):
            with contextlib.suppress(PortClosedError):
                there.send_sync(number)
        assert port.receive_sync(timeout=WAIT) == "holding"
        assert child.join_sync(timeout=WAIT).reason == "error"
        with pytest.raises(PortClosedError):
            there.send_sync("late")


def test_a_sender_that_ends_closes_what_it_kept(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.keep, port.send_port, kind=kind)
        port.send_port.close()
        assert list(port) == ["kept"]
        assert child.join_sync(timeout=WAIT).reason == "done"


def test_a_sender_in_the_middle_of_it_sees_the_receiver_go(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.count, port.send_port, 0, 10_000_000, kind=kind)
        assert port.receive_sync(timeout=WAIT) == (0, 0)
    how = child.join_sync(timeout=WAIT)
    assert (how.reason, type(how.error)) == ("error", PortClosedError)


def test_a_default_timeout_of_sockets_is_nothing_to_ports(kind: str) -> None:
    socket.setdefaulttimeout(0.001)
    try:
        with ReceivePort() as port, isolate.spawn(entries.wait, port.send_port, kind=kind) as child:
            assert port.receive_sync() == "started"
            with pytest.raises(TimeoutError, match="nothing came"):
                port.receive_sync(timeout=0.01)
            with pytest.raises(TimeoutError, match="nothing came"):
                port.receive_sync(timeout=0)
            child.ping_sync(timeout=WAIT)
    finally:
        socket.setdefaulttimeout(None)
