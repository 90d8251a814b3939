"""A small FastAPI application, the same as starlette_app.py, with models and a dependency."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from contract.apps.calling import call_async
from fastapi import (
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from frameworks.apps import notes
from frameworks.apps.folders import STATIC, TEMPLATES

app = FastAPI()
app.mount("/static", StaticFiles(directory=STATIC))
templates = Jinja2Templates(TEMPLATES)


class Order(BaseModel):
    """What pydantic checks."""

    name: str
    count: int


class Document(BaseModel):
    """Any two values."""

    a: list[Any]
    b: dict[str, Any]


def chosen(colour: str | None = None) -> str | None:
    """A dependency, which runs in a thread."""
    return colour


@app.get("/")
async def index(request: Request) -> Response:
    """A page by a template."""
    values = {"greeting": "<hello>", "framework": "FastAPI"}
    return templates.TemplateResponse(request, "page.html", values)


@app.get("/items/{number:int}")
async def item(number: int, colour: Annotated[str | None, Depends(chosen)]) -> dict[str, Any]:
    """A converter and a query, by a dependency."""
    return {"number": number, "colour": colour}


@app.post("/order")
async def order(order: Order) -> Order:
    """A model, there and back."""
    return order


@app.post("/form")
async def form(name: Annotated[str, Form()], text: Annotated[str, Form()]) -> dict[str, str]:
    """Fields of a form."""
    return {"name": name, "text": text}


@app.post("/upload")
async def upload(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """The size of a file."""
    return {"name": file.filename, "size": len(await file.read())}


@app.post("/json")
async def json(document: Document) -> Document:
    """JSON, there and back."""
    return document


@app.get("/count")
async def count(response: Response, count: Annotated[int, Cookie()] = 0) -> int:
    """A number in a cookie."""
    response.set_cookie("count", str(count + 1))
    return count + 1


@app.get("/notes")
def all_notes() -> list[str]:
    """A database. What is no coroutine runs in a thread."""
    return notes.texts()


@app.post("/notes")
def add_note(text: Annotated[str, Form()]) -> list[str]:
    """A database."""
    notes.add(text)
    return notes.texts()


@app.get("/stream")
async def stream() -> Response:
    """A response in pieces."""

    async def pieces() -> AsyncIterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/background")
async def background(probe: str, tasks: BackgroundTasks) -> str:
    """Work after the response."""
    tasks.add_task(call_async, probe, "background")
    return "later"


@app.websocket("/ws")
async def echo(websocket: WebSocket) -> None:
    """Answer every message."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"heard {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass


@app.get("/missing")
async def missing() -> Response:
    """An error page of the framework's."""
    raise HTTPException(404)


@app.get("/broken")
async def broken() -> Response:
    """An error that nobody handles."""
    raise ValueError("broken on purpose")
