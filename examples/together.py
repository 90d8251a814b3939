"""What the chat and the rate limit share: the workers of an application in one group."""

import asyncio
from collections.abc import Callable
from typing import Any

from subsrv import isolate


async def lifespan(
    receive: Any, send: Any, group: isolate.Group, hear: Callable[[Any], object]
) -> None:
    """Join the group with the worker, and leave with it; `hear` gets what other workers say."""
    await receive()
    async with group:
        hearing = asyncio.create_task(pass_on(group, hear))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        hearing.cancel()
    await send({"type": "lifespan.shutdown.complete"})


async def pass_on(group: isolate.Group, hear: Callable[[Any], object]) -> None:
    """Until it is cancelled."""
    async for message in group:
        hear(message)


async def answer(send: Any, status: int, body: str, kind: str = "text/plain") -> None:
    """A whole response."""
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
