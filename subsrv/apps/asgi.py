"""ASGI 3: the http protocol (https://asgi.readthedocs.io, HTTP 2.4)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import CoroutineType
from typing import Any

from subsrv.apps.lifespan import Lifespan
from subsrv.apps.quoting import unquote
from subsrv.apps.tasks import Tasks
from subsrv.exchange import HIGH_WATER, DisconnectedError, Exchange
from subsrv.files import FileRange
from subsrv.http1 import Request

type Message = dict[str, Any]
type Scope = dict[str, Any]
type App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

_VERSIONS = {"version": "3.0", "spec_version": "2.4"}

# Copied for each request: that is faster than to make it anew. None: the request's own.
_BASE: Scope = {
    "type": "http",
    "asgi": None,
    "http_version": None,
    "method": None,
    "scheme": "http",
    "path": None,
    "raw_path": None,
    "query_string": None,
    "root_path": "",
    "headers": None,
    "client": None,
    "server": None,
    "extensions": None,
}


class ASGIExchange(Exchange["ASGIApp"]):
    """One call of an ASGI application."""

    _status: int | None = None  # of http.response.start
    _headers: Any = ()
    _complete = False  # the last http.response.body has come
    _gone = False
    _body: list[bytes] | None = None
    _received = 0  # bytes in _body
    _body_ended = False
    _delivered = False  # the application has seen the end of the body
    _wake_up: asyncio.Event | None = None

    def begin(self) -> None:
        """See Exchange."""
        app = self._app
        if not self.request.has_body:
            self._body_ended = True
        scope = self._scope()
        coroutine = app.call(scope, self.receive, self.send)
        if type(coroutine) is not CoroutineType:
            coroutine = _wait(coroutine)
        app.tasks.start(coroutine, self._ended)

    def _scope(self) -> Scope:
        request, transport = self.request, self._transport
        assert transport is not None
        scope = request.sighted(_template)
        # Whatever an application may change is its own.
        scope["asgi"] = _VERSIONS.copy()
        scope["headers"] = list(request.headers)
        scope["client"] = transport.client
        scope["server"] = transport.server
        scope["extensions"] = {"http.response.pathsend": {}}
        state = self._app.lifespan.state
        if state is not None:
            scope["state"] = state.copy()
        return scope

    async def receive(self) -> Message:
        """ASGI's receive."""
        if self._complete:
            return {"type": "http.disconnect"}
        while not (self._body or self._body_ended or self._gone or self._complete):
            if self._transport is not None:
                self._transport.want_body()
                if self._body or self._body_ended:
                    break
            await self._sleep()
        if self._body or (self._body_ended and not self._delivered):
            body = b"".join(self._body or ())
            self._body = None
            self._received = 0
            self._delivered = self._body_ended
            return {"type": "http.request", "body": body, "more_body": not self._body_ended}
        while not (self._gone or self._complete):
            await self._sleep()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's send. OSError when the client is gone, RuntimeError for a message out of turn."""
        kind = message["type"]
        if kind == "http.response.body":
            if self._status is None or self._complete:
                raise RuntimeError(
                    f"unexpected message {kind!r}: the response "
                    + ("is complete" if self._complete else "has not been started")
                )
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = b"".join((body,))  # TypeError for what is not like bytes
            if not message.get("more_body", False):
                self._complete = True
                if self._head is None:
                    self.respond(self._status, self._headers, body)
                else:
                    self.finish(body)
                self._notify()
                return
            if self._head is None:
                self.start(self._status, self._headers)
            self.write(body)
            while self.congested:
                await self._sleep()
        elif kind == "http.response.start":
            if self._status is not None:
                raise RuntimeError(f"unexpected message {kind!r}: the response has been started")
            self._status = message["status"]
            self._headers = message.get("headers", ())
        elif kind == "http.response.pathsend":
            self._send_path(message["path"])
            return
        else:
            raise RuntimeError(f"unexpected message {kind!r}")
        if self._transport is None:
            raise DisconnectedError("the client is gone")

    def _send_path(self, path: str) -> None:
        """The extension http.response.pathsend: a file is the whole body."""
        if self._status is None or self._head is not None or self._complete:
            raise RuntimeError("unexpected message 'http.response.pathsend'")
        file = FileRange.open(path)
        self._complete = True
        self.respond_file(self._status, self._headers, file)
        self._notify()

    def body_received(self, data: bytes) -> bool:
        """See Exchange."""
        if self._body is None:
            self._body = []
        self._body.append(data)
        self._received += len(data)
        self.awaits_body = False
        self._notify()
        return self._received < HIGH_WATER

    def body_ended(self) -> None:
        """See Exchange."""
        self._body_ended = True
        self._notify()

    def drained(self) -> None:
        """See Exchange."""
        self._notify()

    def disconnected(self) -> None:
        """See Exchange."""
        self._gone = True
        self._notify()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not (isinstance(error, DisconnectedError) and self._gone):
            self.fail("the application failed", error)
        elif self.open:
            if self._gone:
                self.abandon()
            elif task.cancelled():
                self.fail("the application was cancelled")
            else:
                self.fail("the application returned before its response was complete")

    async def _sleep(self) -> None:
        """Wait until something happens to this exchange."""
        if self._wake_up is None:
            self._wake_up = asyncio.Event()
        self._wake_up.clear()
        await self._wake_up.wait()

    def _notify(self) -> None:
        if self._wake_up is not None:
            self._wake_up.set()


def _template(request: Request) -> Scope:
    """What follows from the head alone."""
    scope = _BASE.copy()
    path = request.raw_path
    scope["http_version"] = request.version
    scope["method"] = request.method
    scope["path"] = (unquote(path) if b"%" in path else path).decode("utf-8", "replace")
    scope["raw_path"] = path
    scope["query_string"] = request.query
    return scope


async def _wait(awaitable: Awaitable[None]) -> None:
    await awaitable


class ASGIApp:
    """An ASGI application in one worker."""

    def __init__(self, app: App, tasks: Tasks) -> None:
        self.call: Callable[..., Coroutine[Any, Any, None]] = app  # type: ignore[assignment]
        self.tasks = tasks
        self.lifespan = Lifespan(app)
        #: Makes the exchange of a request: (transport, request).
        self.exchange = partial(ASGIExchange, self)

    async def startup(self) -> None:
        """Lifespan's startup. AppLoadError if the application reports its failure."""
        await self.lifespan.startup()

    async def shutdown(self) -> None:
        """Lifespan's shutdown."""
        await self.lifespan.shutdown()
