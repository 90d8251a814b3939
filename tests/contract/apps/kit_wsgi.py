"""A WSGI application with a path for each thing that a server can get wrong."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.validate import validator

from contract.apps.calling import call, garbage, whoami

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Handler = Callable[[Environ, StartResponse], Iterable[bytes]]

ROUTES: dict[str, Handler] = {}
# What `/progress` reports; a test that looks at it has the server to itself.
SENT = {"blocks": 0}


TEXT = ("Content-Type", "text/plain")


class BoomError(Exception):
    """Raised on purpose."""


def route(handler: Handler) -> Handler:
    """Serve the function's name as a path."""
    ROUTES["/" + handler.__name__.replace("_", "-")] = handler
    return handler


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Dispatch by path, below /validated behind wsgiref.validate."""
    path = environ["PATH_INFO"]
    if path.startswith("/validated/"):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/validated", path.removeprefix("/validated")
        validated: Iterable[bytes] = VALIDATED(environ, start_response)
        return validated
    return ROUTES.get(path, not_found)(environ, start_response)


def dispatch(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The same, but the validator lets nobody read a body without saying how much."""
    if environ["PATH_INFO"] != "/echo":
        return ROUTES.get(environ["PATH_INFO"], not_found)(environ, start_response)
    start(start_response)
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]


# It raises where either side breaks PEP 3333.
VALIDATED: Any = validator(dispatch)


def query(environ: Environ) -> dict[str, str]:
    """The query's parameters."""
    return dict(parse_qsl(environ["QUERY_STRING"]))


def start(start_response: StartResponse, *headers: tuple[str, str]) -> None:
    """Begin a 200."""
    start_response("200 OK", [("Content-Type", "application/octet-stream"), *headers])


