"""An application that says what has reached it, against ASGI and against WSGI."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any


def _said(**seen: Any) -> bytes:
    return json.dumps(seen, separators=(",", ":")).encode("ascii")


def _fields(method: str, data: bytes) -> list[tuple[str, str]]:
    fields = [("content-type", "application/json"), ("content-length", str(len(data)))]
    if method in ("HEAD", "CONNECT"):
        # The only way to say it where a response has no body.
        fields.append(("x-seen", data.decode("ascii")))
    return fields


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application; it has no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    data = _said(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=[
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
        ],
        body=body.decode("latin-1"),
    )
    fields = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in _fields(scope["method"], data)]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": data})


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application. It reads to the end, which PEP 3333's servers have to mark."""
    body = environ["wsgi.input"].read()
    method = environ["REQUEST_METHOD"]
    data = _said(
        method=method,
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=[
            [name.removeprefix("HTTP_").replace("_", "-").lower(), value]
            for name, value in environ.items()
            if name.startswith("HTTP_")
        ],
        body=body.decode("latin-1"),
    )
    start_response("200 OK", _fields(method, data))
    return [data]
