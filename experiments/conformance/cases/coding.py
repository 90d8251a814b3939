"""Transfer-Encoding, alone and beside Content-Length (RFC 9112 sections 6.1 and 6.3)."""

from experiments.conformance.case import (
    NEXT,
    SEEN_NEXT,
    SMUGGLED,
    Case,
    Seen,
    Then,
    bad,
    get,
    must,
    ok,
    unframed,
)

_BODY = b"3\r\nabc\r\n0\r\n\r\n"
_SEEN = Seen(method="POST", body=b"abc")
_FINAL = "9112 6.3: where chunked is not the final coding, MUST 400, and close"


def _coded(*lines: bytes, body: bytes = _BODY, start: bytes = b"POST / HTTP/1.1") -> bytes:
    return get(*lines, start=start) + body


def _final(name: str, *values: bytes, why: str = _FINAL) -> Case:
    """Whose body cannot be found; 501 is what 9112 section 6.1 says of codings not known."""
    lines = (b"Transfer-Encoding:" + value for value in values)
    return Case(name=name, data=_coded(*lines) + SMUGGLED, why=why, allowed=unframed())


def _unknown(name: str, *values: bytes) -> Case:
    lines = (b"Transfer-Encoding:" + value for value in values)
    return Case(
        name=name,
        data=_coded(*lines) + NEXT,
        why="9112 6.1: SHOULD 501 a coding that is not known; or leave it to the application",
        allowed=(*unframed(501), ok(_SEEN, SEEN_NEXT)),
    )


def _both(name: str, *lines: bytes, body: bytes = _BODY) -> Case:
    """The coding wins and the connection closes, or it is refused (9112 section 6.3)."""
    return Case(
        name=name,
        data=_coded(*lines, body=body) + SMUGGLED,
        why="9112 6.1: refuse, or go by the coding alone; MUST close after it",
        allowed=(*unframed(), ok(_SEEN, then=Then.CLOSED)),
    )


def _right(name: str, *lines: bytes, why: str = "9112 6.1") -> Case:
    return Case(name=name, data=_coded(*lines) + NEXT, why=why, allowed=(ok(_SEEN, SEEN_NEXT),))


def _odd(name: str, *lines: bytes, why: str) -> Case:
    """The list rule of 9110 section 5.6.1 lets empty members be; refusing them is stricter."""
    return Case(
        name=name,
        data=_coded(*lines) + NEXT,
        why=why,
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT), ok(_SEEN, then=Then.CLOSED)),
    )


_CHUNKED = b"Transfer-Encoding: chunked"

