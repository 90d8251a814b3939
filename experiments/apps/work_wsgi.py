"""The work as WSGI applications."""

from collections.abc import Callable, Iterable
from typing import Any

from experiments.apps import work

type _Environ = dict[str, Any]
type _Start = Callable[..., object]

_PART = 65536  # bytes read of an upload at a time


def _answer(start: _Start, body: bytes, kind: str = "text/plain") -> Iterable[bytes]:
    start("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def hello(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Say hello, whatever is asked."""
    return _answer(start_response, work.HELLO)


def baseline(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Add up the query and the body."""
    # Without a size: in a chunked request there is no CONTENT_LENGTH, and all these servers end
    # the input where the body ends.
    body = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else b""
    return _answer(start_response, work.total(environ["QUERY_STRING"], body))


def articles(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Compute and encode a list of articles."""
    return _answer(start_response, work.articles(environ["QUERY_STRING"]), "application/json")


def echo(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Give the body back."""
    return _answer(start_response, environ["wsgi.input"].read(), "application/octet-stream")


def upload(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Count the bytes of the body as they come."""
    size, read = 0, environ["wsgi.input"].read
    while part := read(_PART):
        size += len(part)
    return _answer(start_response, b"%d" % size)


def stream(environ: _Environ, start_response: _Start) -> Iterable[bytes]:
    """Send 1 MiB in parts, without saying before how much it will be."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    yield from work.CHUNKS
