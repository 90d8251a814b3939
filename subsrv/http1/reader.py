"""One connection's requests: bytes in, events out.

    reader.feed(data)
    while (event := reader.next()) is not None: ...

Events of one request: its `Request`; if `request.has_body`, pieces of the body as non-empty
bytes, then `End`. None asks for more bytes. Work is bounded for each byte received, however the
bytes are cut: what has been searched is not searched again.
"""

import re
from typing import NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.body import ChunkedBody, LengthBody
from subsrv.http1.errors import ProtocolError
from subsrv.http1.request import Field, HeadParser, Request

# RFC 9112 section 2.2 asks to ignore at least one empty line before a request line.
_BLANK_LINES = 4

_bare_lf = re.compile(rb"(?<!\r)\n")


class End(NamedTuple):
    """The end of a request's body, with its trailer fields."""

    trailers: tuple[Field, ...]


class Reader:
    """Reads the requests of one connection in turn. After a ProtocolError it reads no more."""

    __slots__ = (
        "_blank_lines", "_body", "_broken", "_buffer", "_last_head", "_last_request", "_parser",
        "_position", "_scanned",
    )  # fmt: skip

    def __init__(self, parser: HeadParser) -> None:
        self._parser = parser
        # bytes where one read held whole heads, which is nearly always; else a bytearray.
        self._buffer: bytes | bytearray = b""
        self._position = 0  # all before it is done with
        self._scanned = 0  # all before it is known not to hold the end of a head
        self._blank_lines = 0
        self._body: LengthBody | ChunkedBody | None = None
        self._broken = False
        # A client tends to repeat its head on a connection; comparing with the one before is
        # cheap, and no other client can push it out.
        self._last_head: bytes | None = None
        self._last_request: Request | None = None

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet turned into events."""
        return len(self._buffer) - self._position

    def feed(self, data: bytes) -> None:
        """Add what the client sent."""
        buffer = self._buffer
        if self._position == len(buffer):
            self._buffer = data
            self._position = self._scanned = 0
            return
        if isinstance(buffer, bytes):
            self._buffer = buffer = bytearray(buffer)
        del buffer[: self._position]
        self._scanned = max(self._scanned - self._position, 0)
        self._position = 0
        buffer += data

    def next(self) -> Request | bytes | End | None:
        """The next event, None if it needs more bytes, ProtocolError if they are wrong."""
        if self._broken:
            return None
        try:
            if self._body is not None:
                return self._read_body(self._body)
            if self._position == len(self._buffer):
                return None
            return self._read_head()
        except ProtocolError:
            self._broken = True
            raise

    def forget(self) -> None:
        """Give up what is kept for speed only, as when the connection has been idle."""
        self._last_head = self._last_request = None

    def _read_head(self) -> Request | None:
        buffer, start = self._buffer, self._position
        if buffer[start] == 0x0D:
            start = self._skip_blank_lines()
        end = buffer.find(b"\r\n\r\n", self._scanned if self._scanned > start else start)
        if end < 0:
            self._check_partial_head()
            return None
        head = bytes(buffer[start:end])
        self._position = end + 4
        if self._position == len(buffer):
            self._buffer = b""
            self._position = self._scanned = 0
        if head == self._last_head:
            request = self._last_request
            assert request is not None
        else:
            request = self._parser.parse(head)
            if self._parser.remembers:
                self._last_head, self._last_request = head, request
        self._blank_lines = 0
        if request.has_body:
            self._body = (
                ChunkedBody(self._parser.limits)
                if request.chunked
                else LengthBody(request.body_length)
            )
        return request

    def _skip_blank_lines(self) -> int:
        while self._buffer.startswith(b"\r\n", self._position):
            self._position += 2
            self._blank_lines += 1
            if self._blank_lines > _BLANK_LINES:
                raise ProtocolError(400, "there are too many empty lines before the request")
        return self._position

    def _check_partial_head(self) -> None:
        """Refuse at once what can no longer become a head; the rest waits for more bytes."""
        buffer, start, limits = self._buffer, self._position, self._parser.limits
        if _bare_lf.search(buffer, max(self._scanned, start)):
            raise ProtocolError(400, "a line ends with LF and not with CR LF")
        first = buffer[start : start + 1]
        if first not in (b"", b"\r") and grammar.token.match(first) is None:
            raise ProtocolError(400, "this is not HTTP")
        length = len(buffer) - start
        if length > limits.request_line:
            line_end = buffer.find(b"\r\n", start, start + limits.request_line + 2)
            if line_end < 0:
                raise ProtocolError(414, "the request line is too long")
            if start + length > limits.header_size + line_end + 2:
                raise ProtocolError(431, "the header lines are too large")
        # The last three bytes may begin the end; the byte before them says whether an LF is bare.
        self._scanned = max(len(buffer) - 3, start)

    def _read_body(self, body: LengthBody | ChunkedBody) -> bytes | End | None:
        payload, self._position = body.decode(self._buffer, self._position)
        if payload:
            return payload
        if body.done:
            self._body = None
            return End(body.trailers)
        return None
