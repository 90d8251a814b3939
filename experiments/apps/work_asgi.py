"""The work as ASGI applications; they have no lifespan."""

from collections.abc import Awaitable, Callable
from typing import Any

from experiments.apps import work

type _Scope = dict[str, Any]
type _Receive = Callable[[], Awaitable[dict[str, Any]]]
type _Send = Callable[[dict[str, Any]], Awaitable[None]]


async def _answer(send: _Send, body: bytes, kind: bytes = b"text/plain") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: _Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = [body]
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
        body = b"".join(parts)
    return body


def _only_http(scope: _Scope) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])


async def hello(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Say hello, whatever is asked."""
    _only_http(scope)
    await _answer(send, work.HELLO)


async def chat(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Give each message of a WebSocket back; say hello to who asks for anything else."""
    if scope["type"] != "websocket":
        await hello(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


async def baseline(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Add up the query and the body."""
    _only_http(scope)
    body = await _body(receive) if scope["method"] == "POST" else b""
    await _answer(send, work.total(scope["query_string"].decode(), body))


async def articles(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Compute and encode a list of articles."""
    _only_http(scope)
    await _answer(send, work.articles(scope["query_string"].decode()), b"application/json")


async def echo(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Give the body back."""
    _only_http(scope)
    await _answer(send, await _body(receive), b"application/octet-stream")


async def upload(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Count the bytes of the body as they come."""
    _only_http(scope)
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await _answer(send, b"%d" % size)


async def stream(scope: _Scope, receive: _Receive, send: _Send) -> None:
    """Send 1 MiB in parts, without saying before how much it will be."""
    _only_http(scope)
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for chunk in work.CHUNKS:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
