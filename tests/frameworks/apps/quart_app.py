"""A small Quart application, the same as flask_app.py, with a WebSocket and background work."""

from collections.abc import AsyncIterator

from contract.apps.calling import call_async
from quart import (
    Quart,
    Response,
    abort,
    jsonify,
    render_template,
    request,
    session,
    websocket,
)
from quart.typing import ResponseReturnValue

from frameworks.apps import notes

app = Quart(__name__)
app.secret_key = "not a secret"


@app.get("/")
async def index() -> ResponseReturnValue:
    """A page by a template."""
    return await render_template("page.html", greeting="<hello>", framework="Quart")


@app.get("/items/<int:number>")
async def item(number: int) -> ResponseReturnValue:
    """A converter and a query."""
    return jsonify(number=number, colour=request.args.get("colour"))


@app.post("/form")
async def form() -> ResponseReturnValue:
    """Fields of a form."""
    return jsonify((await request.form).to_dict())


@app.post("/upload")
async def upload() -> ResponseReturnValue:
    """The size of a file."""
    file = (await request.files)["file"]
    return jsonify(name=file.filename, size=len(file.read()))


@app.post("/json")
async def json() -> ResponseReturnValue:
    """JSON, there and back."""
    return jsonify(await request.get_json())


@app.get("/count")
async def count() -> ResponseReturnValue:
    """A session in a cookie."""
    session["count"] = session.get("count", 0) + 1
    return jsonify(session["count"])


@app.route("/notes", methods=["GET"])
def all_notes() -> ResponseReturnValue:
    """A database. What is no coroutine runs in a thread."""
    return jsonify(notes.texts())


@app.route("/notes", methods=["POST"])
async def add_note() -> ResponseReturnValue:
    """A database, by a thread."""
    form = await request.form
    await app.ensure_async(notes.add)(form["text"])
    return jsonify(await app.ensure_async(notes.texts)())


@app.get("/stream")
async def stream() -> ResponseReturnValue:
    """A response in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d\n" % number

    return Response(pieces(), mimetype="text/plain")


@app.get("/background")
async def background() -> ResponseReturnValue:
    """Work after the response."""
    app.add_background_task(call_async, request.args["probe"], "background")
    return jsonify("later")


@app.websocket("/ws")
async def echo() -> None:
    """Answer every message."""
    while True:
        heard: str = await websocket.receive()  # type: ignore[assignment]
        await websocket.send(f"heard {heard}")


@app.get("/missing")
async def missing() -> ResponseReturnValue:
    """An error page of the application's own."""
    abort(404)


@app.get("/broken")
async def broken() -> ResponseReturnValue:
    """An error that the framework handles."""
    raise ValueError("broken on purpose")
