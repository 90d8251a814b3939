"""The request line and the version (RFC 9112 sections 2.3 and 3)."""

from experiments.conformance.case import NEXT, SEEN_NEXT, Case, Seen, bad, get, must, ok, waits


def _line(name: str, line: bytes, why: str, *, status: int = 400) -> Case:
    return Case(name=name, data=get(start=line), why=why, allowed=bad(status))


def _method(name: str, method: str, why: str) -> Case:
    """A token: it is the application's, or 405 or 501 where the server knows its methods."""
    return Case(
        name=name,
        data=get(start=method.encode() + b" / HTTP/1.1"),
        why=why,
        allowed=(ok(Seen(method=method)), *bad(501)),
    )


_TOKEN = "!#$%&'*+-.^_`|~09azAZ"

CASES = (
    Case(name="the simplest", data=get(), why="9112 3", allowed=(ok(),)),
    _method("PATCH", "PATCH", "RFC 5789"),
    _method("a method nobody knows", "FROBNICATE", "9110 9.1: methods are extensible; 501 or 405"),
    _method("a method in lower case", "get", "9110 9.1: methods are case-sensitive; not GET"),
    _method("every byte of a token", _TOKEN, "9110 5.6.2"),
    _line("a method with a separator", b"G(T / HTTP/1.1", "9110 5.6.2: ( is no tchar"),
    _line("a method with a quote", b'GE"T" / HTTP/1.1', "9110 5.6.2; read by prefix it is GE"),
    _line("a method with a NUL", b"GE\0T / HTTP/1.1", "9110 5.6.2"),
    _line("a method with obs-text", b"GE\xc3\x89T / HTTP/1.1", "9110 5.6.2"),
    _line("no method", b" / HTTP/1.1", "9112 3"),
    _line("no target", b"GET HTTP/1.1", "9112 3"),
    _line("an empty target", b"GET  HTTP/1.1", "9112 3"),
    Case(
        name="no version",
        data=get(start=b"GET /"),
        why="9112 3; HTTP/0.9 has no header lines, and RFC 9110 no HTTP/0.9",
        allowed=bad(),
    ),
    Case(
        name="two spaces before the target",
        data=get(start=b"GET  / HTTP/1.1"),
        why="9112 3: exactly one SP; parsing on whitespace is allowed, and dangerous",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="two spaces before the version",
        data=get(start=b"GET /  HTTP/1.1"),
        why="as before the target",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="a tab for a space",
        data=get(start=b"GET\t/ HTTP/1.1"),
        why="9112 3: HTAB may be taken for SP",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="a form feed for a space",
        data=get(start=b"GET\x0c/\x0cHTTP/1.1"),
        why="9112 3: VT and FF may be taken for SP",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="a space after the version",
        data=get(start=b"GET / HTTP/1.1 "),
        why="9112 3: trailing whitespace may be ignored",
        allowed=(*bad(), ok()),
    ),
    _line("a space within the target", b"GET /a b HTTP/1.1", "9112 3.2: no whitespace in a target"),
    _line("a space and a version within the target", b"GET /a HTTP/1.1 HTTP/1.1", "9112 3.2"),
    _line("a bare LF for a space", b"GET /\nHTTP/1.1", "9112 3; read as HTTP/0.9, the rest is new"),
    Case(
        name="a bare CR for a space",
        data=get(start=b"GET /\rHTTP/1.1"),
        why="9112 2.2: a bare CR is invalid, or becomes SP",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="a CR too many at the end",
        data=b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        why="9112 2.2: invalid, or SP, and that behind the version may be ignored",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="the name of HTTP in lower case",
        data=get(start=b"GET / http/1.1"),
        why="9112 2.3: case-sensitive",
        allowed=bad(),
    ),
    _line("another protocol", b"GET / RTSP/1.1", "9112 2.3"),
    _line("a protocol that ends in HTTP", b"GET / XHTTP/1.1", "9112 2.3"),
    _line("a version with one number", b"GET / HTTP/1", "9112 2.3"),
    _line("a version with two digits behind the dot", b"GET / HTTP/1.10", "9112 2.3: one DIGIT"),
    _line("a version with two digits before the dot", b"GET / HTTP/01.1", "9112 2.3"),
    _line("a version that overflows a byte", b"GET / HTTP/257.257", "9112 2.3; 257 is 1 in 8 bits"),
    _line("a version with a sign", b"GET / HTTP/+1.1", "9112 2.3"),
    _line("a version with a comma", b"GET / HTTP/1,1", "9112 2.3"),
    _line("a version with letters", b"GET / HTTP/one.1", "9112 2.3"),
    Case(
        name="version 2.0",
        data=get(start=b"GET / HTTP/2.0"),
        why="9110 2.5, 15.6.6: 505 for a major version that is not supported, or taken as 1.1",
        allowed=(*bad(505), ok()),
    ),
    Case(
        name="version 0.9 with header lines",
        data=get(start=b"GET / HTTP/0.9"),
        why="as 2.0",
        allowed=(*bad(505), ok()),
    ),
    Case(
        name="version 1.2",
        data=get(start=b"GET / HTTP/1.2"),
        why="9110 2.5: a higher minor version is served as the highest known, or refused",
        allowed=(*bad(505), ok()),
    ),
    Case(
        name="HTTP/2's preface",
        data=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        why="9113 3.4: no request to HTTP/1.1. one that speaks HTTP/2 answers in that",
        allowed=(*bad(505), *bad(after=(Seen(method="PRI", path="*"),))),
        http2=True,
    ),
    Case(
        name="a TLS hello",
        data=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n",
        why="not HTTP",
        allowed=bad(),
    ),
    Case(
        name="one empty line before",
        data=b"\r\n" + get(),
        why="9112 2.2: SHOULD ignore at least one",
        allowed=(ok(), *bad()),
    ),
    Case(
        name="two empty lines before",
        data=b"\r\n\r\n" + get(),
        why="9112 2.2: at least one; more is the server's choice",
        allowed=(ok(), *bad()),
    ),
    Case(
        name="a hundred empty lines before",
        data=b"\r\n" * 100 + get(),
        why="as two; without a bound it is a way to send for ever",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="an empty line between two requests",
        data=get() + b"\r\n" + NEXT,
        why="9112 2.2: what some clients send after a body",
        allowed=(ok(Seen(), SEEN_NEXT), *bad(after=(Seen(),))),
    ),
    Case(
        name="a line of white space before",
        data=b" \r\n" + get(),
        why="9112 2.2: only CRLF is ignored",
        allowed=bad(),
    ),
    Case(
        name="a request line without its end",
        data=b"GET / HTTP/1.1",
        why="not whole",
        allowed=waits(),
    ),
    Case(
        name="a request line of 70,000 bytes",
        data=get(start=b"GET /" + b"a" * 70_000 + b" HTTP/1.1"),
        why="9112 3: at least 8000 bytes; 414 (or 431) where it is too long",
        allowed=(
            *must(414, 400, 413, 431),
            ok(Seen(path="/" + "a" * 70_000)),
            *bad(414)[1:],
        ),
    ),
    Case(
        name="a request line of 4,000 bytes",
        data=get(start=b"GET /" + b"a" * 3_900 + b" HTTP/1.1"),
        why="9112 3: RECOMMENDED to support 8000",
        allowed=(ok(Seen(path="/" + "a" * 3_900)),),
    ),
)
