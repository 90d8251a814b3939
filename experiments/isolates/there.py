"""What runs on the other side."""

import socket
from collections.abc import Iterator
from typing import Any

from subsrv.isolate import ReceivePort, SendPort


def numbers(count: int) -> Iterator[int]:
    """The small messages."""
    return iter(range(count))


def nothing() -> None:
    """The empty function."""


# subsrv.isolate.


async def stream(port: SendPort, count: int) -> None:
    """One message after another, in a loop."""
    for number in numbers(count):
        await port.send(number)


def stream_sync(port: SendPort, count: int) -> None:
    """One message after another, each at once."""
    for number in numbers(count):
        port.send_sync(number)


def stream_lists(port: SendPort, count: int) -> None:
    """A hundred at a time."""
    for start in range(0, count, 100):
        port.send_many(list(range(start, min(start + 100, count))))


def echo(port: SendPort) -> None:
    """Send back what comes."""
    with ReceivePort() as inbox:
        port.send_sync(inbox.send_port)
        inbox.send_port.close()
        for message in inbox:
            port.send_sync(message)


# Peers. Queues of any kind have put and get, pipes send and recv.


def fill(queue: Any, count: int) -> None:
    """A queue of any kind."""
    for number in numbers(count):
        queue.put(number)


def pipe_fill(pipe: Any, count: int) -> None:
    """multiprocessing.Pipe."""
    for number in numbers(count):
        pipe.send(number)


def reflect(inbox: Any, outbox: Any) -> None:
    """Queues of any kind, until None comes."""
    while (message := inbox.get()) is not None:
        outbox.put(message)


def pipe_reflect(pipe: Any) -> None:
    """multiprocessing.Pipe, until None comes."""
    while (message := pipe.recv()) is not None:
        pipe.send(message)


def socket_reflect(fd: int) -> None:
    """A bare socketpair."""
    with socket.socket(fileno=fd) as sock:
        while data := sock.recv(65536):
            sock.sendall(data)
