"""An application without a server: what a request costs that nobody parses, and nobody sends.

``python -m experiments.workloads.alone INTERFACE MODULE:ATTRIBUTE PORT`` answers one connection
after the other, so that a study can launch it like a server: GET / with what the application says
to it, and GET /calls?SECONDS with how often it could be called in that time. Each call has a
scope, or an environ, of its own with what servers tell of the load's request, and its answer is
looked at.
"""

import asyncio
import importlib
import io
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from experiments.harness.load import Outcome
from experiments.workloads.client import Connection
from subsrv.bench.load import LoadError
from subsrv.bench.machine import pinned

_CALLS = "/calls?"
# Between two looks at the clock.
_BATCH = 100

type Caller = Callable[[int], bytes]
"""Calls the application so many times; the body of the last answer. ValueError for a bad one."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The load: no requests at all, but calls within the process."""

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people."""
        return f"GET {_CALLS}{seconds}: calls in the process, one after the other"

    def client(self) -> str:
        """There is none to speak of."""
        return "no client"

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Have it called for so long. LoadError if the answer is no number."""
        host, _, port = url.removeprefix("http://").partition(":")
        request = f"GET {_CALLS}{seconds} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        begun = time.monotonic()
        with pinned(client), Connection((host, int(port))) as connection:
            (answer,) = connection.ask(request.encode())
        if not answer.body.isdigit():
            raise LoadError(f"the calls ended with {answer.body!r}")
        return Outcome(
            requests=int(answer.body),
            seconds=time.monotonic() - begun,
            bytes_read=None,
            client_cpu=0.0,
            client_threads=1,
        )


def _environ(port: int) -> dict[str, Any]:
    """Of PEP 3333, as servers have it for wrk's request."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": f"127.0.0.1:{port}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _scope(port: int) -> dict[str, Any]:
    """Of ASGI's HTTP protocol, the same."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", f"127.0.0.1:{port}".encode())],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", port),
    }


@contextmanager
def wsgi(app: Callable[..., Any], port: int) -> Iterator[Caller]:
    """Calls a WSGI application."""
    environ, said = _environ(port), ""

    def start_response(status: str, headers: object, exc_info: object = None) -> None:
        nonlocal said
        said = status

    def call(times: int) -> bytes:
        body = b""
        for _ in range(times):
            answer = app({**environ, "wsgi.input": io.BytesIO()}, start_response)
            body = b"".join(answer)
            if close := getattr(answer, "close", None):
                close()
            _look(int(said[:3]), body)
        return body

    yield call


@contextmanager
def asgi(app: Callable[..., Any], port: int) -> Iterator[Caller]:
    """Calls an ASGI application, each time in the same task of asyncio's loop."""
    scope = _scope(port)
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status, body = message["status"], b""
        else:
            body += message.get("body", b"")

    async def call(times: int) -> bytes:
        for _ in range(times):
            await app({**scope, "headers": [*scope["headers"]], "state": {}}, receive, send)
            _look(status, body)
        return body

    with asyncio.Runner() as runner:
        yield lambda times: runner.run(call(times))


def _look(status: int, body: bytes) -> None:
    if status != 200 or not body:
        raise ValueError(f"the application answered {status} {body[:200]!r}")


def _serve(listener: socket.socket, call: Caller) -> None:
    """For ever, one connection at a time: a signal ends it."""
    while True:
        sock, _ = listener.accept()
        # Who asks for no more than a first byte resets the connection.
        with suppress(OSError), sock, sock.makefile("rb") as file:
            while line := file.readline():
                while file.readline().strip():
                    pass
                target = line.split()[1].decode()
                body = call(1)
                if target.startswith(_CALLS):
                    body = b"%d" % _calls(call, float(target.removeprefix(_CALLS)))
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def _calls(call: Caller, seconds: float) -> int:
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        call(_BATCH)
        count += _BATCH
    return count


def _main(interface: str, target: str, port: str) -> None:
    module, _, attribute = target.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    calling = {"wsgi": wsgi, "asgi": asgi}[interface]
    with (
        calling(app, int(port)) as call,
        socket.create_server(("127.0.0.1", int(port))) as listener,
    ):
        _serve(listener, call)


if __name__ == "__main__":
    _main(*sys.argv[1:])
