"""Request bodies: decoders with one shape.

`decode(buffer, position)` returns the payload found from `position` on (perhaps empty) and the
position after what it used up; `done` says that the body is whole. What it leaves, it wants to
see again with more behind it.
"""

from collections.abc import Callable

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError
from subsrv.http1.grammar import Field
from subsrv.http1.request import Limits, Request

# llhttp and Go's net/http bound a chunk's line at 4 KiB; Go allows 16 KiB of extensions for each
# body. Both keep extensions, which nobody uses, from being a way to send without end.
_CHUNK_LINE = 4096
_EXTENSION_BYTES = 16384

_CR = 0x0D

# RFC 9110 section 6.5.1: what frames, routes, modifies, authenticates or describes a request must
# be known before its body, and cannot come after it. (Much the same list as Go's net/http has.)
FORBIDDEN_TRAILERS = frozenset(
    b"authorization cache-control connection content-encoding content-length content-range "
    b"content-type cookie expect forwarded host if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since keep-alive max-forwards pragma proxy-authorization proxy-connection "
    b"range set-cookie te trailer transfer-encoding upgrade".split()
)


class LengthBody:
    """A body of `length` bytes (RFC 9112 section 6.2)."""

    __slots__ = ("_remaining", "trailers")

    def __init__(self, length: int) -> None:
        self._remaining = length
        self.trailers: tuple[Field, ...] = ()

    @property
    def done(self) -> bool:
        """Whether all of it has been decoded."""
        return self._remaining == 0

    def decode(self, buffer: bytes | bytearray, position: int) -> tuple[bytes, int]:
        """See the module."""
        end = min(len(buffer), position + self._remaining)
        self._remaining -= end - position
        return bytes(buffer[position:end]), end


class Tunnel:
    """What follows a request for another protocol: whatever it is, and without end."""

    __slots__ = ()
    done = False
    trailers: tuple[Field, ...] = ()

    def decode(self, buffer: bytes | bytearray, position: int) -> tuple[bytes, int]:
        """See the module."""
        return bytes(buffer[position:]), len(buffer)


