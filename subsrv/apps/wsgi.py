"""WSGI (PEP 3333) in the worker's loop. wsgi_threads.py has it in threads."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from types import TracebackType
from typing import Any

from subsrv.apps.collecting import CollectingExchange
from subsrv.apps.quoting import unquote
from subsrv.apps.spool import Memory
from subsrv.apps.wsgi_file import FileWrapper
from subsrv.exchange import HIGH_WATER, Exchange, Transport
from subsrv.files import FileRange
from subsrv.http1 import Framing, Request
from subsrv.refusal import no_websockets

type Environ = dict[str, Any]
type ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
type App = Callable[[Environ, Callable[..., Callable[[bytes], None]]], Iterable[bytes]]

_NOTHING: Iterator[bytes] = iter(())

# A name for it, since mypy would take None itself to stay there while the application runs.
_NO_STATUS: str | None = None

_NOT_STARTED = "the application did not call start_response"


class WSGIExchange(CollectingExchange["WSGIApp"]):
    """One call of a WSGI application, in the worker's loop.

    A body in several blocks is iterated as fast as the client reads: when too much waits to be
    sent, iteration stops until that has drained.
    """

    _status: str | None
    _headers: Sequence[tuple[str, str]]
    _result: Iterable[bytes] = ()
    _blocks: Iterator[bytes] = _NOTHING

    def run(self) -> None:
        """Call the application, and send what it returns."""
        app = self._app
        self._status = _NO_STATUS
        try:
            result = app.call(app.environ(self), self.start_response)
            kind = type(result)
            if (kind is list or kind is tuple) and len(result) == 1 and self._head is None:  # type: ignore[arg-type]
                # Nearly all: what has no close() is not asked for it.
                if self._status is None:
                    raise AssertionError(_NOT_STARTED)
                self.respond(self._status, self._headers, result[0])  # type: ignore[index]
                if self.request.has_body:
                    self.close_input()
                return
            self._result = result
            if type(result) is FileWrapper and (file := self._file_range(result)) is not None:
                self._respond_file(file)
                self._close()
            else:
                self._blocks = iter(result)
                self._pump()
        except Exception as error:
            self._failed(error)

    def drained(self) -> None:
        """See Exchange."""
        if self._head is not None:
            try:
                self._pump()
            except Exception as error:
                self._failed(error)

    def disconnected(self) -> None:
        """See Exchange."""
        super().disconnected()
        # Only where iteration had paused: while it runs, the loop does, and nothing is noticed.
        if self._head is not None and not self.open:
            self._close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's start_response."""
        if exc_info is not None:
            try:
                if self.started and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle through the frame
            self._head, self._unsent = None, b""
        elif self._status is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._status, self._headers = status, headers
        return self  # hardly anybody calls it, and a bound method would be made for each request

    def __call__(self, block: bytes) -> None:
        """PEP 3333's write, which start_response returns."""
        self._write(block)

    def _call(self) -> None:
        self._status = _NO_STATUS
        environ = self._app.environ(self)
        self._result = self._app.call(environ, self.start_response)

    def _respond(self, body: bytes) -> None:
        if self._status is None:
            raise AssertionError(_NOT_STARTED)
        self.respond(self._status, self._headers, body)

    def _file_range(self, result: FileWrapper) -> FileRange | None:
        """What the kernel can send by itself; None where the result is to be iterated."""
        if self._status is None:
            return None
        if self._head is not None:
            # Something has been written before it.
            if self._head.framing is Framing.LENGTH:
                result.left = self._left
            return None
        file = result.range()
        if file is None:
            result.bound(self._headers)
        return file

    def _respond_file(self, file: FileRange) -> None:
        assert self._status is not None
        self.respond_file(self._status, self._headers, file)

    def _pump(self) -> None:
        for block in self._blocks:
            if block:
                self._write(block)
            transport = self._transport
            if transport is None:
                break
            if transport.pending > HIGH_WATER:
                return
        else:
            if self._head is None:
                self._respond(b"")
            else:
                self.finish()
        self._close()

    def _write(self, block: bytes) -> None:
        if self._head is not None:
            self.write(block)
        elif self._status is None:
            raise AssertionError("write() before start_response")
        elif block:
            self.start_with(self._status, self._headers, block)
        else:
            self.start(self._status, self._headers)
            self.write(block)

    def _close(self) -> None:
        """PEP 3333: the result's close() is called however the request ended."""
        result, self._result, self._blocks = self._result, (), _NOTHING
        self.close_input()
        close = getattr(result, "close", None)
        if close is not None:
            try:
                close()
            except Exception as error:
                self.fail("the application's close() failed", error)

    def _failed(self, error: Exception) -> None:
        self.fail("the application failed", error)
        self._close()


