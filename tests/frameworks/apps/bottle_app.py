"""A small Bottle application, the same as flask_app.py."""

# Bottle brings no types.
# mypy: disable-error-code="import-untyped,untyped-decorator"

import json
from collections.abc import Iterator
from typing import Any

from bottle import Bottle, HTTPResponse, abort, request, response, static_file, template

from frameworks.apps import notes
from frameworks.apps.folders import STATIC, TEMPLATES

SECRET = "not a secret"

app = Bottle()


@app.get("/")
def index() -> Any:
    """A page by a template."""
    lookup = [str(TEMPLATES)]
    return template("page.html", template_lookup=lookup, greeting="<hello>", framework="Bottle")


@app.get("/items/<number:int>")
def item(number: int) -> Any:
    """A converter and a query."""
    return {"number": number, "colour": request.query.getunicode("colour")}


@app.post("/form")
def form() -> Any:
    """Fields of a form."""
    return {name: request.forms.getunicode(name) for name in request.forms}


@app.post("/upload")
def upload() -> Any:
    """The size of a file."""
    file = request.files["file"]
    # Bottle leaves both files to the garbage collector, which warns.
    with file.file, request.body:
        return {"name": file.filename, "size": len(file.file.read())}


@app.post("/json")
def echo_json() -> Any:
    """JSON, there and back."""
    return request.json


@app.get("/count")
def count() -> Any:
    """A number in a signed cookie."""
    number = int(request.get_cookie("count", 0, secret=SECRET)) + 1
    response.set_cookie("count", str(number), secret=SECRET)
    response.content_type = "application/json"
    return str(number)


@app.get("/notes")
@app.post("/notes")
def all_notes() -> Any:
    """A database."""
    if request.method == "POST":
        notes.add(request.forms.getunicode("text"))
    return HTTPResponse(json.dumps(notes.texts()), content_type="application/json")


@app.get("/stream")
def stream() -> Iterator[str]:
    """A response in pieces."""
    for number in range(100):
        yield f"{number}\n"


@app.get("/static/<name:path>")
def static(name: str) -> Any:
    """Static files."""
    return static_file(name, root=str(STATIC))


@app.get("/missing")
def missing() -> Any:
    """An error page of the application's own."""
    abort(404)


@app.get("/broken")
def broken() -> Any:
    """An error that the framework handles."""
    raise ValueError("broken on purpose")
