"""What the special fields of a request's head say: its body, its connection, its host."""

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError
from subsrv.http1.grammar import Field


class Framing:
    """How a request stands on its connection; the defaults are those of nearly all."""

    __slots__ = (
        "body_length", "chunked", "expects_continue", "has_body", "keep_alive", "plain", "special",
        "websocket",
    )  # fmt: skip

    def __init__(
        self,
        *,
        body_length: int = 0,
        chunked: bool = False,
        keep_alive: bool = True,
        plain: bool = True,
        expects_continue: bool = False,
        websocket: bool = False,
    ) -> None:
        #: The Content-Length; 0 where there is none.
        self.body_length = body_length
        self.chunked = chunked
        self.has_body = chunked or body_length > 0
        self.keep_alive = keep_alive
        #: HTTP/1.1, and to be kept alive.
        self.plain = plain
        #: The client waits for 100 Continue before it sends the body.
        self.expects_continue = expects_continue and self.has_body
        #: The client would rather speak WebSocket from here on (RFC 9110 section 7.8).
        self.websocket = websocket
        #: One of these two.
        self.special = self.expects_continue or websocket


USUAL = Framing()
"""That of a request without a body which keeps its connection."""


def frame(
    headers: tuple[Field, ...], version: str, authority: bytes | None, most_body: int
) -> Framing:
    """The framing of a request with these fields, this version, and this authority in its target.

    ProtocolError where the fields contradict each other, or the body is larger than `most_body`.
    """
    old = version == "1.0"
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: list[bytes] = []
    upgrades: list[bytes] = []
    expectations: list[bytes] = []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
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

    length = _body_length(lengths, codings, most_body, old=old)
    if expectations and not old and expectations != [b"100-continue"]:
        raise ProtocolError(417, "no expectation but 100-continue is known")
    _check_host(hosts, authority, old=old)
    keep_alive = b"close" not in options and (not old or b"keep-alive" in options)
    return Framing(
        body_length=length,
        chunked=bool(codings),
        keep_alive=keep_alive,
        plain=keep_alive and not old,
        expects_continue=bool(expectations) and not old,
        # Without the option it went no further than the hop before us, and 1.0 does not have it
        # (RFC 9110 section 7.8). Any other protocol may be ignored.
        websocket=b"websocket" in upgrades and b"upgrade" in options and not old,
    )


def _body_length(lengths: list[bytes], codings: list[bytes], most: int, *, old: bool) -> int:
    """What Content-Length says; 0 where that is nothing, as beside a right Transfer-Encoding."""
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
        return 0
    if not lengths:
        return 0
    # Stricter than RFC 9110 section 8.6, which lets equal values be merged.
    if len(lengths) > 1 or grammar.content_length.fullmatch(lengths[0]) is None:
        raise ProtocolError(400, "the Content-Length is not one number")
    length = int(lengths[0])
    if length > most:
        raise ProtocolError(413, "the body is too large")
    return length


def _check_host(hosts: list[bytes], authority: bytes | None, *, old: bool) -> None:
    """Exactly one valid Host in 1.1, at most one in 1.0 (RFC 9112 section 3.2)."""
    if not hosts and old:
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