class WSGIApp:
    """A WSGI application in one worker, which runs one request at a time, in its loop.

    `multithread` and `multiprocess` are what PEP 3333 wants to be told; `cache` is how many header
    fields to remember as variables. `root_path` is where the application is mounted, "" or "/shop":
    its SCRIPT_NAME, left out of PATH_INFO where a proxy has not done so. `body_memory` are bytes
    that large bodies may take, all together.
    """

    def __init__(
        self,
        app: App,
        *,
        multithread: bool,
        multiprocess: bool,
        cache: int,
        scheme: str = "http",
        forwarded: bool = False,
        root_path: str = "",
        body_memory: int = 0,
    ) -> None:
        self.call = app
        #: For the bodies of its requests.
        self.memory = Memory(body_memory)
        self._variables = _Variables(cache)
        self._root = root_path.encode()
        #: Makes the exchange of a request: (transport, request).
        self.exchange: Callable[[Transport, Request], Exchange[Any]] = WSGIExchange.of(self)
        self.websocket = no_websockets
        #: The environ of a request; its input is the exchange's.
        self.environ = self._environ
        if forwarded or scheme == "https":
            self.environ = self._secure_environ
        self._base: Environ = {
            "SERVER_SOFTWARE": "subsrv",
            "SCRIPT_NAME": self._root.decode("latin-1"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
            "SERVER_PROTOCOL": "HTTP/1.1",
            # Each request has its own. They stand here so that all keys but the header fields' do,
            # and the dictionary of a request need not grow.
            "REQUEST_METHOD": "",
            "PATH_INFO": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "",
            "REMOTE_PORT": "",
            "wsgi.input": None,
        }

    def _secure_environ(self, exchange: WSGIExchange) -> Environ:
        """The same, with what PEP 3333 wants to be told of TLS, be it ours or a proxy's."""
        environ, transport = self._environ(exchange), exchange._transport
        if transport is not None and transport.tls is not None:
            environ.update(transport.tls.variables)
        scheme = getattr(transport, "scheme", None)  # where a trusted proxy has told it
        if scheme is not None:
            environ["wsgi.url_scheme"] = scheme
            if scheme == "https":
                environ["HTTPS"] = "on"
            else:
                environ.pop("HTTPS", None)
        return environ

    def _environ(self, exchange: WSGIExchange) -> Environ:
        request = exchange.request
        derived = request.derived
        if derived is not None:
            environ = derived.copy()
        else:
            environ = self._template(request, exchange._transport)
            if request.seen:
                request.derived = environ.copy()
            request.seen = True
        if not request.has_body:
            environ["wsgi.input"] = BytesIO()
            return environ
        environ["wsgi.input"] = exchange.input()
        if request.chunked:
            # Known by now, and the only way in which PEP 3333 lets an application rely on it.
            environ["CONTENT_LENGTH"] = str(exchange._size)
        return environ

    def _template(self, request: Request, transport: Transport | None) -> Environ:
        """What follows from the head, and from the connection that it came by.

        None, where its client is gone: then this is its last request.
        """
        block, variables = request.block, self._variables
        if block.derived is not None:
            environ = block.derived.copy()
        else:
            environ = self._base.copy()
            environ.update(map(variables.__getitem__, block.fields))
            if block.kept:
                block.derived = environ.copy()
        headers, last = request.headers, len(request.headers) - 1
        if last >= len(block.fields):
            name, text = headers[last]
            if name == b"cookie":  # which is new in most heads, and last in those of browsers
                environ["HTTP_COOKIE"] = text.decode("latin-1")
            else:
                last += 1
            for field in headers[len(block.fields) : last]:
                key, value = variables[field]
                environ[key] = value
        if len(environ) != len(self._base) + len(request.headers) or _DROPPED in environ:
            self._add_carefully(environ, request)
        path = request.raw_path
        if b"%" in path:
            path = unquote(path)
        root = self._root
        if root and (path == root or path.startswith(root + b"/")):
            path = path[len(root) :]
        elif path == b"*":
            path = b""  # of OPTIONS: what is no path cannot be one within the application
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = path.decode("latin-1")
        environ["QUERY_STRING"] = request.query.decode("latin-1")
        if request.version != "1.1":
            environ["SERVER_PROTOCOL"] = f"HTTP/{request.version}"
        server = transport.server if transport is not None else None
        if server is not None and server[1] is not None:  # a Unix socket has neither
            environ["SERVER_NAME"] = server[0]
            environ["SERVER_PORT"] = str(server[1])
        client = transport.client if transport is not None else None
        if client is not None:
            environ["REMOTE_ADDR"] = client[0]
            environ["REMOTE_PORT"] = str(client[1])
        else:
            del environ["REMOTE_ADDR"], environ["REMOTE_PORT"]
        return environ

    def _add_carefully(self, environ: Environ, request: Request) -> None:
        """Add header fields of which some are repeated or not to be passed on."""
        values: Environ = {}
        for field in request.headers:
            key, value = self._variables[field]
            if key in values:
                # RFC 9110 section 5.3; RFC 6265 section 5.4 for cookies.
                value = values[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
            values[key] = value
        environ.update(values)
        environ.pop(_DROPPED, None)

    async def startup(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""


# The two that have no HTTP_ (RFC 3875 section 4.1).
_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}

# Stands for a name with "_" in it, which an application could not tell from the same name with
# "-", which a proxy may have vetted.
_DROPPED = "subsrv.dropped"

_CACHED_VALUE = 512


class _Variables(dict[tuple[bytes, bytes], tuple[str, str]]):
    """A bounded memo from a header field to its variable in the environ. Full, it starts anew."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, field: tuple[bytes, bytes]) -> tuple[str, str]:
        name, value = field
        if name == b"cookie":
            return "HTTP_COOKIE", value.decode("latin-1")  # hardly ever comes again
        key = _KEYS.get(name) or "HTTP_" + name.decode("ascii").upper().replace("-", "_")
        variable = (_DROPPED if b"_" in name else key), value.decode("latin-1")
        if self._size and len(value) <= _CACHED_VALUE:
            if len(self) >= self._size:
                self.clear()
            self[field] = variable
        return variable
