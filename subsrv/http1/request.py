"""Request heads: from the bytes between two requests' ends to a `Request`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError
from subsrv.http1.memo import PATIENCE, Block, Blocks, Field, Lines


class Limits(NamedTuple):
    """Bounds on what a client may send, in bytes unless named otherwise."""

    request_line: int = 8192
    header_size: int = 32768
    header_count: int = 100
    body: int = 1 << 30


class Request:
    """One request head, validated. Shared by equal heads, so nobody may change it.

    What most requests have in common stands in the class: making one sets what differs.
    """

    #: "1.1" or "1.0"
    version = "1.1"
    keep_alive = True
    chunked = False
    #: The Content-Length; 0 where there is none.
    body_length = 0
    has_body = False
    #: The client waits for 100 Continue before it sends the body.
    expects_continue = False
    #: The client would rather speak WebSocket from here on (RFC 9110 section 7.8).
    websocket = False
    #: One of these two.
    special = False
    #: HTTP/1.1, to be kept alive, and not HEAD: its response needs no special care.
    plain = True
    #: What an interface made of the head alone; see `sighted`.
    derived: dict[str, Any] | None = None
    _seen = False
    #: What the first of its header lines say; the others follow in `headers`.
    block: Block

    def __init__(
        self, method: str, raw_path: bytes, query: bytes, headers: tuple[Field, ...]
    ) -> None:
        self.method = method
        #: The path as sent, percent-encoded, without the query; "*" for OPTIONS *.
        self.raw_path = raw_path
        self.query = query
        self.headers = headers

    def sighted(self, derive: Callable[["Request"], dict[str, Any]]) -> dict[str, Any]:
        """`derive(self)`, the caller's own to change, and from the second time on a copy of it.

        Most heads that come again have come twice already; the others are not worth keeping.
        """
        derived = self.derived
        if derived is not None:
            return derived.copy()
        if not self._seen:
            self._seen = True
            return derive(self)
        self.derived = derived = derive(self)
        return derived.copy()


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
            version, authority = b"1.1", None
        else:
            word, version, authority, raw_path, query = _request_line(data[:end])
            method = word.decode("ascii")

        known = self._lines
        if known.full:
            known.make_room()
        # What identifies a user or a page must not stand in a block. Names as browsers write them,
        # and as proxies do that speak HTTP/2 to clients: where they are spelled otherwise, less is
        # found in the memo, no more.
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
        blocks, raw = self._blocks, data[end + 2 : cut]
        block = blocks.get(raw) if blocks.patience else None
        if block is None:
            block = blocks.learn(raw)
        else:
            blocks.patience = PATIENCE
        headers, simple = block.fields, block.simple
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
                if len(headers) + len(lines) > self._most_fields:
                    raise ProtocolError(431, "there are too many header lines")
                tail = (*map(known.__getitem__, lines), *tail)
                simple = simple and known.special.isdisjoint(lines)
        if tail:
            headers += tail
            if len(headers) > self._most_fields:
                raise ProtocolError(431, "there are too many header lines")

        request = Request(method, raw_path, query, headers)
        request.block = block
        if not simple or version == b"1.0" or authority is not None:
            request.version = version.decode("ascii")
            _frame(request, self.limits)
            _check_host(request, authority)
        if method == "HEAD":
            request.plain = False
        return request


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes | None, bytes, bytes]:
    """Method, version, authority, path and query of any request line."""
    match = grammar.request_line.fullmatch(line)
    if match is None:
        raise ProtocolError(400, "the request line is malformed")
    method, target, version = match.groups()
    if version != b"1.1" and version != b"1.0":
        raise ProtocolError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if target.startswith(b"/") and method != b"CONNECT":
        raw_path, _, query = target.partition(b"?")
        return method, version, None, raw_path, query
    return method, version, *_other_form(method, target)


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


def _check_host(request: Request, authority: bytes | None) -> None:
    """Exactly one valid Host in 1.1, at most one in 1.0 (RFC 9112 section 3.2)."""
    hosts = [value for name, value in request.headers if name == b"host"]
    if not hosts and request.version == "1.0":
        hosts = [authority] if authority is not None else []
    elif len(hosts) != 1:
        raise ProtocolError(400, "the Host header is missing or repeated")
    for value in hosts:
        # Empty is right where the target has no authority (RFC 9110 section 7.2).
        if value and grammar.host.fullmatch(value) is None:
            raise ProtocolError(400, "the Host header is not a host")
        # A proxy before us may have gone by the one and we by the other; RFC 9112 section 3.2.2
        # lets the target win, but a difference is never an honest client's.
        if authority is not None and value.lower() != authority.lower():
            raise ProtocolError(400, "the Host header and the request target disagree")


def _frame(request: Request, limits: Limits) -> None:
    """Fill in what the special fields say: framing, connection options, expectations."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: list[bytes] = []
    upgrades: list[bytes] = []
    expectations: list[bytes] = []
    for name, value in request.headers:
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            # Empty members count, unlike elsewhere: "chunked," is read in more than one way.
            codings.extend(coding.strip(b" \t") for coding in value.lower().split(b","))
        elif name == b"connection":
            options.extend(grammar.tokens(value))
        elif name == b"upgrade":
            upgrades.extend(grammar.tokens(value))
        elif name == b"expect":
            expectations.append(value.lower())

    old = request.version == "1.0"
    request.keep_alive = b"close" not in options and (not old or b"keep-alive" in options)
    request.plain = request.keep_alive and not old

    if codings:
        # RFC 9112 section 6.1: a request with both is an attempt at smuggling, and 1.0 has none.
        if lengths:
            raise ProtocolError(400, "Content-Length and Transfer-Encoding exclude each other")
        if old:
            raise ProtocolError(400, "HTTP/1.0 has no Transfer-Encoding")
        if codings[-1] != b"chunked" or codings.count(b"chunked") > 1 or b"" in codings:
            raise ProtocolError(400, "the last and only last transfer coding must be chunked")
        if len(codings) > 1:
            raise ProtocolError(501, "no transfer coding but chunked is known")
        request.chunked = request.has_body = True
    elif lengths:
        # Stricter than RFC 9110 section 8.6, which lets equal values be merged.
        if len(lengths) > 1 or grammar.content_length.fullmatch(lengths[0]) is None:
            raise ProtocolError(400, "the Content-Length is not one number")
        request.body_length = int(lengths[0])
        request.has_body = request.body_length > 0
        if request.body_length > limits.body:
            raise ProtocolError(413, "the body is too large")
    if expectations and not old:
        if expectations != [b"100-continue"]:
            raise ProtocolError(417, "no expectation but 100-continue is known")
        request.expects_continue = request.has_body
    # Without the option it went no further than the hop before us, and 1.0 does not have it
    # (RFC 9110 section 7.8). Any other protocol may be ignored.
    request.websocket = b"websocket" in upgrades and b"upgrade" in options and not old
    request.special = request.expects_continue or request.websocket
