"""A native handler with a path for each thing that one can do."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from contract.apps.calling import call, call_async, garbage, whoami
from subsrv.apps.native import Request, Response, Result


class BoomError(Exception):
    """Raised on purpose."""


def app(request: Request) -> Result | Awaitable[Result]:
    """Dispatch by path."""
    result: Result | Awaitable[Result] = ROUTES.get(request.path, not_found)(request)
    return result


async def async_app(request: Request) -> Result:
    """The same, as a coroutine function."""
    result: Result | Awaitable[Result] = app(request)
    if inspect.isawaitable(result):
        result = await result
    return result


def not_found(request: Request) -> Result:
    """404."""
    return Response(f"no {request.path}", 404)


def told(request: Request) -> Result:
    """What the handler is told."""
    found = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "version": request.http_version,
        "headers": dict(request.headers),
        "raw": [[name.decode(), value.decode("latin-1")] for name, value in request.raw_headers],
        "body": request.body.decode("latin-1"),
        "again": request.body.decode("latin-1"),
        "client": request.client,
    }
    return Response(json.dumps(found), headers={"Content-Type": "application/json"})


async def slow(request: Request) -> Result:
    """Wait for the test; the query is the port."""
    return await call_async(request.query, "waiting")


def blocking(request: Request) -> Result:
    """Hold the whole worker until the test answers."""
    return call(request.query, "waiting")


def future(_request: Request) -> Awaitable[Result]:
    """An awaitable that is no coroutine."""
    found: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    found.get_loop().call_soon(found.set_result, "from the future")
    return found


def _boom(_request: Request) -> Result:
    raise BoomError("in the handler")


async def _boom_async(_request: Request) -> Result:
    await asyncio.sleep(0)
    raise BoomError("in the coroutine")


async def _cancelled(_request: Request) -> Result:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


def _answer(result: Any) -> Callable[[Request], Any]:
    return lambda _: result


ROUTES: dict[str, Callable[[Request], Any]] = {
    "/": _answer("hello"),
    "/who": lambda _: json.dumps(whoami()),
    "/collected": lambda _: json.dumps(garbage()),
    "/echo": lambda request: request.body,
    "/told": told,
    "/slow": slow,
    "/blocking": blocking,
    "/future": future,
    "/text": _answer("h\u00e9llo"),
    "/bytes": _answer(b"\xff\xfe"),
    "/bytearray": _answer(bytearray(b"array")),
    "/response": _answer(Response(b"made", 201, [("X-A", "1"), (b"x-a", b"2")])),
    "/response-text": _answer(Response("h\u00e9llo", headers={"content-type": "text/html"})),
    "/no-content": _answer(Response(status=204)),
    "/none": _answer(None),
    "/number": _answer(7),
    "/bad-header": _answer(Response("x", headers={"X-A": "1\r\nX-B: 2"})),
    "/bad-name": _answer(Response("x", headers={"X-A: 1\r\nX-B": "2"})),
    "/nul": _answer(Response("x", headers=[(b"x-a", b"\0")])),
    "/bad-status": _answer(Response("x", 1000)),
    "/boom": _boom,
    "/boom-async": _boom_async,
    "/cancelled": _cancelled,
}