def not_found(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """404."""
    start_response("404 Nothing Here", [TEXT])
    return [b"not found"]


def hello(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Hello."""
    start(start_response)
    return [b"hello"]


ROUTES["/"] = hello


@route
def environ(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The environ, as far as JSON goes."""
    start(start_response)
    return [json.dumps({k: v for k, v in environ.items() if k[:4] != "wsgi"}).encode()]


@route
def flags(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What the server says of itself."""
    start(start_response)
    names = ("version", "url_scheme", "run_once", "multithread", "multiprocess")
    return [json.dumps({name: environ[f"wsgi.{name}"] for name in names}).encode()]


@route
def who(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Which isolate answers."""
    start(start_response)
    return [json.dumps(whoami()).encode()]


@route
def collected(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What the requests so far have left to the garbage collector."""
    start(start_response)
    return [json.dumps(garbage()).encode()]


@route
def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The body."""
    start(start_response)
    return [environ["wsgi.input"].read()]


@route
def read_slowly(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The size of the body, which is not read before the test says so, and then piece by piece."""
    if "probe" in query(environ):
        call(query(environ)["probe"], "reading")
    size = 0
    while data := environ["wsgi.input"].read(10_000):
        size += len(data)
    start(start_response)
    return [str(size).encode()]


@route
def refuse(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer without a look at the body."""
    start_response("403 Forbidden", [])
    return [b"no"]


@route
def read_in_parts(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The body, by all the ways that PEP 3333 has to read one."""
    start(start_response)
    file = environ["wsgi.input"]
    return [
        file.read(3),
        file.readline(),
        *file.readlines(4),
        b"|",
        *file,
        file.read(),
        file.read(1),
    ]


@route
def stream(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Many blocks, and how many have been taken is told by /progress."""
    options = query(environ)
    blocks, size = int(options["blocks"]), int(options["size"])
    start(
        start_response, *([("Content-Length", str(blocks * size))] if "length" in options else [])
    )

    def iterate() -> Iterator[bytes]:
        SENT["blocks"] = 0
        for _ in range(blocks):
            yield b"x" * size
            SENT["blocks"] += 1

    return iterate()


@route
def progress(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """How far /stream is."""
    start(start_response)
    return [json.dumps(SENT).encode()]


class Closing:
    """An iterable that tells the test when it is closed, and how often."""

    def __init__(self, port: str, blocks: Iterator[bytes]) -> None:
        self._port = port
        self._blocks = blocks
        self._closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        """PEP 3333's close."""
        self._closed += 1
        call(self._port, f"closed {self._closed}")


@route
def closing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A response whose close() the test is told of."""
    options = query(environ)

    def iterate() -> Iterator[bytes]:
        yield b"one"
        if "raise" in options:
            raise BoomError("in iteration")
        for _ in range(int(options.get("blocks", "1"))):
            yield b"x" * 65536

    start(start_response)
    return Closing(options["probe"], iterate())


@route
def write(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The write() callable, before and with an iterable."""
    write = start_response("200 OK", [TEXT])
    write(b"one ")
    write(b"")
    write(b"two ")
    return [b"three"]


@route
def start_in_iteration(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A generator calls start_response when it is first iterated."""
    yield b""
    start(start_response)
    yield b"late"


@route
def empty(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """No blocks at all, or empty ones."""
    start(start_response)
    return [b""] * int(query(environ).get("blocks", "0"))


@route
def status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Any status, with a body whether it may have one or not."""
    start_response(query(environ)["line"], [])
    return [b"a body"]


@route
def replace_the_head(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """An error before anything has been sent: exc_info replaces the head."""
    start(start_response, ("X-First", "1"))
    try:
        raise BoomError("handled by the application")
    except BoomError as error:
        start_response("503 Sorry", [TEXT], (type(error), error, error.__traceback__))
    return [b"sorry"]


@route
def exc_info_too_late(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """An error once some has been sent: start_response raises it again."""
    start(start_response)
    yield b"some"
    try:
        raise BoomError("too late")
    except BoomError as error:
        start_response("503 Sorry", [], (type(error), error, error.__traceback__))
    yield b"never sent"


@route
def file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A file behind wsgi.file_wrapper, of which kind and from where the query says."""
    options = query(environ)
    found: Any
    if options["kind"] == "memory":
        found = io.BytesIO(Path(options["path"]).read_bytes())
    else:
        found = Path(options["path"]).open("rb", -1 if options["kind"] == "buffered" else 0)  # noqa: SIM115
    found.seek(int(options.get("offset", "0")))
    headers = [("Content-Length", options["length"])] if "length" in options else []
    write = start_response("200 OK", [TEXT, *headers])
    if "written" in options:
        write(options["written"].encode())
    wrapper: Iterable[bytes] = environ["wsgi.file_wrapper"](found)
    return wrapper


@route
def wait(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Hold this thread until the test answers."""
    answer = call(query(environ)["probe"], "waiting")
    start(start_response)
    return [answer.encode()]


@route
def exit(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    """Leave."""
    raise SystemExit("the application wants to leave")


def _fail(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    raise BoomError("before the head")


def _fail_started(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start(start_response)
    raise BoomError("after start_response")


def _fail_after(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start(start_response)
    yield b"some"
    raise BoomError("after the head")


def _no_start(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    return [b"no head"]


def _start_twice(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start(start_response)
    start(start_response)
    return []


def _text(_environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start(start_response)
    return ["text"]


def _texts(_environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start(start_response)
    return ["text", "text"]


def _none(_environ: Environ, start_response: StartResponse) -> Any:
    start(start_response)


def _with_header(name: str, value: Any) -> Handler:
    def fault(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start(start_response, (name, value))
        return [b"four"]

    return fault


def _with_status(line: str) -> Handler:
    def fault(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(line, [])
        return [b"never sent"]

    return fault


ROUTES |= {
    "/fail": _fail,
    "/fail-started": _fail_started,
    "/fail-after": _fail_after,
    "/no-start": _no_start,
    "/start-twice": _start_twice,
    "/text": _text,
    "/texts": _texts,
    "/none": _none,
    "/too-long": _with_header("Content-Length", "3"),
    "/too-short": _with_header("Content-Length", "5"),
    "/header-crlf": _with_header("X-A", "1\r\nX-B: 2"),
    "/header-unicode": _with_header("X-A", "\u4e2d"),
    "/header-name": _with_header("X A", "1"),
    "/header-name-crlf": _with_header("X: 1\r\nX-B", "1"),
    "/header-nul": _with_header("X-A", "\0"),
    "/header-lf": _with_header("X-A", "1\nX-B: 2"),
    "/status-crlf": _with_status("200 OK\r\nX: y"),
    "/status-informational": _with_status("103 Early Hints"),
}
