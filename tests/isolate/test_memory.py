"""Long messages: the memory that they cross in."""

import contextlib
import os
import threading
from typing import Any

import pytest

from isolate import entries
from subsrv import isolate
from subsrv.isolate import PortFullError, ReceivePort
from subsrv.isolate.sending import PACKET

WAIT = 20.0
LONG = 300_000


def long(number: int, size: int = LONG) -> bytes:
    return bytes([number % 256]) * size


def test_memory_is_filled_again_only_when_its_message_has_been_read() -> None:
    with ReceivePort() as port:
        sender = port.send_port
        for number in range(0, 30, 3):
            for each in range(3):
                # As bytes, and as a pickle.
                sender.send_sync(long(number + each) if each else [long(number + each)])
            got = [port.receive_sync(timeout=WAIT) for _ in range(3)]
            assert got == [[long(number)], long(number + 1), long(number + 2)]
        assert len(sender._lender._pieces) == 3
        sender.close()
        assert sender._lender._pieces == []


def test_memory_is_kept_by_size_and_within_bounds() -> None:
    with ReceivePort() as port:
        lender = port.send_port._lender

        def cross(size: int) -> list[int]:
            port.send_port.send_sync(long(size, size))
            assert port.receive_sync(timeout=WAIT) == long(size, size)
            return [piece.size >> 20 for piece in lender._pieces]

        assert cross(2 << 20) == cross(1 << 20) == [2]
        assert cross(20 << 20) == [2, 20]
        assert cross(33 << 20) == [2, 20]
        # The smallest makes room.
        assert cross(31 << 20) == [31]


def test_a_message_that_was_not_sent_gives_its_memory_back() -> None:
    with ReceivePort(buffer=8192) as port:
        fill(port, 1)
        for number in range(3):
            with pytest.raises(PortFullError):
                port.send_port.send_nowait(long(number))
        (piece,) = port.send_port._lender._pieces
        assert piece.rewrite(b"it is free")


def test_a_few_long_messages_fill_a_port() -> None:
    with ReceivePort() as port:
        assert 1 < fill(port, long(1, 5_000_000)) < 10


def fill(port: ReceivePort, message: Any) -> int:
    sent = 0
    with contextlib.suppress(PortFullError):
        while sent < 1000:
            port.send_port.send_nowait(message)
            sent += 1
    return sent


def test_a_message_with_a_port_may_be_as_long_as_a_packet() -> None:
    with ReceivePort() as port, ReceivePort() as other:
        # Some that just fit, with what pickling and the packet add, and some that just do not.
        for size in range(PACKET - 200, PACKET, 10):
            port.send_port.send_sync((other.send_port, long(size, size)))
            reply, data = port.receive_sync(timeout=WAIT)
            assert data == long(size, size)
            reply.close()


def test_threads_that_share_a_sender_do_not_share_memory() -> None:
    with ReceivePort() as port:

        def send(mine: int) -> None:
            for number in range(20):
                port.send_port.send_sync((mine, number, long(10 * mine + number)))

        threads = [threading.Thread(target=send, args=(mine,)) for mine in range(4)]
        for thread in threads:
            thread.start()
        expected = [0] * 4
        for _ in range(80):
            mine, number, data = port.receive_sync(timeout=WAIT)
            assert number == expected[mine]
            assert data == long(10 * mine + number)
            expected[mine] += 1
        for thread in threads:
            thread.join()


def test_long_messages_cross_and_come_back(kind: str) -> None:
    with ReceivePort() as port, isolate.spawn(entries.echo, port.send_port, kind=kind):
        there = port.receive_sync(timeout=WAIT)
        for turn in range(4):
            messages: list[Any] = [long(turn), (turn, long(turn, 2 * LONG)), {"a": long(turn)}]
            there.send_many(messages)
            assert [port.receive_sync(timeout=WAIT) for _ in messages] == messages


def test_long_messages_in_a_loop_leave_no_descriptor(kind: str) -> None:
    before = len(os.listdir("/proc/self/fd"))

    async def main() -> None:
        with ReceivePort() as port:
            async with isolate.spawn(entries.echo_async, port.send_port, kind=kind):
                there = await port.receive()
                for turn in range(10):
                    await there.send(long(turn))
                for turn in range(10):
                    assert await port.receive() == long(turn)
                there.close()

    entries.bounded(main())
    assert len(os.listdir("/proc/self/fd")) == before
