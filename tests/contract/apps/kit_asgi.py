"""An ASGI application with a path for each thing that a server can get wrong."""

import asyncio
import contextlib
import contextvars
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from contract.apps import kit_websocket
from contract.apps.calling import call_async, garbage, whoami

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES: dict[str, Handler] = {}
# What `/progress` reports; a test that looks at it has the server to itself.
SENT = {"blocks": 0}


def route(handler: Handler) -> Handler:
    """Serve the function's name as a path."""
    ROUTES["/" + handler.__name__.replace("_", "-")] = handler
    return handler


class DisconnectError(Exception):
    """The client is gone, so there is nothing to answer."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch by path."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await kit_websocket.app(scope, receive, send)
        return
    with contextlib.suppress(DisconnectError):
        await ROUTES.get(scope["path"], not_found)(scope, receive, send)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Leave something in the state."""
    await receive()
    scope["state"]["greeting"] = "from startup"
    scope["state"]["shared"] = []
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def query(scope: Scope) -> dict[str, str]:
    """The query's parameters."""
    return dict(parse_qsl(scope["query_string"].decode()))


async def read(receive: Receive) -> bytes:
    """The whole body."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectError
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def start(send: Send, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """Begin a response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def body(send: Send, data: bytes, *, more: bool = False) -> None:
    """Send a piece of the body, the last one unless there is more."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def answer(send: Send, data: bytes) -> None:
    """A whole response."""
    await start(send, 200, (b"content-type", b"application/octet-stream"))
    await body(send, data)


async def answer_json(send: Send, data: Any) -> None:
    """A whole response of JSON; bytes in it become text."""
    await answer(send, json.dumps(data, default=lambda value: value.decode("latin-1")).encode())


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """404."""
    await start(send, 404)
    await body(send, b"not found")


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Hello."""
    await answer(send, b"hello")


ROUTES["/"] = ROUTES["*"] = hello


@route
async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """The body, once it is whole."""
    await answer(send, await read(receive))


@route
async def stream_echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """The body, each piece as it comes."""
    await start(send)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectError
        more = message.get("more_body", False)
        await body(send, message.get("body", b""), more=more)


@route
async def stream(scope: Scope, _receive: Receive, send: Send) -> None:
    """Many blocks, and how many have been taken is told by /progress."""
    options = query(scope)
    block = b"x" * int(options["size"])
    length = int(options["size"]) * int(options["blocks"])
    headers = [(b"content-length", b"%d" % length)] if "length" in options else []
    await start(send, 200, *headers)
    SENT["blocks"] = 0
    for _ in range(int(options["blocks"])):
        await body(send, block, more=True)
        SENT["blocks"] += 1
    await body(send, b"")


@route
async def file(scope: Scope, _receive: Receive, send: Send) -> None:
    """A file by its path, where the server sends such."""
    assert scope["extensions"]["http.response.pathsend"] == {}
    options = query(scope)
    headers = [(b"content-length", options["length"].encode())] if "length" in options else []
    await start(send, 200, *headers)
    await send({"type": "http.response.pathsend", "path": options["path"]})
    with contextlib.suppress(RuntimeError):
        await body(send, b"never sent")
        raise AssertionError("more was taken after the file")


@route
async def progress(_scope: Scope, _receive: Receive, send: Send) -> None:
    """How far /stream is."""
    await answer_json(send, SENT)


@route
async def counters(_scope: Scope, _receive: Receive, send: Any) -> None:
    """What the worker has counted: from its inside, for nothing outside shows it as it serves."""
    shared = send.__self__._transport._shared
    now = {
        "connections": len(shared.connections),
        "in_flight": shared.in_flight,
        "pid": os.getpid(),
    }
    await answer_json(send, {**shared.snapshot(), **now})


