"""The work on pyronova's own interface: a program, as its workers run its script again.

usage: python work_pyronova.py HANDLER PORT WORKERS
"""

# The types are checked where it is not installed, too.
# mypy: disable-error-code="import-not-found, untyped-decorator"

import sys
import threading
import time
from typing import Any

from pyronova import Pyronova, Response, Stream

from experiments.apps import work

_BINARY = "application/octet-stream"
_PAUSE = 0.001  # seconds, where the client has not taken what was sent

app = Pyronova()
app.max_body_size = 32 * 1024 * 1024  # above the 20 MB of an upload


def _total(request: Any) -> Any:
    # By its own parser of queries, in Rust: each server in its best configuration.
    found = sum(int(value) for value in request.query_params.values())
    body = request.body
    return Response(str(found + int(body) if body else found), content_type="text/plain")


@app.get("/")
@app.get("/{page}/{rest}")
def hello(request: Any) -> Any:
    """Say hello, at the root and at the pages of browser-like traffic."""
    return Response(work.HELLO, content_type="text/plain")


@app.get("/baseline")
def baseline_get(request: Any) -> Any:
    """Add up the query."""
    return _total(request)


@app.post("/baseline")
def baseline_post(request: Any) -> Any:
    """Add up the query and the body."""
    return _total(request)


@app.get("/articles")
def articles(request: Any) -> Any:
    """Compute a list of articles; its engine turns the dict into JSON."""
    return work.catalogue(int(request.query_params["m"]))


@app.post("/echo")
def echo(request: Any) -> Any:
    """Give the body back."""
    return Response(request.body, content_type=_BINARY)


@app.post("/upload", gil=True, stream=True)
def upload(request: Any) -> Any:
    """Count the bytes of the body as they come, by the call that is there for it."""
    return Response(str(request.stream.drain_count()), content_type="text/plain")


@app.get("/stream", gil=True)
def stream(request: Any) -> Any:
    """Send 1 MiB in parts, from a thread, as its documentation shows."""
    response = Stream(content_type=_BINARY)

    def send() -> None:
        for chunk in work.CHUNKS:
            text = chunk.decode("ascii")
            while True:
                try:
                    response.send(text)
                except BlockingIOError:
                    time.sleep(_PAUSE)
                else:
                    break
        response.close()

    threading.Thread(target=send).start()
    return response


if __name__ == "__main__":
    _, _, port, workers = sys.argv  # all handlers are there: the router is part of its work
    app.run(host="127.0.0.1", port=int(port), workers=int(workers), io_workers=int(workers))
