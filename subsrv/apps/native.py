"""The native interface: `def app(request) -> Response | bytes | str`, sync or async."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import CoroutineType
from typing import Any

from subsrv.apps.collecting import CollectingExchange
from subsrv.apps.quoting import unquote
from subsrv.apps.spool import Memory
from subsrv.apps.tasks import Tasks
from subsrv.exchange import Address
from subsrv.http1 import Headers, ResponseError
from subsrv.http1 import Request as Head
from subsrv.refusal import no_websockets

_TEXT: Headers = [("content-type", "text/plain; charset=utf-8")]


class Request:
    """What a native handler is given. The body has been received whole."""

    __slots__ = ("_exchange", "_head")

    def __init__(self, head: Head, exchange: "NativeExchange") -> None:
        self._head = head
        self._exchange = exchange

    @property
    def method(self) -> str:
        """The method, as sent: "GET"."""
        return self._head.method

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self._head.raw_path).decode("utf-8", "replace")

    @property
    def query(self) -> str:
        """What follows "?", as sent; "" where there is none."""
        return self._head.query.decode("ascii")

    @property
    def http_version(self) -> str:
        """1.1 or 1.0, as a string."""
        return self._head.version

    @property
    def headers(self) -> Mapping[str, str]:
        """Values by lower-case name; those of repeated fields joined by commas (RFC 9110 5.3)."""
        found: dict[str, str] = {}
        for raw_name, raw_value in self._head.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """All fields in order: lower-case name, value."""
        return self._head.headers

    @property
    def body(self) -> bytes:
        """The whole body. A large one may have waited in a file, and is read from there."""
        return self._exchange.input().read() if self._head.has_body else b""

    @property
    def client(self) -> Address | None:
        """The client's host and port; None on a Unix socket, and when it is gone."""
        return self._exchange.client

    @property
    def scheme(self) -> str:
        """http or https, as the client has it, if a trusted proxy says so."""
        return self._exchange.scheme


class Response:
    """What a native handler gives back, where bytes or str alone do not say enough.

    `headers` are pairs of str or bytes; without a content-type among them, text gets
    "text/plain; charset=utf-8". Content-Length is added.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes | str = b"",
        status: int = 200,
        headers: Mapping[str, str] | Headers = (),
    ) -> None:
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        named = any(name.lower() in ("content-type", b"content-type") for name, _ in pairs)
        self.headers: Headers = pairs if named or not self.body else [*_TEXT, *pairs]


type Result = Response | bytes | str
type Handler = Callable[[Request], Result | Awaitable[Result]]


class NativeExchange(CollectingExchange["NativeApp"]):
    """One call of a native handler."""

    @property
    def client(self) -> Address | None:
        """The client's host and port; None on a Unix socket, and when it is gone."""
        return self._transport.client if self._transport is not None else None

    @property
    def scheme(self) -> str:
        """http or https."""
        scheme: str = getattr(self._transport, "scheme", self._app.scheme)
        return scheme

    def run(self) -> None:
        """Call the handler; a result that can be awaited is awaited in a task."""
        try:
            result = self._app.handler(Request(self.request, self))
            if type(result) is bytes:
                self.respond(200, _TEXT, result)
            elif isinstance(result, Awaitable):
                self._app.tasks.start(_coroutine(result), self._ended)
                return
            else:
                self._answer(result)
        except Exception as error:
            self.fail("the handler failed", error)
        if self.request.has_body:
            self.close_input()

    def drained(self) -> None:
        """Nothing waits for it: a native response leaves at once."""

    def _answer(self, result: Any) -> None:
        if isinstance(result, str):
            self.respond(200, _TEXT, result.encode())
        elif isinstance(result, Response):
            self.respond(result.status, result.headers, result.body)
        elif isinstance(result, (bytes, bytearray, memoryview)):
            self.respond(200, _TEXT, bytes(result))
        else:
            raise ResponseError(
                f"the handler returned {result!r}, which is no Response, bytes or str"
            )

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.fail("the handler was cancelled")
        elif (error := task.exception()) is not None:
            self.fail("the handler failed", error)
        else:
            try:
                self._answer(task.result())
            except Exception as error:
                self.fail("the handler failed", error)
        self.close_input()


def _coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    if isinstance(awaitable, CoroutineType):
        return awaitable

    async def wait() -> Any:
        return await awaitable

    return wait()


class NativeApp:
    """A native handler in one worker."""

    def __init__(
        self, handler: Handler, tasks: Tasks, *, body_memory: int, scheme: str = "http"
    ) -> None:
        self.handler = handler
        self.scheme = scheme
        self.tasks = tasks
        #: For the bodies of its requests.
        self.memory = Memory(body_memory)
        #: Makes the exchange of a request: (transport, request).
        self.exchange = NativeExchange.of(self)
        self.websocket = no_websockets

    async def startup(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""
