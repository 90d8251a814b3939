"""Hello, world at once, and at /slow after twenty milliseconds of pure Python."""

from collections.abc import Awaitable, Callable
from typing import Any

from experiments.apps import cpu
from experiments.apps.state import state

_HELLO = b"Hello, world!"
_TIMES = 40  # of half a millisecond


def slow_answer() -> bytes:
    """The long work, and the body that proves that it was done."""
    for _ in range(_TIMES):
        body = cpu.answer()
    return body


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application; it has no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["method"] == "POST":
        body = state()
    elif scope["path"] == "/slow":
        body = slow_answer()
    else:
        body = _HELLO
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
