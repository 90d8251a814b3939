"""A rate limit that all workers keep together: each tells the others what it has let through.

    python -m subsrv --app-dir examples limiter:app --workers 4

Each worker decides alone, by what it knows, and so never waits: between two of them a few requests
more may pass than the limit says.
"""

import collections
import time
from typing import Any

from together import answer, lifespan

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


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI: 200 or 429."""
    if scope["type"] == "lifespan":
        limiter = scope["state"]["limiter"] = Limiter()
        # The others tell of what they have let through.
        await lifespan(receive, send, limiter.group, limiter.count)
        return
    limiter = scope["state"]["limiter"]
    client = scope["client"][0]
    made = limiter.count(client)
    if made <= LIMIT:
        await limiter.group.broadcast(client)
    await answer(send, 200 if made <= LIMIT else 429, f"{made}\n")
