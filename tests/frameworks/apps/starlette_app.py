"""A small Starlette application, the same as flask_app.py, with lifespan and a WebSocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from aiohttp import ClientSession
from anyio.to_thread import run_sync
from contract.apps.calling import call_async
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket, WebSocketDisconnect

from frameworks.apps import notes
from frameworks.apps.folders import STATIC, TEMPLATES

templates = Jinja2Templates(TEMPLATES)


class State(TypedDict):
    """What lifespan leaves for requests."""

    greeting: str
    #: A client of aiohttp's, with the connections that it keeps.
    client: ClientSession


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[State]:
    """Leave a greeting and a client."""
    async with ClientSession() as client:
        yield {"greeting": "<hello>", "client": client}


async def index(request: Request) -> Response:
    """A page by a template, with what lifespan has left."""
    values = {"greeting": request.state.greeting, "framework": "Starlette"}
    return templates.TemplateResponse(request, "page.html", values)


async def item(request: Request) -> Response:
    """A converter and a query."""
    number, colour = request.path_params["number"], request.query_params.get("colour")
    return JSONResponse({"number": number, "colour": colour})


async def form(request: Request) -> Response:
    """Fields of a form."""
    async with request.form() as fields:
        return JSONResponse(dict(fields))


async def upload(request: Request) -> Response:
    """The size of a file, which above a megabyte Starlette keeps on disk."""
    async with request.form() as fields:
        file: Any = fields["file"]
        return JSONResponse({"name": file.filename, "size": len(await file.read())})


async def count(request: Request) -> Response:
    """A session in a cookie."""
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse(request.session["count"])


async def all_notes(request: Request) -> Response:
    """A database, by a thread."""
    if request.method == "POST":
        async with request.form() as fields:
            await run_sync(notes.add, str(fields["text"]))
    return JSONResponse(await run_sync(notes.texts))


async def fetch(request: Request) -> Response:
    """What another server says, by aiohttp's client."""
    client: ClientSession = request.state.client
    async with client.get(request.query_params["url"]) as response:
        return JSONResponse({"status": response.status, "heard": await response.json()})


async def echo(websocket: WebSocket) -> None:
    """Answer every message."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"heard {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass


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
    middleware=[
        Middleware(Marking),
        Middleware(SessionMiddleware, secret_key="not a secret"),
    ],
    routes=[
        Route("/", index),
        Route("/items/{number:int}", item),
        Route("/form", form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/count", count),
        Route("/notes", all_notes, methods=["GET", "POST"]),
        Route("/fetch", fetch),
        WebSocketRoute("/ws", echo),
        Mount("/static", StaticFiles(directory=STATIC)),
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
