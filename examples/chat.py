"""A chat over WebSockets across workers: whoever is connected to any of them hears everybody.

    python -m subsrv --app-dir examples chat:app --workers 4

Then open http://127.0.0.1:8080/ in two windows.
"""

import asyncio
from typing import Any

from together import answer, lifespan

from subsrv import isolate

#: Characters of a message, and messages that wait for a client that does not read.
LONGEST, BEHIND = 1000, 100

PAGE = """<!doctype html><title>Chat</title>
<form><input autofocus autocomplete="off"></form><pre></pre>
<script>
const socket = new WebSocket(location.href.replace("http", "ws"))
const [form, input, heard] = ["form", "input", "pre"].map(name => document.querySelector(name))
socket.onmessage = event => { heard.textContent += event.data + "\\n" }
form.onsubmit = event => { event.preventDefault(); socket.send(input.value); input.value = "" }
</script>
"""


class Room:
    """Those who are connected to this worker, and the group of all workers' rooms."""

    def __init__(self) -> None:
        self.group = isolate.Group("chat")
        self.queues: set[asyncio.Queue[str]] = set()

    def tell(self, message: str) -> None:
        """To everybody here. Who is too slow to listen misses it."""
        for queue in self.queues:
            if not queue.full():
                queue.put_nowait(message)

    async def say(self, message: str) -> None:
        """To everybody everywhere."""
        self.tell(message)
        await self.group.broadcast(message)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI: the page, and the WebSocket that it opens."""
    if scope["type"] == "lifespan":
        room = scope["state"]["room"] = Room()
        await lifespan(receive, send, room.group, room.tell)
    elif scope["type"] == "websocket":
        await talk(scope["state"]["room"], receive, send)
    else:
        await answer(send, 200, PAGE, "text/html")


async def talk(room: Room, receive: Any, send: Any) -> None:
    """One client, from its connection to its end."""
    await receive()
    await send({"type": "websocket.accept"})
    queue: asyncio.Queue[str] = asyncio.Queue(BEHIND)
    queue.put_nowait(f"you are in {isolate.current().name} ({isolate.kind})")
    room.queues.add(queue)
    writing = asyncio.create_task(write(queue, send))
    try:
        while (event := await receive())["type"] == "websocket.receive":
            await room.say((event.get("text") or "")[:LONGEST])
    finally:
        room.queues.discard(queue)
        writing.cancel()


async def write(queue: asyncio.Queue[str], send: Any) -> None:
    """What a client hears, until it is cancelled or the client has gone."""
    while True:
        await send({"type": "websocket.send", "text": await queue.get()})
