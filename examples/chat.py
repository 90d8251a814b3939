"""A chat across workers: whoever is connected to any of them hears what is said to any of them.

python -m subsrv --app-dir examples chat:app --workers 4
curl -N http://127.0.0.1:8080/          (listen)
curl -d hello http://127.0.0.1:8080/    (speak)
"""

import asyncio
from typing import Any

from subsrv import isolate


class Room:
    """The listeners of this worker, and the group of all workers' rooms."""

    def __init__(self) -> None:
        self.group = isolate.Group("chat")
        self.listeners: set[asyncio.Queue[bytes]] = set()

    def tell(self, message: bytes) -> None:
        """To everybody here. Who is too slow to listen misses it."""
        for listener in self.listeners:
            if not listener.full():
                listener.put_nowait(message)

    async def hear(self) -> None:
        """What is said in other workers."""
        async for message in self.group:
            self.tell(message)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI: GET listens, POST speaks."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    room: Room = scope["state"]["room"]
    if scope["method"] == "GET":
        await listen(room, send)
        return
    message = (await receive())["body"][:1000] + b"\n"
    room.tell(message)
    await room.group.broadcast(message)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def listen(room: Room, send: Any) -> None:
    """An answer that goes on until the client leaves, and this call is cancelled or fails."""
    listener: asyncio.Queue[bytes] = asyncio.Queue(100)
    room.listeners.add(listener)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        message = f"you are in {isolate.current().name} ({isolate.kind})\n".encode()
        while True:
            await send({"type": "http.response.body", "body": message, "more_body": True})
            message = await listener.get()
    finally:
        room.listeners.discard(listener)


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The room opens and closes with the worker."""
    await receive()
    room = Room()
    async with room.group:
        hearing = asyncio.create_task(room.hear())
        scope["state"]["room"] = room
        await send({"type": "lifespan.startup.complete"})
        await receive()
        hearing.cancel()
    await send({"type": "lifespan.shutdown.complete"})
