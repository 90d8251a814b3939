"""A handler that takes about one and a half milliseconds of pure Python: a small page's worth."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from experiments.apps import cpu


def answer() -> bytes:
    """The work, and the body that proves it was done."""
    return cpu.answer() + cpu.answer() + cpu.answer()


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application; it has no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = answer()
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    body = answer()
    headers = [("Content-Length", str(len(body))), ("Content-Type", "text/plain")]
    start_response("200 OK", headers)
    return [body]
