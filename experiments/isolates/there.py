"""What runs on the other side."""

import socket
import time
from typing import Any

from subsrv.isolate import ReceivePort, SendPort

#: What streams are made of.
SAMPLES: dict[str, Any] = {
    "int": 1,
    "1 KB of bytes": bytes(1000),
    "a dict": {"name": "order", "lines": [1, 2, 3], "total": 9.5, "paid": False},
    "100 KB of bytes": bytes(100_000),
}


def nothing() -> None:
    """The empty function."""


def burn() -> int:
    """Some milliseconds of Python."""
    return sum(number * number for number in range(100_000))


# subsrv.isolate. The first message of a stream says when it began, by a clock that all share.


async def stream(port: SendPort, what: str, count: int) -> None:
    """One message after another, in a loop."""
    message = SAMPLES[what]
    await port.send(time.perf_counter())
    for _ in range(count):
        await port.send(message)


def stream_sync(port: SendPort, what: str, count: int) -> None:
    """One message after another, each at once."""
    message = SAMPLES[what]
    port.send_sync(time.perf_counter())
    for _ in range(count):
        port.send_sync(message)


def stream_lists(port: SendPort, what: str, count: int) -> None:
    """A hundred at a time."""
    batch = [SAMPLES[what]] * 100
    port.send_sync(time.perf_counter())
    for _ in range(count // 100):
        port.send_many(batch)


def echo(port: SendPort) -> None:
    """Send back what comes."""
    with ReceivePort() as inbox:
        port.send_sync(inbox.send_port)
        inbox.send_port.close()
        for message in inbox:
            port.send_sync(message)


# Peers. Queues of any kind have put and get, pipes send and recv.


def fill(queue: Any, what: str, count: int) -> None:
    """A queue of any kind."""
    message = SAMPLES[what]
    queue.put(time.perf_counter())
    for _ in range(count):
        queue.put(message)


def pipe_fill(pipe: Any, what: str, count: int) -> None:
    """multiprocessing.Pipe."""
    message = SAMPLES[what]
    pipe.send(time.perf_counter())
    for _ in range(count):
        pipe.send(message)


def reflect(inbox: Any, outbox: Any) -> None:
    """Queues of any kind, until None comes."""
    while (message := inbox.get()) is not None:
        outbox.put(message)


def pipe_reflect(pipe: Any) -> None:
    """multiprocessing.Pipe, until None comes."""
    while (message := pipe.recv()) is not None:
        pipe.send(message)


def socket_reflect(inbox: int, outbox: int) -> None:
    """Bare sockets; they may be one."""
    with socket.socket(fileno=inbox) as source, socket.socket(fileno=outbox) as sink:
        while data := source.recv(65536):
            sink.send(data)
