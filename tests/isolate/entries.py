"""What the isolates under test run."""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

from subsrv import isolate
from subsrv.isolate import ReceivePort, SendPort, Transferable


def bounded[T](test: Coroutine[Any, Any, T]) -> T:
    """Run a test in a loop; only what hangs reaches the bound."""
    return asyncio.run(asyncio.wait_for(test, 20))


class Weird:
    """Pickles, but does not unpickle."""

    def __reduce__(self) -> Any:
        return fail, ("cannot be made again",)


def fail(text: str) -> None:
    raise ValueError(text)


class Unpicklable(Exception):  # noqa: N818
    def __reduce__(self) -> Any:
        raise TypeError("never")


def identity() -> dict[str, int]:
    import _interpreters

    return {
        "interpreter": _interpreters.get_current()[0],
        "thread": threading.get_native_id(),
        "pid": os.getpid(),
    }


def who(reply: SendPort) -> None:
    reply.send_sync((isolate.kind, isolate.current().name, identity()))


def count(port: SendPort, sender: int, messages: int) -> None:
    for number in range(messages):
        port.send_sync((sender, number))


async def count_async(port: SendPort, sender: int, messages: int) -> None:
    for number in range(messages):
        await port.send((sender, number))


def count_many(port: SendPort, sender: int, messages: int) -> None:
    numbers: list[Any] = [(sender, number) for number in range(messages)]
    for start in range(0, messages, 1000):
        port.send_many(numbers[start : start + 1000])


def echo(port: SendPort) -> None:
    with ReceivePort() as inbox:
        port.send_sync(inbox.send_port)
        inbox.send_port.close()
        for message in inbox:
            port.send_sync(message)


async def echo_async(port: SendPort) -> None:
    with ReceivePort() as inbox:
        await port.send(inbox.send_port)
        inbox.send_port.close()
        async for message in inbox:
            await port.send(message)


def double(port: SendPort) -> None:
    with ReceivePort() as inbox:
        port.send_sync(inbox.send_port)
        block: Transferable = inbox.receive_sync()
        view = block.view
        for index in range(len(view)):
            view[index] = view[index] * 2 % 256
        del view
        port.send_sync(block)


def spin(started: SendPort) -> None:
    started.send_sync("started")
    while True:
        pass


def spin_in_vain(started: SendPort) -> None:
    """Ends only when it is asked twice."""
    try:
        started.send_sync("started")
        while True:
            pass
    except isolate.Killed:
        started.send_sync("refused")
    while True:
        pass


def wait(started: SendPort) -> None:
    with ReceivePort() as inbox:
        started.send_sync("started")
        inbox.receive_sync()


def wait_to_send(started: SendPort, full: SendPort) -> None:
    started.send_sync("started")
    while True:
        full.send_sync(b"x" * 1000)


async def wait_async(started: SendPort) -> None:
    try:
        started.send_sync("started")
        await asyncio.Event().wait()
    finally:
        started.send_sync("cleaned up")


async def spin_async(started: SendPort) -> None:
    await started.send("started")
    await started.flush()
    while True:
        pass


def work(inbox_to: SendPort, answers: SendPort) -> None:
    with ReceivePort() as inbox:
        inbox_to.send_sync(inbox.send_port)
        while True:
            answers.send_sync(inbox.receive_sync())


def boom(*_: object) -> None:
    raise ValueError("boom")


def boom_unpicklable() -> None:
    raise Unpicklable("odd")


def leave() -> None:
    sys.exit(3)


def crash(started: SendPort | None = None) -> None:
    if started is not None:
        started.send_sync("started")
    os._exit(7)


async def stumble(port: SendPort) -> None:
    """An error in a callback, and life after it."""
    asyncio.get_running_loop().call_soon(fail, "in a callback")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await port.send("still here")
    await port.flush()


def die_holding(port: SendPort) -> None:
    """End with messages taken but not handled, and ports that nobody closed."""
    inbox = ReceivePort()
    port.send_sync(inbox.send_port)
    inbox.receive_sync()
    port.send_sync("holding")
    raise ValueError("with my boots on")


def keep(port: SendPort) -> None:
    """Keep a port in a global: it closes all the same."""
    kept.append(port)
    port.send_sync("kept")


kept: list[SendPort] = []


def nested(port: SendPort) -> None:
    """An isolate of an isolate."""
    with ReceivePort() as inbox:
        child = isolate.spawn(who, inbox.send_port)
        port.send_sync((isolate.kind, inbox.receive_sync()[0]))
        child.join_sync()


def leak(port: SendPort) -> None:
    """Spawn, and end without a look back."""
    isolate.spawn(wait, port)


def square(number: int) -> int:
    return number * number


async def square_async(number: int) -> int:
    await asyncio.sleep(0)
    return number * number


def pid() -> int:
    return os.getpid()


def where() -> tuple[str, int, int, int]:
    here = identity()
    return isolate.kind, here["interpreter"], here["thread"], here["pid"]


def give(kind: str) -> Any:
    return {"weird": Weird(), "lock": threading.Lock(), "nothing": None}[kind]


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def raise_unpicklable() -> None:
    raise Unpicklable("odd")


def report_and_sleep(started: SendPort) -> None:
    with ReceivePort() as inbox, contextlib.suppress(isolate.Killed):
        started.send_sync("started")
        inbox.receive_sync()


def burn(seconds: float) -> int:
    turns = 0
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        turns += 1
    return turns


def flip(block: Transferable) -> Transferable:
    for index, value in enumerate(block.view):
        block.view[index] = 255 - value
    return block


async def join_group(port: SendPort, name: str) -> None:
    async with isolate.Group(name) as group:
        await port.send("joined")
        async for message in group:
            await port.send(message)


async def take_part(port: SendPort, number: int) -> None:
    """Add to a counter and change a cache, then say what is known of both when told to look."""
    with ReceivePort() as orders:
        async with isolate.Counter("hits") as hits, isolate.Cache("pages") as pages:
            before = hits.value, pages.get("motto")
            for _ in range(100):
                hits.add()
            pages.set(f"member {number}", {"number": number})
            await port.send((orders.send_port, before))
            async for _ in orders:
                known = [key for key in ("member 0", "member 1") if pages.get(key) is not None]
                await port.send((hits.value, known))


def hold(port: SendPort) -> None:
    """Take a message, and never let go of it."""
    with ReceivePort() as inbox:
        port.send_sync(inbox.send_port)
        message = inbox.receive_sync()
        port.send_sync("holding")
        inbox.receive_sync()
        message.clear()


def send_and_end(port: SendPort, other: SendPort) -> None:
    """Messages of each way to cross, under way when their sender's memory and ports are gone."""
    port.send_sync(1)
    port.send_sync(b"long" * 60_000)
    port.send_sync(other)
    port.send_sync(Transferable(b"block"))
