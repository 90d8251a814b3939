"""What the worker serves while its instructions are counted.

GET is hello, POST gives the body back, STREAM sends sixteen kilobytes in as many pieces. Two more
methods are for whoever counts: PAUSE stops the worker within the request until it hears from the
pipe, so that the requests of a batch all wait when it goes on; MARK calls what callgrind looks out
for.
"""

import functools
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from subsrv.apps.native import Request

GATE = "SUBSRV_INSTRUCTIONS_GATE"
"""The variable with the descriptor of the worker's end of a socket pair."""

MARK = "getpriority"
"""The function of the C library that MARK calls; nothing else does."""

_HELLO = b"Hello, world!"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
_WSGI_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13")]
_BINARY = [(b"content-type", b"application/octet-stream")]
_WSGI_BINARY = [("Content-Type", "application/octet-stream")]
_PIECES = [bytes(1024)] * 16

type _Send = Callable[[dict[str, Any]], Awaitable[None]]
type _Receive = Callable[[], Awaitable[dict[str, Any]]]


def before_a_mark() -> None:
    """What the worker does then; serve.py sets it."""


@functools.cache
def _gate() -> socket.socket:
    return socket.socket(fileno=int(os.environ[GATE]))


def _serve(method: str) -> bytes:
    if method == "PAUSE":
        gate = _gate()
        gate.send(b".")
        gate.recv(1)
    else:
        before_a_mark()
        os.getpriority(os.PRIO_PROCESS, 0)
    return _HELLO


def native(request: Request) -> bytes:
    """The native application."""
    method = request.method
    if method == "GET":
        return _HELLO
    return request.body if method == "POST" else _serve(method)


async def asgi(scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
    """The ASGI application; without lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    method = scope["method"]
    body, headers = _HELLO, _HEADERS
    if method == "POST":
        headers, body, more = _BINARY, b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
    elif method == "STREAM":
        await send({"type": "http.response.start", "status": 200, "headers": _BINARY})
        for piece in _PIECES:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
        return
    elif method != "GET":
        _serve(method)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    method = environ["REQUEST_METHOD"]
    if method == "GET":
        start_response("200 OK", _WSGI_HEADERS)
        return [_HELLO]
    if method == "POST":
        start_response("200 OK", _WSGI_BINARY)
        return [environ["wsgi.input"].read()]
    if method == "STREAM":
        start_response("200 OK", _WSGI_BINARY)
        return iter(_PIECES)
    start_response("200 OK", _WSGI_HEADERS)
    return [_serve(method)]