CASES = (
    _right("chunked", _CHUNKED),
    _right("in capitals", b"Transfer-Encoding: CHUNKED", why="9112 7: case-insensitive"),
    _right("its name in capitals", b"TRANSFER-ENCODING: chunked", why="9110 5.1"),
    _right("tabs around", b"Transfer-Encoding:\t chunked \t", why="9112 5.1: OWS"),
    _odd(
        "an empty member before",
        b"Transfer-Encoding: ,chunked",
        why="9110 5.6.1: MUST parse and ignore a few; read as unknown by some",
    ),
    _odd("an empty member behind", b"Transfer-Encoding: chunked,", why="as before"),
    _odd(
        "an empty line before",
        b"Transfer-Encoding:",
        _CHUNKED,
        why="9110 5.3: joined, an empty member",
    ),
    _odd("chunked twice", _CHUNKED, _CHUNKED, why="9112 6.1: no sender may; read as once by some"),
    _odd("chunked twice in a list", b"Transfer-Encoding: chunked, chunked", why="9112 6.1"),
    _final("empty", b"", why="9112 6.3: the final coding is not chunked"),
    _final("identity", b" identity", why="9112: no such coding since RFC 7230"),
    _final("gzip alone", b" gzip"),
    _final("chunked, then gzip", b" chunked, gzip"),
    _final("chunked, then gzip, in two lines", b" chunked", b" gzip"),
    _final("chunked, then identity", b" chunked, identity"),
    _final("a coding nobody knows", b" blegh"),
    _final("a name that begins with it", b" chunkedfoo"),
    _final("twice without a comma", b" chunkedchunked"),
    _final("with a space for a comma", b" x chunked"),
    _final("behind a x-", b" xchunked"),
    _final("quoted", b' "chunked"'),
    _final("in single quotes", b" 'chunked'"),
    _final("with a semicolon", b" chunked;", why="9112 7: chunked has no parameters"),
    _final("with a parameter", b" chunked;a=b", why="9112 7: chunked has no parameters"),
    _final("with \\xa0 around", b" \xa0chunked\xa0", why="9110 5.6.3: no OWS, so another coding"),
    _final("with \\x85 behind", b" chunked\x85", why="9110 5.6.3"),
    _final("with \\xff around", b" \xffchunked\xff", why="9110 5.6.3"),
    _final("with a vertical tab before", b" \x0bchunked", why="9110 5.6.3"),
    _final("with a form feed behind", b" chunked\x0c", why="9110 5.6.3"),
    _final("with a NUL behind", b" chunked\0", why="9110 5.5"),
    _final("with a bare CR before", b"\rchunked", why="9112 2.2"),
    _final("with a colon more", b": chunked"),
    _unknown("gzip, then chunked", b" gzip, chunked"),
    _unknown("gzip, then chunked, in two lines", b" gzip", b" chunked"),
    _unknown("identity, then chunked", b" identity, chunked"),
    Case(
        name="a space before its colon",
        data=_coded(b"Transfer-Encoding : chunked") + SMUGGLED,
        why="9112 5.1: MUST answer 400",
        allowed=must(400),
    ),
    Case(
        name="a tab before its name",
        data=_coded(b"X: y", b"\tTransfer-Encoding: chunked") + SMUGGLED,
        why="9112 5.2: 400, or unfold: no coding then",
        allowed=(
            *must(400),
            *bad(after=(Seen(method="POST"),)),
        ),
    ),
    Case(
        name="an underscore in its name",
        data=_coded(b"Transfer_Encoding: chunked", body=b"") + NEXT,
        why="9110 5.1: another field; the same in CGI's names, so it may be refused",
        allowed=(ok(Seen(method="POST"), SEEN_NEXT), *bad()),
    ),
    Case(
        name="behind a bare LF",
        data=_coded(b"X: y\nTransfer-Encoding: chunked") + NEXT,
        why="9112 2.2: refused, or the end of a line",
        allowed=(*bad(), ok(_SEEN, SEEN_NEXT)),
    ),
    Case(
        name="behind a bare CR",
        data=_coded(b"X: y\rTransfer-Encoding: chunked") + SMUGGLED,
        why="9112 2.2: refused, or SP: no coding then, and the body is a request that is none",
        allowed=(*bad(), *bad(after=(Seen(method="POST"),))),
    ),
    Case(
        name="folded",
        data=_coded(b"Transfer-Encoding:", b" chunked") + NEXT,
        why="9112 5.2: 400, or unfold",
        allowed=(*must(400), ok(_SEEN, SEEN_NEXT)),
    ),
    _both("with Content-Length", b"Content-Length: 3", _CHUNKED),
    _both("before Content-Length", _CHUNKED, b"Content-Length: 3"),
    _both("with Content-Length 0", b"Content-Length: 0", _CHUNKED),
    _both("with the length of its raw body", b"Content-Length: %d" % len(_BODY), _CHUNKED),
    Case(
        name="one not known, with Content-Length",
        data=_coded(b"Transfer-Encoding: blegh", b"Content-Length: 3", body=b"abc") + SMUGGLED,
        why=_FINAL,
        allowed=unframed(),
    ),
    Case(
        name="identity, with Content-Length",
        data=_coded(b"Transfer-Encoding: identity", b"Content-Length: 3", body=b"abc") + SMUGGLED,
        why=_FINAL,
        allowed=unframed(),
    ),
    Case(
        name="an empty member before, with Content-Length",
        data=_coded(b"Transfer-Encoding: ,chunked", b"Content-Length: 5", body=b"0\r\n\r\n")
        + SMUGGLED,
        why="9112 6.1, 9110 5.6.1: refuse, or go by the coding alone and close",
        allowed=(*unframed(), ok(Seen(method="POST"), then=Then.CLOSED)),
    ),
    Case(
        name="in HTTP/1.0",
        data=_coded(_CHUNKED, start=b"POST / HTTP/1.0") + SMUGGLED,
        why="9112 6.1: MUST be treated as faulty framing, and closed after",
        allowed=(*unframed(), ok(_SEEN, then=Then.CLOSED)),
    ),
    Case(
        name="in HTTP/1.0 with keep-alive and Content-Length",
        data=_coded(
            b"Connection: keep-alive", _CHUNKED, b"Content-Length: 3", start=b"POST / HTTP/1.0"
        )
        + SMUGGLED,
        why="9112 6.1: as without",
        allowed=(*unframed(), ok(_SEEN, then=Then.CLOSED)),
    ),
    Case(
        name="named in Connection",
        data=_coded(_CHUNKED, b"Connection: transfer-encoding") + NEXT,
        why="9110 7.6.1: not for a proxy to drop; an origin server does nothing special",
        allowed=(ok(_SEEN, SEEN_NEXT), *bad()),
    ),
    Case(
        name="of a GET",
        data=get(_CHUNKED) + _BODY + NEXT,
        why="9110 9.3.1: framed as any other",
        allowed=(ok(Seen(body=b"abc"), SEEN_NEXT), ok(Seen(), SEEN_NEXT), *bad()),
    ),
)
