"""Request heads: from the bytes between two requests' ends to a `Request`."""

from typing import Any, NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError
from subsrv.http1.framing import Framing, frame
from subsrv.http1.grammar import Field
from subsrv.http1.memo import PATIENCE, Block, Blocks, Lines


class Limits(NamedTuple):
    """Bounds on what a client may send, in bytes unless named otherwise."""

    request_line: int = 8192
    header_size: int = 32768
    header_count: int = 100
    body: int = 1 << 30


class Request:
    """One request head, validated. Equal heads of a connection share it: nobody may change it."""

    # Slots, and no defaults in the class: what some requests had of their own and others of their
    # class, the interpreter would look up anew each time.
    __slots__ = (
        "block", "chunked", "derived", "framing", "has_body", "headers", "method", "plain", "query",
        "raw_path", "seen", "special", "version",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        headers: tuple[Field, ...],
        block: Block,
        framing: Framing,
    ) -> None:
        self.method = method
        #: The path as sent, percent-encoded, without the query; "*" for OPTIONS *.
        self.raw_path = raw_path
        self.query = query
        #: "1.1" or "1.0"
        self.version = version
        self.headers = headers
        #: What the first of its header lines say; the others follow in `headers`.
        self.block = block
        self.framing = framing
        # The same, for what is looked at in most requests.
        self.has_body = framing.has_body
        self.chunked = framing.chunked
        self.special = framing.special
        #: HTTP/1.1, to be kept alive, and not HEAD: its response needs no special care.
        self.plain = framing.plain and method != "HEAD"
        #: What an interface made of the head and its connection, for its own use. Most heads that
        #: come again have come twice already: what is `seen` for the first time is not worth it.
        self.derived: dict[str, Any] | None = None
        self.seen = False


_VERSIONS = {b"1.1": "1.1", b"1.0": "1.0"}

# RFC 9110 section 9 and RFC 5789. Not CONNECT, whose target is of another form.
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH")


class HeadParser:
    """Parses heads for all connections of one worker. Not shared between workers, see memo.py.

    `cache` is the number of field lines to remember; 0 remembers nothing.
    """

    def __init__(self, limits: Limits, *, cache: int = 0) -> None:
        self.limits = limits
        self.remembers = cache > 0
        self._most_line, self._most_header, self._most_fields, _ = limits
        self._lines = Lines(cache)
        # This worker's own: without the GIL, threads that look up the same key contend for it.
        self._methods = {name.encode(): name for name in _METHODS}
        self._blocks = Blocks(cache, self._lines, self._most_fields)

    def parse(self, data: bytes, size: int) -> Request:
        """The request whose head the first `size` bytes are, without the empty line that ends it.

        ProtocolError where it is none.
        """
        usual = grammar.usual_request_line.match(data, 0, size + 2)
        if usual is not None:
            word, raw_path, query = usual.groups(b"")
            end = usual.end() - 2
        else:
            word = b""  # see below
            end = data.find(b"\r\n", 0, size)
            if end < 0:
                end = size
        if end > self._most_line:
            raise ProtocolError(414, "the request line is too long")
        if size - end > self._most_header:
            raise ProtocolError(431, "the header lines are too large")
        method = self._methods.get(word)
        if method is not None:
            version, authority, special = "1.1", None, False
        else:
            word, version, authority, raw_path, query = _request_line(data[:end])
            method = word.decode("ascii")
            special = version == "1.0" or authority is not None

        known = self._lines
        if known.full:
            known.make_room()
        blocks = self._blocks
        start = end + 2
        # The length of all lines together; less than 0 where there are none.
        block = blocks.get(data[start:size]) if size - start in blocks.wholes else None
        if block is not None:
            blocks.patience = PATIENCE
            headers = block.fields
        else:
            # What identifies a user or a page must not stand in a block. Names as browsers write
            # them, and as proxies do that speak HTTP/2 to clients: where they are spelled
            # otherwise, less is found in the memo, no more.
            cut = cookie = data.rfind(b"\r\nCookie: ", end, size)
            if cookie < 0:
                cut = cookie = data.rfind(b"\r\ncookie: ", end, size)
                if cookie < 0:
                    cut = cookie = size
            referer = data.rfind(b"\r\nReferer: ", end, cookie)
            if referer < 0:
                referer = data.rfind(b"\r\nreferer: ", end, cookie)
            if referer >= 0:
                cut = referer
            raw = data[end + 2 : cut]
            block = blocks.get(raw) if blocks.patience else None
            if block is None:
                block = blocks.learn(raw)
            else:
                blocks.patience = PATIENCE
                if cut == size:
                    blocks.wholes.add(len(raw))
            tail: tuple[Field, ...] = ()
            if cookie < size:
                # The one line that is new in most heads; browsers often send it last.
                value = data[cookie + 10 : size]
                if value.translate(grammar.FIELD_VALUE) != value:
                    cookie = size  # there are other lines behind it
                else:
                    tail = ((b"cookie", value.strip(b" \t")),)
            if cut < cookie:
                loose = data[cut + 2 : cookie]
                if loose in known and loose not in known.special:
                    tail = (known[loose], *tail)  # one line, which has come before
                else:
                    lines = loose.split(b"\r\n")
                    if len(block.fields) + len(lines) > self._most_fields:
                        raise ProtocolError(431, "there are too many header lines")
                    tail = (*map(known.__getitem__, lines), *tail)
                    special = special or not known.special.isdisjoint(lines)
            headers = block.fields + tail
            if len(headers) > self._most_fields:
                raise ProtocolError(431, "there are too many header lines")

        framing = None if special else block.framing
        if framing is None:
            framing = frame(headers, version, authority, self.limits.body)
            if not special:
                block.framing = framing
        return Request(method, raw_path, query, version, headers, block, framing)


def _request_line(line: bytes) -> tuple[bytes, str, bytes | None, bytes, bytes]:
    """Method, version, authority, path and query of any request line."""
    match = grammar.request_line.fullmatch(line)
    if match is None:
        raise ProtocolError(400, "the request line is malformed")
    method, target, version = match.groups()
    spoken = _VERSIONS.get(version)
    if spoken is None:
        raise ProtocolError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if target.startswith(b"/") and method != b"CONNECT":
        raw_path, _, query = target.partition(b"?")
        return method, spoken, None, raw_path, query
    return method, spoken, *_other_form(method, target)


def _other_form(method: bytes, target: bytes) -> tuple[bytes | None, bytes, bytes]:
    """Authority, path and query of a target that is not in origin-form (RFC 9112 section 3.2)."""
    if target == b"*" and method == b"OPTIONS":
        return None, b"*", b""
    if method == b"CONNECT":
        raise ProtocolError(501, "CONNECT is for proxies")
    match = grammar.absolute_target.fullmatch(target)
    if match is None:
        raise ProtocolError(400, "the request target is malformed")
    authority, raw_path, query = match.groups()
    return authority, raw_path or b"/", query or b""
