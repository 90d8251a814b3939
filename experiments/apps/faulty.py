"""An ASGI application that does to its worker what the path says, else says which worker it is.

/slow answers after half a second. What fails in start-up is the next worker that starts, and only
that, where $FAULTY names a file: /startup makes the file, and the start-up takes it away.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

type _Receive = Callable[[], Awaitable[dict[str, Any]]]
type _Send = Callable[[dict[str, Any]], Awaitable[None]]

_HELD = 1.0  # seconds for which no memory is free
_SLOW = 0.5


def _interrupt() -> None:
    raise KeyboardInterrupt


def _recurse() -> None:
    _recurse()


def _raise_memory_error() -> None:
    bytearray(1 << 62)


def _spin() -> None:
    while True:
        pass


def _crash() -> None:
    ctypes.string_at(0)


def _wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _match_for_ever() -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


def _fail_the_next_start() -> None:
    Path(os.environ["FAULTY"]).touch()
    sys.exit("to be replaced")


async def _stop_the_loop() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.Event().wait()


async def _hold_all_memory() -> None:
    held, size = [], 1 << 20
    while size >= 64:
        try:
            held.append(bytes(size))
        except MemoryError:
            size //= 2
    await asyncio.sleep(_HELD)
    raise MemoryError(f"{len(held)} pieces")


FAULTS: dict[str, Callable[[], Awaitable[None] | None]] = {
    "/exit": lambda: os._exit(3),
    "/segv": _crash,
    "/abort": os.abort,
    "/kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "/leave": lambda: sys.exit("leaving"),
    "/interrupt": _interrupt,
    "/recursion": _recurse,
    "/memory": _raise_memory_error,
    "/hoard": _hold_all_memory,
    "/spin": _spin,
    "/lock": _wait_for_a_lock,
    "/regex": _match_for_ever,
    "/startup": _fail_the_next_start,
    "/stop": _stop_the_loop,
}


async def app(scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
    """The application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if fault := FAULTS.get(scope["path"]):
        done = fault()
        if done is not None:
            await done
    if scope["path"] == "/slow":
        await asyncio.sleep(_SLOW)
    body = b"%d %d" % (os.getpid(), threading.get_native_id())
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: _Receive, send: _Send) -> None:
    await receive()
    with contextlib.suppress(KeyError, FileNotFoundError):
        os.unlink(os.environ["FAULTY"])
        await send({"type": "lifespan.startup.failed", "message": "not this time"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
