"""An ASGI application that has imported modules whose C parts have crashed CPython at its end."""

import ctypes
import datetime
import decimal
import hashlib
import json
import sqlite3
import ssl
import zoneinfo
from collections.abc import Awaitable, Callable
from typing import Any


def _use() -> bytes:
    """Have each of them make something of its own."""
    with sqlite3.connect(":memory:") as database:
        (text,) = database.execute("select datetime('now')").fetchone()
    found = {
        "now": datetime.datetime.fromisoformat(text).astimezone(zoneinfo.ZoneInfo("UTC")),
        "sum": decimal.Decimal("0.1") + decimal.Decimal("0.2"),
        "tls": ssl.create_default_context().verify_mode,
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "size": ctypes.sizeof(ctypes.c_void_p),
    }
    database.close()
    return json.dumps({name: str(value) for name, value in found.items()}).encode()


async def app(
    scope: dict[str, Any],
    _receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The application; it has no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = _use()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
