"""Request heads: from the bytes between two requests' ends to a `Request`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError

type Field = tuple[bytes, bytes]
"""A header field: its name in lower case, its value without surrounding whitespace."""


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
    #: HTTP/1.1, to be kept alive, and not HEAD: its response needs no special care.
    plain = True
    #: What an interface made of the head alone; see `sighted`.
    derived: dict[str, Any] | None = None
    _seen = False

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


# Fields that framing, routing or the connection's life depend on; a head with one of these, or
# whose first field is not a valid Host, takes the longer way through `_frame`.
_SPECIAL = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"),
)

# Lines longer than this are parsed anew each time: with the number of entries, it bounds the
# bytes that a memo can hold. So are cookies, which hardly ever come twice.
_KEPT_LINE = 512


class _Lines(dict[bytes, Field]):
    """A memo from a raw field line to its field; checks and parses the lines it does not know.

    Most lines repeat even where path and cookies change, so it is by line and not by head: heads
    never seen before cannot push out lines seen a thousand times. Full, it starts afresh, and
    only between two heads: `special` must not lose a line while its head is being judged.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        #: Raw lines of valid Host fields; of special fields, Host again among them.
        self.hosts: set[bytes] = set()
        self.special: set[bytes] = set()
        self._passing: list[bytes] = []  # special lines that are too long to keep
        #: `make_room` is to be called before the next head.
        self.full = False

    def make_room(self) -> None:
        """Forget what there is no room for. Never within a head."""
        self.hosts.difference_update(self._passing)
        self.special.difference_update(self._passing)
        self._passing.clear()
        if len(self) > self._size:
            self.clear()
            self.hosts.clear()
            self.special.clear()
        self.full = False

    def __missing__(self, line: bytes) -> Field:
        match = grammar.field_line.fullmatch(line)
        if match is None:
            raise ProtocolError(400, _what_is_wrong(line))
        name, value = match.groups()
        name = name.lower()
        # Optional whitespace is SP and HTAB only (RFC 9110 section 5.6.3).
        value = value.strip(b" \t")
        field = name, value
        if name in _SPECIAL and not (name == b"connection" and value.lower() == b"keep-alive"):
            self.special.add(line)
            if name == b"host" and grammar.host.fullmatch(value):
                self.hosts.add(line)
            if len(line) > _KEPT_LINE:
                self._passing.append(line)
                self.full = True
        if len(line) <= _KEPT_LINE and name != b"cookie":
            self[line] = field
            if len(self) > self._size:
                self.full = True
        return field


def _what_is_wrong(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "a header line begins with whitespace"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "a header line has no colon"
    if grammar.token.fullmatch(name) is None:
        return "a header name is not a token"
    return "a header value has a forbidden byte"


class HeadParser:
    """Parses heads for all connections of one worker. Not shared between workers: on a build
    without the GIL a shared memo is a contended one.

    `cache` is the number of field lines to remember; 0 remembers nothing.
    """

    def __init__(self, limits: Limits, *, cache: int = 0) -> None:
        self.limits = limits
        self.remembers = cache > 0
        self._lines = _Lines(cache)
        self._most_line, self._most_header, most_fields, _ = limits
        self._most_lines = most_fields + 1

    def parse(self, head: bytes) -> Request:
        """The request whose head this is, without the empty line that ends it. ProtocolError."""
        lines = head.split(b"\r\n")
        start = lines[0]
        if len(start) > self._most_line:
            raise ProtocolError(414, "the request line is too long")
        if len(head) - len(start) > self._most_header:
            raise ProtocolError(431, "the header lines are too large")
        if len(lines) > self._most_lines:
            raise ProtocolError(431, "there are too many header lines")
        match = grammar.request_line.fullmatch(start)
        if match is None:
            raise ProtocolError(400, "the request line is malformed")
        method, target, version = match.groups()
        if version != b"1.1" and version != b"1.0":
            raise ProtocolError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")

        del lines[0]
        memo = self._lines
        if memo.full:
            memo.make_room()
        headers = tuple(map(memo.__getitem__, lines))
        # Clients put Host first, as RFC 9110 section 7.2 asks: then two look-ups show that the
        # head has one Host, and nothing else to care for.
        simple = (
            bool(lines)
            and lines.pop(0) in memo.hosts
            and memo.special.isdisjoint(lines)
            and version == b"1.1"
        )

        authority = None
        if target.startswith(b"/") and method != b"CONNECT":
            raw_path, _, query = target.partition(b"?")
        else:
            authority, raw_path, query = _other_form(method, target)
        request = Request(method.decode("ascii"), raw_path, query, headers)
        if not simple or authority is not None:
            request.version = version.decode("ascii")
            _frame(request, self.limits)
            _check_host(request, authority)
        if method == b"HEAD":
            request.plain = False
        return request


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
    expectations: list[bytes] = []
    for name, value in request.headers:
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            # Empty members count, unlike elsewhere: "chunked," is read in more than one way.
            codings.extend(coding.strip(b" \t") for coding in value.lower().split(b","))
        elif name == b"connection":
            options.extend(grammar.tokens(value))
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
