"""One request and its response: the seam between a connection and an application.

Each interface (ASGI, WSGI, native) subclasses `Exchange`. The connection calls `run` or `begin`,
and tells of the body and of disconnection; the subclass answers with `respond`, or `start`, `write`
and `finish`. Once it has finished or failed, an exchange has no connection any more, so a late call
by the application can never touch the response to the next request.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from subsrv.files import FileRange
from subsrv.http1 import LAST_CHUNK, Encoder, Framing, Head, Headers, Request, ResponseError, chunk
from subsrv.interruption import dealing_with

if TYPE_CHECKING:
    from subsrv.shared import Counters
    from subsrv.tls_session import Session

_log = logging.getLogger("subsrv")

HIGH_WATER = 65536
"""Bytes waiting in a buffer above which its producer is paused (asyncio's default)."""


type Address = tuple[str, int | None]
"""Host and port; a Unix socket's path and None."""


class DisconnectedError(OSError):
    """The client is gone. ASGI 2.4 wants an OSError from `send` then."""


class Transport(Protocol):
    """What an exchange may ask of its connection."""

    encoder: Encoder
    closing: bool
    pending: int
    client: Address | None
    server: Address | None

    @property
    def tls(self) -> "Session | None":
        """What TLS has agreed on with the client; None where there is no TLS."""

    def send(self, data: bytes) -> None:
        """Send, or keep what the socket does not take; `pending` counts that."""

    def send_parts(self, parts: Sequence[bytes]) -> None:
        """Send them one after another, and do not copy them for that: not for small ones.

        A head is whole in the first of them.
        """

    def send_file(self, file: FileRange) -> None:
        """Send a file after what was sent before, and close it."""

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """Send the last bytes of the response; the exchange is over."""

    def abort(self) -> None:
        """Close at once: the response cannot be completed."""

    def want_body(self) -> None:
        """The application waits for (more of) the body."""

    def resume(self) -> None:
        """Read again what the client sends, after `body_received` has said no."""

    @property
    def counters(self) -> "Counters":
        """What the worker counts."""


# A piece of so many bytes, or more, leaves as it is, in a system call that is told where the parts
# are: below that, one that is told of a single place costs less, copy and all.
_LARGE_PIECE = 16384
# A whole body, too; but a small response is one call from here to the socket, which spares so much
# that they are even only at 64 KiB.
_LARGE_BODY = 131072

# A file up to so large leaves in one write with its head, which costs less than sendfile does.
_SMALL_FILE = 32768

_ERROR_HEADERS = [("content-type", "text/plain; charset=utf-8")]


class Exchange[App]:
    """See the module. Errors of the response (ResponseError) are raised to the application.

    One is made for each request, and most set few of their attributes: so what they begin with
    stands in the class, here and in subclasses. But a store to what the class has, too, is one that
    the interpreter looks up anew each time: what nearly every request sets begins where it does.
    """

    #: The application waits for the body, so that a stalled client may be timed out.
    awaits_body = False
    _head: Head | None = None
    _unsent = b""  # a head that waits for the first bytes of its body
    _left = 0  # bytes of the body that its Content-Length still promises

    def __init__(self, app: App, transport: Transport, request: Request) -> None:
        self._app = app
        self._transport: Transport | None = transport
        self.request = request

    @classmethod
    def of(cls, app: App) -> Callable[[Transport, Request], Self]:
        """The class of the exchanges of this application.

        A class that is called itself is specialised by the interpreter, a partial is not.
        """

        class Bound(cls):  # type: ignore[misc, valid-type]
            def __init__(self, transport: Transport, request: Request) -> None:
                self._app = app
                self._transport = transport
                self.request = request

        return Bound

    # What the connection calls.

    def run(self) -> None:
        """Start to handle a request that is whole, for it has no body."""
        self.begin()

    def begin(self) -> None:
        """Start to handle a request whose body comes later."""
        raise NotImplementedError

    def begin_whole(self, body: bytes) -> None:
        """Start to handle a request whose body has come with it; there will be no more of it."""
        self.begin()
        if body and self.open:
            self.body_received(body)
        if self.open:
            self.body_ended()

    def body_received(self, data: bytes) -> bool:
        """A piece of the body. False pauses reading until `want_body` is called."""
        raise NotImplementedError

    def body_ended(self) -> None:
        """The body is whole."""
        raise NotImplementedError

    def drained(self) -> None:
        """What was pending has been sent."""
        raise NotImplementedError

    def disconnected(self) -> None:
        """The client is gone, or will send no more. Subclasses extend this."""

    def detach(self) -> None:
        """The connection is closed: whatever is sent from now on goes nowhere."""
        self._transport = None

    def drain(self) -> None:
        """The worker is about to stop: end what would never end by itself."""

    def tick(self, now: float) -> float:
        """Called at coarse ticks, by the reactor's clock; returns when to call again."""
        return 0.0

    # What the application's side calls.

    @property
    def open(self) -> bool:
        """Whether a response is still wanted: not finished, and the connection is there."""
        return self._transport is not None

    @property
    def started(self) -> bool:
        """Whether any of the response has been sent."""
        return self._head is not None and not self._unsent

    @property
    def congested(self) -> bool:
        """Whether so much waits to be sent that the application should pause."""
        return self._transport is not None and self._transport.pending > HIGH_WATER

    def respond(self, status: int | str, headers: Headers, body: bytes) -> None:
        """Send a whole response at once."""
        transport = self._transport
        if transport is None:
            self._came_late()
            return
        if len(body) >= _LARGE_BODY and type(body) is bytes:
            self._respond_apart(transport, status, headers, body)
            return
        data, keep_alive = transport.encoder.complete(
            status, headers, body, self.request, transport.closing
        )
        self._transport = None
        transport.finish(data, keep_alive)

    def _respond_apart(
        self, transport: Transport, status: int | str, headers: Headers, body: bytes
    ) -> None:
        """Send a whole response without a copy of its body."""
        head = transport.encoder.whole(status, headers, len(body), self.request, transport.closing)
        self._transport = None
        if head.framing is not Framing.LENGTH:
            transport.finish(head.data, head.keep_alive)
            return
        transport.send_parts((head.data, body))
        transport.finish(b"", head.keep_alive)

    def respond_file(self, status: int | str, headers: Headers, file: FileRange) -> None:
        """Send a whole response whose body is a file, up to its Content-Length. Closes the file.

        The response leaves as the client reads, and needs the application no more.
        """
        rest: FileRange | None = file
        try:
            transport = self._transport
            if transport is None:
                self._came_late()
                return
            head = transport.encoder.start(
                status, headers, self.request, length=file.left, close=transport.closing
            )
            if head.framing is not Framing.LENGTH:
                self._transport = None
                transport.finish(head.data, head.keep_alive)
                return
            if head.length > file.left:
                raise ResponseError(
                    f"the Content-Length is {head.length}, but the file has {file.left} bytes"
                )
            file.left = head.length
            if head.length > _SMALL_FILE:
                rest = self._transport = None
                transport.send(head.data)
                transport.send_file(file)
                transport.finish(b"", head.keep_alive)
                return
            data = file.read()
            if len(data) != head.length:
                raise ResponseError("the file has become shorter")
            self._transport = None
            transport.finish(head.data + data, head.keep_alive)
        finally:
            if rest is not None:
                rest.close()

    def start(self, status: int | str, headers: Headers) -> None:
        """Begin a response whose body comes in pieces. Its head leaves with the first of them."""
        transport = self._transport
        if transport is None:
            return
        self._head = head = transport.encoder.start(
            status, headers, self.request, length=None, close=transport.closing
        )
        self._unsent = head.data
        self._left = head.length

    def start_with(self, status: int | str, headers: Headers, data: bytes) -> None:
        """The same, and send the first piece, which may not be empty: it is often the only one."""
        transport = self._transport
        if transport is None:
            return
        size = len(data)
        self._head = head = transport.encoder.first(
            status, headers, size, self.request, transport.closing
        )
        if head.framing is Framing.LENGTH and head.length == size < _LARGE_PIECE:
            transport.send(head.data + data)
            return
        self._unsent = head.data
        self._left = head.length
        self.write(data)

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if len(data) >= _LARGE_PIECE and type(data) is bytes:
            parts = self._frame_apart(data)
            if self._transport is None:
                pass
            elif len(parts) > 1:
                self._transport.send_parts(parts)
            elif parts:
                self._transport.send(parts[0])
            return
        transport, data = self._transport, self._frame(data)
        if transport is not None and data:
            transport.send(data)

    def finish(self, data: bytes = b"", trailers: bytes = b"") -> None:
        """Send the last piece of the body, which may be empty, and trailers if it is chunked."""
        transport = self._transport
        if transport is None:
            self._came_late()
            return
        parts: Sequence[bytes] = ()
        if len(data) >= _LARGE_PIECE and type(data) is bytes:
            parts, data = self._frame_apart(data), b""
        elif data or self._unsent:
            data = self._frame(data)
        head = self._head
        assert head is not None
        if head.framing is Framing.LENGTH and self._left:
            if parts:
                transport.send_parts(parts)
            elif data:
                transport.send(data)
            raise ResponseError(f"the body is {self._left} bytes short of its Content-Length")
        if head.framing is Framing.CHUNKED:
            data += b"0\r\n%b\r\n" % trailers if trailers else LAST_CHUNK
        self._transport = None
        if parts:
            transport.send_parts((*parts, data))
            data = b""
        transport.finish(data, head.keep_alive)

    def abandon(self) -> None:
        """Give up the response: nobody waits for it any more."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        """The application failed: log it; answer 500, or close if the head has left."""
        request = self.request
        path = request.raw_path.decode("latin-1")
        with dealing_with(error):
            _log.error("%s in %s %s", reason, request.method, path, exc_info=error)
            transport = self._transport
            if transport is None:
                return
            if self.started:
                self._transport = None
                transport.abort()
                return
            transport.closing = True
            self.respond(500, _ERROR_HEADERS, b"500 Internal Server Error\n")

    def _came_late(self) -> None:
        """The response ends when nobody waits for it any more. Subclasses may raise."""

    def _frame(self, data: bytes) -> bytes:
        """The bytes to send for a piece of the body, with the head if that has not left."""
        head = self._head
        if head is None:
            # Only where the client was gone before start().
            return b""
        if head.framing is Framing.CHUNKED:
            data = chunk(data) if data else b""
        elif head.framing is Framing.NONE:
            data = b""
        elif head.framing is Framing.LENGTH:
            if len(data) > self._left:
                raise ResponseError(f"the body is longer than its Content-Length {head.length}")
            self._left -= len(data)
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        return data

    def _frame_apart(self, data: bytes) -> list[bytes]:
        """What `_frame` puts together, in its parts, none of them empty: one that is not copied."""
        head, unsent, self._unsent = self._head, self._unsent, b""
        if head is not None and head.framing is Framing.CHUNKED:
            return [b"%b%x\r\n" % (unsent, len(data)), data, b"\r\n"]
        try:
            framed = self._frame(data)
        except ResponseError:
            self._unsent = unsent
            raise
        return [part for part in (unsent, framed) if part]
