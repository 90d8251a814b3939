"""One connection's requests: bytes in, events out.

    reader.feed(data)
    while (event := reader.next()) is not None: ...

Events of one request: its `Request`; if `request.has_body`, pieces of the body as non-empty
bytes, then `End`. None asks for more bytes. Work is bounded for each byte received, however the
bytes are cut: what has been searched is not searched again. Nor do the events, or the error that
ends them, depend on how the bytes were cut, but for where the body's pieces end.
"""

import re
from typing import NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.body import ChunkedBody, LengthBody, Tunnel, decoder, whole
from subsrv.http1.errors import ProtocolError
from subsrv.http1.grammar import Field
from subsrv.http1.request import HeadParser, Request

# RFC 9112 section 2.2 asks to ignore at least one empty line before a request line.
_BLANK_LINES = 4

_CR = 0x0D
_bare_lf = re.compile(rb"(?<!\r)\n")


class End(NamedTuple):
    """The end of a request's body, with its trailer fields."""

    trailers: tuple[Field, ...]


class Reader:
    """Reads the requests of one connection in turn.

    It reads no more after a ProtocolError, nor after a request that ends the connection ("close",
    or HTTP/1.0 without "keep-alive"), as RFC 9112 section 9.6 has it.
    """

    __slots__ = (
        "_blank_lines", "_body", "_broken", "_last", "_line", "_parser",
        "_position", "_recent", "_recent_length", "_recent_request", "_scanned", "buffer",
    )  # fmt: skip

    def __init__(self, parser: HeadParser) -> None:
        self._parser = parser
        #: What has been fed, from some position on; empty if and only if `buffered` is 0.
        #: bytes where one read held whole heads, which is nearly always; else a bytearray.
        self.buffer: bytes | bytearray = b""
        self._position = 0  # all before it is done with
        self._scanned = 0  # all before it is known not to hold the end of a head
        self._line = 0  # length of a partial head's request line with its CR LF, once that is here
        self._blank_lines = 0
        # A request whose body is to come; what decodes it, once that has begun.
        self._body: Request | LengthBody | ChunkedBody | Tunnel | None = None
        self._last = False  # no request is to follow the one that has been read
        self._broken = False
        # A client tends to repeat its request's head on a connection; comparing with the one before
        # is cheap, and no other client can push it out. Kept only of plain requests, and only where
        # the one before was as long: what will not come again is better not kept, for with many
        # connections it would not even stay in the processor's cache.
        self._recent_length = 0
        self._recent: bytes | None = None
        self._recent_request: Request | None = None

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet turned into events."""
        return len(self.buffer) - self._position

    @property
    def asks_head(self) -> bool:
        """Whether what has come of the next request begins as a HEAD request does."""
        return self._body is None and self.buffer.startswith(b"HEAD ", self._position)

    @property
    def first_line(self) -> bytes:
        """The beginning of what has come of the next request, for a log."""
        start = self._position
        end = min(len(self.buffer), start + self._parser.limits.request_line)
        line_end = self.buffer.find(b"\r\n", start, end)
        return bytes(self.buffer[start : line_end if line_end >= 0 else end])

    def feed(self, data: bytes) -> None:
        """Add what the client sent."""
        buffer = self.buffer
        if self._broken:
            return
        if self._position == len(buffer):
            self.buffer = data
            self._position = self._scanned = 0
            return
        if isinstance(buffer, bytes):
            self.buffer = buffer = bytearray(memoryview(buffer)[self._position :])
        else:
            # A bytearray gives up its beginning without moving the rest.
            del buffer[: self._position]
        self._scanned = max(self._scanned - self._position, 0)
        self._position = 0
        buffer += data

    def receive(self, data: bytes) -> Request | bytes | End | None:
        """The same as `feed(data)`, then `next()`; at once where the client repeats its request."""
        if not self.buffer and self._body is None:
            recent = self._recent
            if data == recent:
                request = self._recent_request
                assert request is not None
                if request.has_body:
                    self._body = request
                return request
            size = data.find(b"\r\n\r\n")
            if size > 0 and not self._last:
                # A head, perhaps with its body or other heads behind it: nearly all that comes.
                end = size + 4
                if recent is not None and data.startswith(recent):
                    request = self._recent_request
                    assert request is not None
                    if request.has_body:
                        self._body = request
                else:
                    try:
                        request = self._parser.parse(data, size)
                    except ProtocolError:
                        # The longer way finds what was wrong first.
                        self.feed(data)
                        return self.next()
                    self._accept(data, end, request)
                if end < len(data):
                    self.buffer = data
                    self._position = end
                    self._scanned = 0
                self._blank_lines = 0
                return request
        if data:
            self.feed(data)
        return self.next()

    def next(self) -> Request | bytes | End | None:
        """The next event, None if it needs more bytes, ProtocolError if they are wrong."""
        try:
            if self._body is not None:
                return self._read_body(self._body)
            if self._position == len(self.buffer) or self._last:
                return None
            return self._read_head()
        except ProtocolError as error:
            error.bodiless = self.asks_head
            error.line = self.first_line if self._body is None else b""
            self._broken = self._last = True
            self._body = None
            self._drop_buffer()
            self.forget()
            raise

    def take_body(self) -> bytes | None:
        """The body of the request just read, if it has come whole; no events of it follow then.

        None, and nothing has changed, where it has not, or where it has more to tell: trailers,
        say, or an error.
        """
        assert type(self._body) is Request
        found = whole(self._body, self._parser.limits, self.buffer, self._position)
        if found is None:
            return None
        body, self._position = found
        self._body = None
        if self._position == len(self.buffer):
            self._drop_buffer()
        return body

    def tunnel(self) -> None:
        """The request just read has changed the protocol: from now on events are bytes as sent."""
        self._body = Tunnel()
        self._last = True
        self.forget()

    @property
    def tunnels(self) -> bool:
        """Whether what comes is not HTTP any more."""
        return type(self._body) is Tunnel

    def forget(self) -> None:
        """Give up what is kept for speed only, as when the connection has been idle."""
        self._recent = self._recent_request = None

    def _read_head(self) -> Request | None:
        buffer, start = self.buffer, self._position
        recent = self._recent
        if recent is not None and buffer.startswith(recent, start):
            request = self._recent_request
            assert request is not None
            self._position = start + len(recent)
            if self._position == len(buffer):
                self._drop_buffer()
            self._line = self._blank_lines = 0
            if request.has_body:
                self._body = request
            return request
        if buffer[start] == _CR:
            start = self._skip_blank_lines()
        end = buffer.find(b"\r\n\r\n", self._scanned if self._scanned > start else start)
        if end < 0:
            self._check_partial_head(len(buffer))
            # The last three bytes may begin the end of the head.
            self._scanned = max(len(buffer) - 3, start)
            return None
        whole = bytes(buffer[start : end + 4])
        try:
            request = self._parser.parse(whole, len(whole) - 4)
        except ProtocolError:
            # Byte by byte, it might have been refused before it was whole: then so it is now.
            self._check_partial_head(end + 3)
            raise
        self._position = end + 4
        if self._position == len(buffer):
            self._drop_buffer()
        self._line = self._blank_lines = 0
        self._accept(whole, len(whole), request)
        return request

    def _accept(self, data: bytes, end: int, request: Request) -> None:
        """Take note of what follows from a request, whose head ends at `end`."""
        if request.plain and not request.special:
            if end != self._recent_length:
                self._recent_length = end
            elif self._parser.remembers:
                self._recent, self._recent_request = data[:end], request
        else:
            self.forget()
            if not request.framing.keep_alive:
                self._last = True
        if request.has_body:
            self._body = request

    def _skip_blank_lines(self) -> int:
        while self.buffer.startswith(b"\r\n", self._position):
            self._position += 2
            self._blank_lines += 1
            if self._blank_lines > _BLANK_LINES:
                raise ProtocolError(400, "there are too many empty lines before the request")
        return self._position

    def _check_partial_head(self, end: int) -> None:
        """Refuse what can no longer become a head; what has come of it ends before `end`."""
        buffer, start, limits = self.buffer, self._position, self._parser.limits
        scanned = max(self._scanned, start)
        bare_lf = _bare_lf.search(buffer, scanned, end)
        if bare_lf is not None:
            end = bare_lf.end()  # what is wrong before it was wrong first
        # A TLS hello, for one. A lone CR may begin an empty line.
        if (
            start < end
            and grammar.token.match(buffer, start, start + 1) is None
            and (buffer[start] != _CR or start + 1 < end)
        ):
            raise ProtocolError(400, "this is not HTTP")
        if not self._line:
            most = start + limits.request_line + 2
            line_end = buffer.find(b"\r\n", scanned, min(end, most))
            if line_end >= 0:
                if grammar.request_line.fullmatch(buffer, start, line_end) is None:
                    raise ProtocolError(400, "the request line is malformed")
                self._line = line_end + 2 - start
            elif end >= most:
                raise ProtocolError(414, "the request line is too long")
        # The CR LF of the last header line ends it, and that of the empty line ends the head.
        if self._line and end >= start + self._line + limits.header_size + 2:
            raise ProtocolError(431, "the header lines are too large")
        if bare_lf is not None:
            raise ProtocolError(400, "a line ends with LF and not with CR LF")

    def _read_body(self, body: Request | LengthBody | ChunkedBody | Tunnel) -> bytes | End | None:
        if type(body) is Request:
            self._body = body = decoder(body, self._parser.limits)
        assert not isinstance(body, Request)
        payload, self._position = body.decode(self.buffer, self._position)
        if self._position == len(self.buffer):
            self._drop_buffer()
        if payload:
            return payload
        if body.done:
            self._body = None
            return End(body.trailers)
        return None

    def _drop_buffer(self) -> None:
        """Free the buffer: a connection may be idle from now on."""
        self.buffer = b""
        self._position = self._scanned = 0
