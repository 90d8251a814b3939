"""Field sections other than a final response's head: interim responses and trailers.

None of them is frequent, so nothing of them is remembered.
"""

from collections.abc import Iterable

from subsrv.http1 import grammar
from subsrv.http1.body import FORBIDDEN_TRAILERS
from subsrv.http1.fields import Headers, ResponseError, field_line, plain
from subsrv.http1.request import Request

# What a handshake says itself.
_HANDSHAKE = frozenset(
    b"connection content-length keep-alive sec-websocket-accept sec-websocket-extensions "
    b"sec-websocket-protocol transfer-encoding upgrade".split()
)

# RFC 9110 section 6.5.1, for a response: what frames it, controls caches or describes the content
# must be known before that.
_NO_TRAILERS = FORBIDDEN_TRAILERS | frozenset(
    b"age date expires location retry-after server vary warning www-authenticate".split()
)


def early_hints(links: Iterable[bytes]) -> bytes:
    """A 103 with these Link values (RFC 8297). ResponseError."""
    lines = [field_line(*plain((b"link", value))) for value in links]
    return b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % b"".join(lines)


def switching_protocols(handshake: Headers, headers: Headers) -> bytes:
    """A 101 to WebSocket: the fields of the handshake, then the application's. ResponseError."""
    lines = [field_line(*plain(field)) for field in handshake]
    for field in headers:
        name, value = plain(field)
        if name.lower() in _HANDSHAKE:
            raise ResponseError(f"the header {name!r} is the handshake's own")
        lines.append(field_line(name, value))
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"%b\r\n" % b"".join(lines)
    )


def wants_trailers(request: Request) -> bool:
    """Whether the client has said that it keeps trailers (RFC 9110 section 6.5.1)."""
    return any(
        name == b"te" and b"trailers" in grammar.tokens(value) for name, value in request.headers
    )


def trailer_section(headers: Headers) -> bytes:
    """The lines of a trailer section, without the empty one that ends it. ResponseError."""
    lines = []
    for field in headers:
        name, value = plain(field)
        if name.lower() in _NO_TRAILERS:
            raise ResponseError(f"the field {name!r} must not come in a trailer")
        lines.append(field_line(name, value))
    return b"".join(lines)
