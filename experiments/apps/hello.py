"""Hello, world on the bare interfaces, and the state of the worker for who asks by POST."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from experiments.apps.state import state

_HELLO = b"Hello, world!"
_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
_WSGI_HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "13")]


class _Request(Protocol):
    @property
    def method(self) -> str: ...


def native(request: _Request) -> bytes:
    """The native application."""
    # By the method, which is there already: to look at the path would decode it each time.
    return state() if request.method == "POST" else _HELLO


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application; it has no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body, headers = _HELLO, _HEADERS
    if scope["method"] == "POST":
        body = state()
        headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    if environ["REQUEST_METHOD"] == "POST":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [state()]
    start_response("200 OK", _WSGI_HEADERS)
    return [_HELLO]
