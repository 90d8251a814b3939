"""The built-in application, "Hello, world!", once for each interface."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from subsrv.apps.native import Request

_BODY = b"Hello, world!"
_ASGI_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
_WSGI_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13")]


def native(_request: Request) -> bytes:
    """The native handler, the nearest to `request.response.write('Hello, world!')`."""
    return _BODY


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application; without lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(f"no {scope['type']} here")
    await send({"type": "http.response.start", "status": 200, "headers": _ASGI_HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


def wsgi(_environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    start_response("200 OK", _WSGI_HEADERS)
    return [_BODY]
