"""An ASGI application whose lifespan does what the environment says."""

import os

from contract.apps.calling import call_async
from contract.apps.kit_asgi import Receive, Scope, Send
from contract.apps.kit_asgi import app as kit


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The kit, but for lifespan."""
    if scope["type"] != "lifespan":
        await kit(scope, receive, send)
        return
    await receive()
    match os.environ.get("LIFESPAN_STARTUP"):
        case "fail":
            message = "no database today"
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        case "raise":
            raise RuntimeError("no lifespan here")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if os.environ.get("LIFESPAN_SHUTDOWN") == "raise":
        raise RuntimeError("broken in shutdown")
    if "LIFESPAN_PROBE" in os.environ:
        await call_async(os.environ["LIFESPAN_PROBE"], "shutdown")
    await send({"type": "lifespan.shutdown.complete"})
