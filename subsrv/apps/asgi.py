"""ASGI 3: the http protocol (https://asgi.readthedocs.io, HTTP & WebSocket 2.5)."""

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, NamedTuple

from subsrv.apps.awaiting import App, AwaitingExchange, Message, wait
from subsrv.apps.lifespan import Lifespan
from subsrv.apps.scope import Scopes
from subsrv.apps.tasks import Tasks
from subsrv.exchange import HIGH_WATER, DisconnectedError, Exchange, Transport
from subsrv.files import FileRange
from subsrv.http1 import Request, early_hints, trailer_section, wants_trailers


class ASGIExchange(AwaitingExchange["ASGIApp"]):
    """One call of an ASGI application."""

    _status: int | None  # of http.response.start
    _headers: Any
    _complete: bool  # the last message of the response has come
    _body_ended: bool
    _trailers: bytes | None = None  # those to send, where the application has promised some
    _body_sent = False  # and they alone are to follow
    _body: list[bytes] | None = None
    _received = 0  # bytes in _body
    _delivered = False  # the application has seen the end of the body

    def begin(self) -> None:
        """See Exchange."""
        app, transport = self._app, self._transport
        self._status = None
        self._complete = False
        self._body_ended = self._body is not None or not self.request.has_body
        assert transport is not None
        scope = app.scope(self.request, transport, app.lifespan.state)
        coroutine = app.call(scope, self.receive, self.send)
        if type(coroutine) is not CoroutineType:
            coroutine = wait(coroutine)
        # What Tasks.start does, but for a call where nothing is left to do: nearly always.
        task = app.tasks.begin(coroutine)
        if not task.done():
            app.tasks.keep(task, self._ended)
        elif self._transport is not None or task.cancelled() or task.exception() is not None:
            self._ended(task)

    run = begin

    def begin_whole(self, body: bytes) -> None:
        """See Exchange."""
        self._body = [body]
        self.begin()

    async def receive(self) -> Message:
        """ASGI's receive."""
        if self._complete:
            return {"type": "http.disconnect"}
        while not (self._body or self._body_ended or self._gone or self._complete):
            if self._transport is not None:
                self._transport.want_body()
                if self._body or self._body_ended or self._gone:
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
                if self._trailers is None:
                    self._complete = True
                    if self._head is None:
                        self.respond(self._status, self._headers, body)
                    else:
                        self.finish(body)
                    if self._wake_up is not None:
                        self._wake_up.set()
                    return
                if self._body_sent:
                    raise RuntimeError(f"unexpected message {kind!r}: trailers are to follow")
                self._body_sent = True
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
            if "trailers" in message:
                self._trailers = b"" if message["trailers"] else None
        else:
            self._send_extra(kind, message)
            return
        if self._transport is None:
            raise DisconnectedError("the client is gone")

    def _send_extra(self, kind: str, message: Message) -> None:
        """A message of an extension."""
        transport = self._transport
        if kind == "http.response.early_hint" and not self._complete:
            hints = early_hints(message["links"])
            if transport is None:
                self._came_late()
            # Too late once the head has left, and HTTP/1.0 knows no interim response.
            elif not self.started and self.request.version == "1.1":
                transport.send(hints)
        elif kind == "http.response.trailers" and self._body_sent:
            assert self._trailers is not None
            section = trailer_section(message["headers"])
            if wants_trailers(self.request):
                self._trailers += section
            if not message.get("more_trailers", False):
                self._complete = True
                self.finish(b"", self._trailers)
                self._notify()
        elif kind == "http.response.pathsend":
            self._send_path(message["path"])
        else:
            raise RuntimeError(f"unexpected message {kind!r}")

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

    def disconnected(self) -> None:
        """See Exchange."""
        self._gone = True
        self._notify()


class WebSocketSettings(NamedTuple):
    """What bounds a WebSocket. See Config, where 0 stands for infinity."""

    max_size: int
    max_queue: int
    ping_interval: float
    ping_timeout: float
    deflate: bool


class ASGIApp:
    """An ASGI application in one worker."""

    def __init__(
        self,
        app: App,
        tasks: Tasks,
        websockets: WebSocketSettings,
        *,
        scheme: str = "http",
        forwarded: bool = False,
        root_path: str = "",
    ) -> None:
        self.call: Callable[..., Coroutine[Any, Any, None]] = app  # type: ignore[assignment]
        self.tasks = tasks
        self.lifespan = Lifespan(app)
        self.websockets = websockets
        #: Makes the exchange of a request: (transport, request).
        self.exchange = ASGIExchange.of(self)
        #: Makes the scope of a request: (request, transport, state).
        self.scope = Scopes(scheme=scheme, forwarded=forwarded, root_path=root_path).http

    def websocket(self, transport: Transport, request: Request) -> Exchange[Any]:
        """The exchange of a request for a WebSocket."""
        # Only here: an isolate that serves none does not pay for them.
        from subsrv.apps.websocket import open_websocket

        return open_websocket(self, transport, request)

    async def startup(self) -> None:
        """Lifespan's startup. AppLoadError if the application reports its failure."""
        await self.lifespan.startup()

    async def shutdown(self) -> None:
        """Lifespan's shutdown."""
        await self.lifespan.shutdown()
