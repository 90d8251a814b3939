"""A small Flask application: what people use of it, with notes in SQLite."""

from collections.abc import Iterator

from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    render_template,
    request,
    send_file,
    session,
)
from flask.typing import ResponseReturnValue

from frameworks.apps import notes

app = Flask(__name__)  # templates/ and static/ beside this file
app.secret_key = "not a secret"


@app.get("/")
def index() -> ResponseReturnValue:
    """A page by a template."""
    return render_template("page.html", greeting="<hello>", framework="Flask")


@app.get("/items/<int:number>")
def item(number: int) -> ResponseReturnValue:
    """A converter and a query."""
    return jsonify(number=number, colour=request.args.get("colour"))


@app.post("/form")
def form() -> ResponseReturnValue:
    """Fields of a form."""
    return jsonify(request.form.to_dict())


@app.post("/upload")
def upload() -> ResponseReturnValue:
    """The size of a file."""
    file = request.files["file"]
    return jsonify(name=file.filename, size=len(file.read()))


@app.post("/json")
def json() -> ResponseReturnValue:
    """JSON, there and back."""
    return jsonify(request.get_json())


@app.get("/count")
def count() -> ResponseReturnValue:
    """A session in a cookie."""
    session["count"] = session.get("count", 0) + 1
    return jsonify(session["count"])


@app.route("/notes", methods=["GET", "POST"])
def all_notes() -> ResponseReturnValue:
    """A database."""
    if request.method == "POST":
        notes.add(request.form["text"])
    return jsonify(notes.texts())


@app.get("/stream")
def stream() -> ResponseReturnValue:
    """A response in pieces."""

    def pieces() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return Response(pieces(), mimetype="text/plain")


@app.get("/file")
def file() -> ResponseReturnValue:
    """A file, or a range of it."""
    return send_file(request.args["path"], mimetype="text/plain", conditional=True)


@app.get("/missing")
def missing() -> ResponseReturnValue:
    """An error page of the application's own."""
    abort(404)


@app.get("/broken")
def broken() -> ResponseReturnValue:
    """An error that the framework handles."""
    raise ValueError("broken on purpose")
