"""A rate limit that all workers keep together: each tells the others what it has let through.

    python -m subsrv --app-dir examples limiter:app --workers 4

Each worker decides alone, by what it knows, and so never waits: between two of them a few requests
more may pass than the limit says.
"""

import asyncio
import collections
import time
from typing import Any

from subsrv import isolate

#: Requests that each client may make in a window, and its length in seconds.
LIMIT, WINDOW = 100, 60.0


class Limiter:
    """Counts of the current window, of this worker's requests and the others'."""

    def __init__(self) -> None:
        self.group = isolate.Group("limiter")
        self._counts: collections.Counter[str] = collections.Counter()
        self._window = 0.0

    def count(self, client: str) -> int:
        """One more request of a client; how many it has made by now."""
        window = time.monotonic() // WINDOW  # the same clock in all isolates of a machine
        if window != self._window:
            self._window = window
            self._counts.clear()
        self._counts[client] += 1
        return self._counts[client]

    async def hear(self) -> None:
        """Count what others let through."""
        async for client in self.group:
            self.count(client)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI: 200 or 429."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    limiter: Limiter = scope["state"]["limiter"]
    client = scope["client"][0]
    made = limiter.count(client)
    if made <= LIMIT:
        await limiter.group.broadcast(client)
    await send(
        {"type": "http.response.start", "status": 200 if made <= LIMIT else 429, "headers": []}
    )
    await send({"type": "http.response.body", "body": f"{made}\n".encode()})


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Join and leave with the worker."""
    await receive()
    limiter = Limiter()
    async with limiter.group:
        hearing = asyncio.create_task(limiter.hear())
        scope["state"]["limiter"] = limiter
        await send({"type": "lifespan.startup.complete"})
        await receive()
        hearing.cancel()
    await send({"type": "lifespan.shutdown.complete"})
