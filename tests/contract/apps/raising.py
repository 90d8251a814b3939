"""Applications that raise what their path names, in each interface; else, they say hello."""

import sys
from collections.abc import Callable, Iterable
from typing import Any


def recurse() -> Any:
    """RecursionError."""
    return recurse()


def interrupt() -> Any:
    """KeyboardInterrupt, out of nowhere."""
    raise KeyboardInterrupt


RAISES: dict[str, Callable[[], Any]] = {
    "/exit": lambda: sys.exit("leaving"),
    "/interrupt": interrupt,
    "/recursion": recurse,
    "/memory": lambda: bytes(1 << 62),
}


def hello(path: str) -> bytes:
    """The answer, if there is one."""
    RAISES.get(path, lambda: None)()
    return b"hello"


async def asgi(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """The ASGI application; it has no lifespan."""
    assert scope["type"] == "http"
    body = hello(scope["path"])
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The WSGI application."""
    body = hello(environ["PATH_INFO"])
    start_response("200 OK", [])
    return [body]


def native(request: Any) -> bytes:
    """The native handler."""
    return hello(request.path)
