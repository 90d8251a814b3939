"""The ASGI kit's WebSockets: a path for each thing that a server can get wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from contract.apps.calling import call_async

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES: dict[str, Handler] = {}


class BoomError(Exception):
    """A mistake of this application's."""


def route(handler: Handler) -> Handler:
    """Serve the function's name as a path below /ws."""
    ROUTES["/ws/" + handler.__name__.replace("_", "-")] = handler
    return handler


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch by path, once the client's wish is known."""
    assert (await receive())["type"] == "websocket.connect"
    await ROUTES[scope["path"]](scope, receive, send)


def query(scope: Scope) -> dict[str, str]:
    """The query's parameters."""
    return dict(parse_qsl(scope["query_string"].decode()))


async def accept(send: Send, **more: Any) -> None:
    """Accept it."""
    await send({"type": "websocket.accept", **more})


async def tell(scope: Scope, message: dict[str, Any]) -> None:
    """Tell the test how it ended."""
    assert message["type"] == "websocket.disconnect"
    if "probe" in query(scope):
        await call_async(query(scope)["probe"], f"{message['code']} {message['reason']}".strip())


@route
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Each message, back."""
    await accept(send)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    await tell(scope, message)
    assert await receive() == message  # as often as it is asked


@route
async def describe(scope: Scope, receive: Receive, send: Send) -> None:
    """The scope, and what comes with the acceptance."""
    headers = [(b"x-a", b"1"), (b"x-a", b"2")]
    chosen = scope["subprotocols"][-1] if scope["subprotocols"] else None
    await accept(send, subprotocol=chosen, headers=headers)
    await receive()
    found = json.dumps(scope, default=lambda value: value.decode("latin-1"))
    await send({"type": "websocket.send", "text": found})
    await send({"type": "websocket.close", "code": 4321, "reason": "enough \u00e4"})


@route
async def unanswered(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Neither accept nor refuse."""


@route
async def raise_before(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail before the handshake is answered."""
    raise BoomError("before the handshake")


@route
async def raise_after(_scope: Scope, receive: Receive, send: Send) -> None:
    """Fail with the WebSocket open."""
    await accept(send)
    await receive()
    raise BoomError("in a WebSocket")


@route
async def return_after(_scope: Scope, receive: Receive, send: Send) -> None:
    """Leave it open."""
    await accept(send)
    await receive()


@route
async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse it, and see that it is over."""
    await send({"type": "websocket.close"})
    await tell(scope, await receive())


@route
async def respond(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse it with a response of its own, in pieces or at once."""
    headers = [(b"x-why", b"because")]
    kind = "websocket.http.response"
    await send({"type": f"{kind}.start", "status": 401, "headers": headers})
    if "pieces" in query(scope):
        await send({"type": f"{kind}.body", "body": b"not ", "more_body": True})
        await send({"type": f"{kind}.body", "body": b"you"})
    else:
        await send({"type": f"{kind}.body", "body": b"not you"})
    await tell(scope, await receive())


@route
async def out_of_turn(scope: Scope, receive: Receive, send: Send) -> None:
    """Send what must not be sent, now and then; tell what it earned."""
    earned = []

    async def attempt(**message: Any) -> None:
        try:
            await send(message)
        except Exception as error:
            earned.append(type(error).__name__)
        else:
            earned.append("nothing")

    await attempt(type="websocket.send", text="early")
    await attempt(type="websocket.accept", subprotocol="never offered")
    await attempt(type="websocket.accept", headers=[(b"sec-websocket-protocol", b"x")])
    await attempt(type="websocket.accept", headers=[(b"x-a", b"1\r\nx-b: 2")])
    await accept(send)
    await attempt(type="websocket.accept")
    await attempt(type="websocket.send", text=None)
    await attempt(type="websocket.send", bytes=7)
    await attempt(type="websocket.close", code=999)
    await attempt(type="websocket.http.response.start", status=200)
    await send({"type": "websocket.send", "text": " ".join(earned)})
    earned.clear()
    await send({"type": "websocket.close"})
    await attempt(type="websocket.send", text="late")
    await attempt(type="websocket.close")
    await call_async(query(scope)["probe"], " ".join(earned))


@route
async def hold(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive nothing until the test says so; then count."""
    await accept(send)
    await call_async(query(scope)["probe"], "holding")
    size = 0
    for _ in range(int(query(scope)["messages"])):
        size += len((await receive())["bytes"])
    await send({"type": "websocket.send", "text": str(size)})


@route
async def flood(scope: Scope, _receive: Receive, send: Send) -> None:
    """Send as much as the client takes, and tell what ended it."""
    await accept(send)
    sent = 0
    try:
        while True:
            await send({"type": "websocket.send", "bytes": b"x" * 65536})
            sent += 1
            await asyncio.sleep(0)
    except OSError as error:
        await call_async(query(scope)["probe"], f"{type(error).__name__} {sent < 1000}")
        raise


@route
async def drained(scope: Scope, receive: Receive, send: Send) -> None:
    """Work on after the server has said goodbye."""
    await accept(send)
    message = await receive()
    await tell(scope, message)
    try:
        await send({"type": "websocket.send", "text": "late"})
    except OSError:
        await call_async(query(scope)["probe"], "finished")
