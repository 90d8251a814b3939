"""A small Falcon application for ASGI, the same as flask_app.py, with a WebSocket."""

from collections.abc import AsyncIterator
from functools import partial

import falcon
import falcon.asgi
from anyio.to_thread import run_sync
from contract.apps.calling import call_async
from jinja2 import Environment, FileSystemLoader

from frameworks.apps import notes
from frameworks.apps.folders import STATIC, TEMPLATES

Request = falcon.asgi.Request
Response = falcon.asgi.Response

PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)


class Index:
    """A page by a template."""

    async def on_get(self, _req: Request, resp: Response) -> None:
        page = PAGES.get_template("page.html").render(greeting="<hello>", framework="Falcon")
        resp.content_type = "text/html; charset=utf-8"
        resp.text = page


class Item:
    """A converter and a query."""

    async def on_get(self, req: Request, resp: Response, number: int) -> None:
        resp.media = {"number": number, "colour": req.get_param("colour")}


class Form:
    """Fields of a form."""

    async def on_post(self, req: Request, resp: Response) -> None:
        resp.media = await req.get_media()


class Upload:
    """The size of a file, which is read as it comes."""

    async def on_post(self, req: Request, resp: Response) -> None:
        async for part in await req.get_media():
            size = 0
            async for piece in part.stream:
                size += len(piece)
            resp.media = {"name": part.secure_filename, "size": size}


class Json:
    """JSON, there and back."""

    async def on_post(self, req: Request, resp: Response) -> None:
        resp.media = await req.get_media()


class Count:
    """A number in a cookie."""

    async def on_get(self, req: Request, resp: Response) -> None:
        number = int(req.cookies.get("count", "0")) + 1
        resp.set_cookie("count", str(number), secure=False)
        resp.media = number


class Notes:
    """A database, by a thread."""

    async def on_get(self, _req: Request, resp: Response) -> None:
        resp.media = await run_sync(notes.texts)

    async def on_post(self, req: Request, resp: Response) -> None:
        form = await req.get_media()
        await run_sync(notes.add, form["text"])
        resp.media = await run_sync(notes.texts)


class Stream:
    """A response in pieces."""

    async def on_get(self, _req: Request, resp: Response) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(100):
                yield b"%d\n" % number

        resp.content_type = "text/plain"
        resp.stream = pieces()


class Background:
    """Work after the response."""

    async def on_get(self, req: Request, resp: Response) -> None:
        probe = req.get_param("probe", required=True)
        resp.schedule(partial(_later, probe))
        resp.media = "later"


async def _later(probe: str) -> None:
    await call_async(probe, "background")


class Echo:
    """Answer every message."""

    async def on_websocket(self, _req: Request, ws: falcon.asgi.WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_text(f"heard {await ws.receive_text()}")
        except falcon.WebSocketDisconnected:
            pass


class Missing:
    """An error page of the framework's."""

    async def on_get(self, _req: Request, _resp: Response) -> None:
        raise falcon.HTTPNotFound


class Broken:
    """An error that the framework handles."""

    async def on_get(self, _req: Request, _resp: Response) -> None:
        raise ValueError("broken on purpose")


app = falcon.asgi.App()
app.add_route("/", Index())
app.add_route("/items/{number:int}", Item())
app.add_route("/form", Form())
app.add_route("/upload", Upload())
app.add_route("/json", Json())
app.add_route("/count", Count())
app.add_route("/notes", Notes())
app.add_route("/stream", Stream())
app.add_route("/background", Background())
app.add_route("/ws", Echo())
app.add_route("/missing", Missing())
app.add_route("/broken", Broken())
app.add_static_route("/static", STATIC)
