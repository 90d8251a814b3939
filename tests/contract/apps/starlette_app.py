"""A small Starlette application, the same as flask_app.py, with lifespan and background work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from contract.apps.calling import call_async


class State(TypedDict):
    """What lifespan leaves for requests."""

    greeting: str


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[State]:
    """Leave a greeting."""
    yield {"greeting": "hello"}


async def index(request: Request) -> Response:
    """A page, from lifespan's state."""
    return HTMLResponse(f"<p>&lt;{request.state.greeting}&gt;</p>")


async def item(request: Request) -> Response:
    """A converter and a query."""
    number, colour = request.path_params["number"], request.query_params.get("colour")
    return JSONResponse({"number": number, "colour": colour})


async def json(request: Request) -> Response:
    """JSON, there and back."""
    return JSONResponse(await request.json())


async def size(request: Request) -> Response:
    """The size of a body that is read as it comes."""
    found = 0
    async for piece in request.stream():
        found += len(piece)
    return JSONResponse(found)


async def stream(_request: Request) -> Response:
    """A response in pieces."""

    async def pieces() -> AsyncIterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


def thread(_request: Request) -> Response:
    """A function that is no coroutine runs in a thread of anyio's."""
    return JSONResponse("from a thread")


async def background(request: Request) -> Response:
    """Work after the response."""
    task = BackgroundTask(call_async, request.query_params["probe"], "background")
    return JSONResponse("later", background=task)


async def file(request: Request) -> Response:
    """A file, or a range of it."""
    return FileResponse(request.query_params["path"], media_type="text/plain")


async def missing(_request: Request) -> Response:
    """An error page of the framework's."""
    raise HTTPException(404)


async def broken(_request: Request) -> Response:
    """An error that nobody handles."""
    raise ValueError("broken on purpose")


class Marking(BaseHTTPMiddleware):
    """Middleware that wraps receive and send, and runs the endpoint in a task group."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Mark each response."""
        response = await call_next(request)
        response.headers["x-marked"] = "yes"
        return response


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(Marking)],
    routes=[
        Route("/", index),
        Route("/items/{number:int}", item),
        Route("/json", json, methods=["POST"]),
        Route("/size", size, methods=["POST"]),
        Route("/stream", stream),
        Route("/thread", thread),
        Route("/background", background),
        Route("/file", file),
        Route("/missing", missing),
        Route("/broken", broken),
    ],
)