class ChunkedBody:
    """A chunked body (RFC 9112 section 7.1), its size and its overhead bounded by `limits`."""

    __slots__ = (
        "_extensions", "_fields", "_limits", "_remaining", "_room", "_scanned", "_step", "_total",
        "done",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._remaining = 0
        self._total = 0
        self._extensions = 0
        self._fields: list[Field] = []
        self._room = limits.header_size  # what the trailer lines to come may still take
        # How far beyond its start the current line has been searched for its end: a line that
        # comes byte by byte is not searched from its start each time.
        self._scanned = 0
        # What reads on: a function, for a bound method would be a cycle, and so each body would
        # wait for the garbage collector.
        self._step: _Step = ChunkedBody._size_line
        self.done = False

    @property
    def trailers(self) -> tuple[Field, ...]:
        """The trailer fields (RFC 9112 section 7.1.2)."""
        return tuple(self._fields)

    def decode(self, buffer: bytes | bytearray, position: int) -> tuple[bytes, int]:
        """See the module. ProtocolError at the first line that has no place in the grammar."""
        pieces: list[bytes] = []
        while not self.done:
            try:
                after = self._step(self, buffer, position, pieces)
            except ProtocolError:
                # What came before it is delivered, however the bytes were cut; the next call
                # finds the same error at once.
                if pieces:
                    break
                raise
            if after is None:
                break
            position = after
        return b"".join(pieces), position

    def _size_line(
        self, buffer: bytes | bytearray, position: int, _pieces: list[bytes]
    ) -> int | None:
        end = self._line_end(buffer, position, limit=_CHUNK_LINE, status=400)
        if end is None:
            return None
        match = grammar.chunk_line.fullmatch(buffer, position, end)
        if match is None:
            raise ProtocolError(400, "a chunk's size line is malformed")
        self._extensions += match.end(2) - match.start(2)
        if self._extensions > _EXTENSION_BYTES:
            raise ProtocolError(400, "there are too many chunk extensions")
        self._remaining = int(match[1], 16)
        self._total += self._remaining
        if self._total > self._limits.body:
            raise ProtocolError(413, "the body is too large")
        self._step = ChunkedBody._data if self._remaining else ChunkedBody._trailers
        return end + 2

    def _data(self, buffer: bytes | bytearray, position: int, pieces: list[bytes]) -> int | None:
        end = min(len(buffer), position + self._remaining)
        if end == position:
            return None
        pieces.append(bytes(buffer[position:end]))
        self._remaining -= end - position
        if not self._remaining:
            self._step = ChunkedBody._data_end
        return end

    def _data_end(
        self, buffer: bytes | bytearray, position: int, _pieces: list[bytes]
    ) -> int | None:
        found = buffer[position : position + 2]
        if found == b"\r\n":
            self._step = ChunkedBody._size_line
            return position + 2
        if found and found != b"\r":
            raise ProtocolError(400, "a chunk is longer than its size")
        return None

    def _trailers(
        self, buffer: bytes | bytearray, position: int, _pieces: list[bytes]
    ) -> int | None:
        # The lines together are bounded as those of a head are; the last, empty one always fits.
        end = self._line_end(buffer, position, limit=max(self._room, 2), status=431)
        if end is None:
            return None
        if end == position:
            self.done = True
            return end + 2
        match = grammar.field_line.fullmatch(buffer, position, end)
        if match is None:
            raise ProtocolError(400, "a trailer line is malformed")
        name, value = match[1].lower(), match[2].strip(b" \t")
        if name in FORBIDDEN_TRAILERS:
            raise ProtocolError(400, "a trailer has a field that must not be one")
        if len(self._fields) == self._limits.header_count:
            raise ProtocolError(431, "there are too many trailers")
        self._fields.append((name, value))
        self._room -= end + 2 - position
        return end + 2

    def _line_end(
        self, buffer: bytes | bytearray, position: int, *, limit: int, status: int
    ) -> int | None:
        """Where the line at `position` ends in CR LF; None if its end is not here yet.

        `limit` is how long it may be with its CR LF; beyond that, `status` is raised.
        """
        end = buffer.find(b"\n", position + self._scanned, position + limit)
        if end < 0:
            self._scanned = len(buffer) - position
            if self._scanned >= limit:
                raise ProtocolError(status, "a line within a chunked body is too long")
            return None
        self._scanned = 0
        if end == position or buffer[end - 1] != _CR:
            raise ProtocolError(400, "a line ends with LF and not with CR LF")
        return end - 1


type _Step = Callable[[ChunkedBody, bytes | bytearray, int, list[bytes]], int | None]


def decoder(request: Request, limits: Limits) -> LengthBody | ChunkedBody:
    """What decodes this request's body."""
    return ChunkedBody(limits) if request.chunked else LengthBody(request.framing.body_length)


def whole(
    request: Request, limits: Limits, buffer: bytes | bytearray, position: int
) -> tuple[bytes, int] | None:
    """This request's body, if all of it is there and needs no care, and the position after it.

    A short cut to what its decoder would say: it takes nothing that the decoder would refuse, and
    nothing that has more to tell than its payload, such as trailers. None for all others.
    """
    if request.chunked:
        return _whole_chunks(limits.body, buffer, position)
    end = position + request.framing.body_length
    return (bytes(buffer[position:end]), end) if end <= len(buffer) else None


def _whole_chunks(most: int, buffer: bytes | bytearray, position: int) -> tuple[bytes, int] | None:
    pieces: list[bytes | bytearray] = []
    total = 0
    while (line := grammar.bare_chunk_line.match(buffer, position)) is not None:
        start = line.end()
        size = int(line[1], 16)
        if not size:
            # The empty line stands where the trailers would.
            if total > most or not buffer.startswith(b"\r\n", start):
                break
            return b"".join(pieces), start + 2
        position = start + size + 2
        # What is beyond the buffer is no CR LF either.
        if not buffer.startswith(b"\r\n", position - 2):
            break
        pieces.append(buffer[start : position - 2])
        total += size
    return None
