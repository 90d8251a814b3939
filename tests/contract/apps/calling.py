"""How an application under test tells its test where it is, and waits there; see probe.py.

And what every interface's application tells of itself.
"""

import asyncio
import gc
import os
import socket
import threading


def call(port: str | int, word: str) -> str:
    """Say `word` to the test, and wait for its answer."""
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        sock.sendall(word.encode() + b"\n")
        return sock.recv(100).decode().strip()


# A protocol has but a weak reference to its reader, and the loop to a task: a framework's task that
# waits here, and that nobody else has kept, could be collected together with both.
_waiting: set[asyncio.StreamReader] = set()


async def call_async(port: str | int, word: str) -> str:
    """The same, without holding the loop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    _waiting.add(reader)
    try:
        writer.write(word.encode() + b"\n")
        return (await reader.readline()).decode().strip()
    finally:
        _waiting.discard(reader)
        writer.close()
        await writer.wait_closed()


def whoami() -> dict[str, int]:
    """The isolate in which this runs."""
    return {
        "interpreter": interpreter_id(),
        "thread": threading.get_native_id(),
        "pid": os.getpid(),
    }


def garbage() -> dict[str, int]:
    """Objects that the collector has found in this interpreter so far, up to now."""
    gc.collect()
    return {"collected": sum(generation["collected"] for generation in gc.get_stats())}


def interpreter_id() -> int:
    """The number of this interpreter; the main one's is 0."""
    try:
        import _interpreters
    except ModuleNotFoundError:
        return 0
    return int(_interpreters.get_current()[0])