@route
async def who(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Which isolate answers."""
    await answer_json(send, whoami())


@route
async def collected(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What the requests so far have left to the garbage collector."""
    await answer_json(send, garbage())


@route
async def scope(scope: Scope, _receive: Receive, send: Send) -> None:
    """The scope."""
    await answer_json(send, scope)


@route
async def status(scope: Scope, _receive: Receive, send: Send) -> None:
    """Any status, with a body whether it may have one or not."""
    await start(send, int(query(scope)["code"]))
    await body(send, b"a body")


@route
async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for the test, then read the body, and answer with its length."""
    await call_async(query(scope)["probe"], "waiting")
    await answer(send, b"%d" % len(await read(receive)))


@route
async def answer_unread(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without having read the body."""
    await answer(send, b"never mind")


@route
async def disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell the test of every message until the client is gone, and what send() raises then."""
    port = query(scope)["probe"]
    await read(receive)
    if "start" in query(scope):
        await start(send)
        await body(send, b"begun", more=True)
    await call_async(port, "reading")
    message = await receive()
    await call_async(port, message["type"])
    again = await receive()
    await call_async(port, again["type"])


@route
async def disconnect_in_body(scope: Scope, receive: Receive, _send: Send) -> None:
    """Tell the test of two messages."""
    port = query(scope)["probe"]
    for _ in range(2):
        message = await receive()
        await call_async(port, message["type"])


@route
async def send_after_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    """What send() does once the client is gone."""
    port = query(scope)["probe"]
    await start(send)
    await body(send, b"begun", more=True)
    await read(receive)
    message = await receive()
    await call_async(port, message["type"])
    try:
        await body(send, b"into the void", more=True)
    except OSError:
        await call_async(port, "OSError")
    else:
        await call_async(port, "nothing")


@route
async def endless(scope: Scope, _receive: Receive, send: Send) -> None:
    """Send until the client is given up, and tell the test."""
    await start(send)
    try:
        while True:
            await body(send, b"x" * 65536, more=True)
    except OSError as error:
        await call_async(query(scope)["probe"], "OSError")
        raise error


@route
async def after_response(scope: Scope, receive: Receive, send: Send) -> None:
    """Work on when the response is complete."""
    await answer(send, b"done")
    port = query(scope)["probe"]
    message = await receive()
    await call_async(port, message["type"])
    await call_async(port, "background")
    await call_async(port, "finished")


@route
async def trailers(scope: Scope, _receive: Receive, send: Send) -> None:
    """A response with trailers, as the query says: in how many pieces its body comes."""
    options = query(scope)
    headers = [(b"content-length", b"4")] if "length" in options else []
    message = {"type": "http.response.start", "status": 200, "headers": headers}
    await send({**message, "trailers": True})
    if "pieces" in options:
        await body(send, b"bo", more=True)
        await body(send, b"dy")
    else:
        await body(send, b"body")
    first = {"headers": [(b"x-digest", b"1")], "more_trailers": True}
    await send({"type": "http.response.trailers", **first})
    await send({"type": "http.response.trailers", "headers": [(b"x-status", b"fine")]})


@route
async def hints(scope: Scope, _receive: Receive, send: Send) -> None:
    """Early hints: before the response has been started, after that, and too late."""
    links = [b"</style.css>; rel=preload; as=style", b"</app.js>; rel=preload; as=script"]
    hint = {"type": "http.response.early_hint", "links": links}
    await send(hint)
    await start(send)
    await send(hint)
    await body(send, b"some", more=True)
    await send(hint)
    await body(send, b"thing")


@route
async def anyio(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What anyio makes of this loop and this task, before anything has been waited for."""
    import anyio

    first = anyio.get_current_task().id
    found: list[str] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_append, found, "child")
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep_forever()
    found.append(await anyio.to_thread.run_sync(lambda: "thread"))
    backend = anyio.get_cancelled_exc_class().__module__.partition(".")[0]
    same = anyio.get_current_task().id == first
    await answer_json(send, [*found, scope.cancelled_caught, backend, same])


async def _append(found: list[str], word: str) -> None:
    found.append(word)


@route
async def last_piece(scope: Scope, receive: Receive, send: Send) -> None:
    """What the end of a response earns once the client is gone."""
    await read(receive)
    if "start" in query(scope):
        await start(send)
        await body(send, b"begun", more=True)
    await call_async(query(scope)["probe"], (await receive())["type"])
    try:
        await answer(send, b"x") if "start" not in query(scope) else await body(send, b"x")
    except OSError:
        await call_async(query(scope)["probe"], "OSError")
        raise


@route
async def state(scope: Scope, _receive: Receive, send: Send) -> None:
    """The lifespan's state, which each request has a copy of."""
    before = dict(scope["state"])
    scope["state"]["mine"] = True
    scope["state"]["shared"].append(1)
    await answer_json(send, before)


_variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@route
async def context(scope: Scope, receive: Receive, send: Send) -> None:
    """The task and the context, before and after a real wait."""
    first, before = asyncio.current_task(), _variable.get()
    _variable.set(query(scope)["value"])
    await asyncio.sleep(0)
    if "probe" in query(scope):
        await call_async(query(scope)["probe"], "waiting")
    async with asyncio.timeout(5):  # needs a current task
        await asyncio.sleep(0)
    child = await asyncio.create_task(_read_variable())
    second = asyncio.current_task()
    found = {
        "task": first is not None and first is second,
        "before": before,
        "after": _variable.get(),
        "child": child,
    }
    await answer_json(send, found)


async def _read_variable() -> str:
    return _variable.get()
