"""WSGI (PEP 3333), inline in the worker's loop or in a pool of threads."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any

from subsrv.apps.collecting import CollectingExchange
from subsrv.apps.quoting import unquote
from subsrv.http1 import Request

type Environ = dict[str, Any]
type ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
type App = Callable[[Environ, Callable[..., Callable[[bytes], None]]], Iterable[bytes]]

_NOTHING: Iterator[bytes] = iter(())

# Requests that wait for a thread, beyond which a worker answers 503 (gunicorn's threads worker
# holds as many connections).
_QUEUE = 1000


class WSGIExchange(CollectingExchange["WSGIApp"]):
    """One call of a WSGI application, in the worker's loop.

    A body in several blocks is iterated as fast as the client reads: when too much waits to be
    sent, iteration stops until that has drained.
    """

    _status: str | None = None
    _headers: Sequence[tuple[str, str]] = ()
    _result: Iterable[bytes] = ()
    _blocks: Iterator[bytes] = _NOTHING

    def run(self) -> None:
        """Call the application, and send what it returns."""
        try:
            self._call()
            result = self._result
            if type(result) in (list, tuple) and len(result) == 1 and self._head is None:  # type: ignore[arg-type]
                self._respond(result[0])  # type: ignore[index]
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
        return self._write

    def _call(self) -> None:
        environ = self._app.environ(self)
        self._result = self._app.call(environ, self.start_response)

    def _respond(self, body: bytes) -> None:
        if self._status is None:
            raise AssertionError("the application did not call start_response")
        self.respond(self._status, self._headers, body)

    def _pump(self) -> None:
        for block in self._blocks:
            if block:
                self._write(block)
            if not self.open:
                break
            if self.congested:
                return
        else:
            if self._head is None:
                self._respond(b"")
            else:
                self.finish()
        self._close()

    def _write(self, block: bytes) -> None:
        if self._head is None:
            if self._status is None:
                raise AssertionError("write() before start_response")
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


class ThreadedExchange(WSGIExchange):
    """One call of a WSGI application in a thread of the pool.

    The thread runs the application and its iterator; whatever touches the connection is done by
    the loop, which the thread waits for, so that a client that reads slowly slows it down.
    """

    # What the thread waits for while too much waits to be sent. The loop's alone.
    _congestion: Future[None] | None = None

    def run(self) -> None:
        """Hand the call to the pool, or answer 503 if too many wait."""
        if not self._app.submit(self._in_thread):
            self.respond("503 Service Unavailable", [("Retry-After", "1")], b"too many requests\n")
            self.close_input()

    def drained(self) -> None:
        """See Exchange."""
        congestion, self._congestion = self._congestion, None
        if congestion is not None:
            congestion.set_result(None)

    def disconnected(self) -> None:
        """See Exchange."""
        CollectingExchange.disconnected(self)
        if not self.open:
            self.drained()

    def _in_thread(self) -> None:
        try:
            self._call()
            result = self._result
            if type(result) in (list, tuple) and len(result) == 1 and self._head is None:  # type: ignore[arg-type]
                self._in_loop(self._respond, result[0])  # type: ignore[index]
            else:
                for block in result:
                    if block:
                        self._write(block)
                    if not self.open:
                        break
                else:
                    self._in_loop(self._finish)
        except BaseException as error:
            # SystemExit too: it would end this task of the pool, and leave the client waiting.
            self._in_loop(self.fail, "the application failed", error)
        finally:
            self._close()

    def _finish(self) -> None:
        if self._head is None:
            self._respond(b"")
        else:
            self.finish()

    def _write(self, block: bytes) -> None:
        self._in_loop(super()._write, block)

    def _in_loop(self, function: Callable[..., None], *args: Any) -> None:
        """Have the loop call it, and wait until it has, and until not too much is pending."""
        outcome: Future[None] = Future()
        self._app.loop.call_soon_threadsafe(self._attempt, outcome, function, args)
        outcome.result()

    def _attempt(
        self, outcome: Future[None], function: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        try:
            function(*args)
        except Exception as error:
            outcome.set_exception(error)
            return
        if self.congested:
            self._congestion = outcome
        else:
            outcome.set_result(None)


class WSGIApp:
    """A WSGI application in one worker.

    `threads` is how many requests run at once; with one they run in the worker's loop itself.
    `multithread` and `multiprocess` are what PEP 3333 wants to be told; `cache` is how many header
    fields to remember as variables.
    """

    def __init__(
        self,
        app: App,
        loop: asyncio.AbstractEventLoop,
        *,
        threads: int,
        multithread: bool,
        multiprocess: bool,
        cache: int,
        scheme: str = "http",
        forwarded: bool = False,
        root_path: str = "",
    ) -> None:
        self.call = app
        self._variables = _Variables(cache)
        self._pool = ThreadPoolExecutor(threads, "subsrv-wsgi") if threads > 1 else None
        self._most = threads + _QUEUE
        self._calls: set[asyncio.Future[None]] = set()
        #: Makes the exchange of a request: (transport, request).
        self.exchange = partial(ThreadedExchange if self._pool else WSGIExchange, self)
        self.loop = loop
        #: The environ of a request whose body has been received.
        self.environ = self._environ
        if forwarded or scheme == "https":
            self.environ = self._secure_environ
        self._base: Environ = {
            "SERVER_SOFTWARE": "subsrv",
            "SCRIPT_NAME": root_path,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": multithread or threads > 1,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            # Each request has its own. They stand here so that all keys but the header fields' do.
            "REQUEST_METHOD": "",
            "PATH_INFO": "",
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "",
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
        request, transport = exchange.request, exchange._transport
        environ = request.sighted(self._template)
        environ["wsgi.input"] = exchange.input()
        if request.chunked:
            # Known by now, and the only way in which PEP 3333 lets an application rely on it.
            environ["CONTENT_LENGTH"] = str(exchange._size)
        if transport is not None:
            server, client = transport.server, transport.client
            if server is not None:
                environ["SERVER_NAME"] = server[0]
                environ["SERVER_PORT"] = str(server[1] or "")
            if client is not None:
                environ["REMOTE_ADDR"] = client[0]
                environ["REMOTE_PORT"] = str(client[1])
        return environ

    def _template(self, request: Request) -> Environ:
        """What follows from the head alone."""
        block, variables = request.block, self._variables
        if block.derived is not None:
            environ = block.derived.copy()
        else:
            environ = self._base.copy()
            environ.update(map(variables.__getitem__, block.fields))
            if block.kept:
                block.derived = environ.copy()
        loose = request.headers[len(block.fields) :]
        if loose:
            environ.update(map(variables.__getitem__, loose))
        if len(environ) != len(self._base) + len(request.headers) or _DROPPED in environ:
            self._add_carefully(environ, request)
        path = request.raw_path
        if b"%" in path:
            path = unquote(path)
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = path.decode("latin-1")
        environ["QUERY_STRING"] = request.query.decode("latin-1")
        environ["SERVER_PROTOCOL"] = f"HTTP/{request.version}"
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

    def submit(self, call: Callable[[], None]) -> bool:
        """Run `call` in the pool; False if too many wait already."""
        assert self._pool is not None
        if len(self._calls) >= self._most:
            return False
        future = self.loop.run_in_executor(self._pool, call)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return True

    async def startup(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Drop the calls that no thread has begun, and wait for the others.

        They cannot be stopped, and this isolate's end would wait for them, too; but here the loop
        runs, and they may need it.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if self._calls:
                await asyncio.wait(self._calls)


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
