"""Host (RFC 9110 section 7.2, RFC 9112 section 3.2)."""

from experiments.conformance.case import Case, Seen, Then, bad, get, must, ok

_MUST = "9112 3.2: MUST answer 400"


def _host(name: str, *hosts: bytes, why: str = _MUST) -> Case:
    return Case(name=name, data=get(*hosts, host=None), why=why, allowed=must(400))


def _valid(name: str, value: str) -> Case:
    return Case(
        name=name,
        data=get(host=b"Host: " + value.encode()),
        why="9110 7.2, 3986 3.2.2",
        allowed=(ok(Seen(headers=(("host", value),))),),
    )


CASES = (
    _host("none in 1.1"),
    Case(
        name="none in 1.0",
        data=get(host=None, start=b"GET / HTTP/1.0"),
        why="9112 3.2: only 1.1 needs one",
        allowed=(ok(then=Then.CLOSED),),
    ),
    _host("two that differ", b"Host: a", b"Host: b"),
    _host("two that are equal", b"Host: a", b"Host: a"),
    _host("two, one of them late", b"Host: a", b"X: y", b"hOsT: b"),
    _host("two, one of them empty", b"Host: a", b"Host:"),
    _host("a space within", b"Host: a b"),
    _host("a slash", b"Host: a/b"),
    _host("userinfo", b"Host: u@a"),
    _host("a port that is no number", b"Host: a:b"),
    _host("two ports", b"Host: a:1:2"),
    _host("a list", b"Host: a, b", why="9112 3.2: , is a sub-delim of a host, a space is none"),
    _host("obs-text", b"Host: \xe9"),
    _host("a backslash", b"Host: a\\b"),
    _host("an IP literal without its end", b"Host: [::1"),
    _host("an escape that is none", b"Host: a%zz"),
    _host("a NUL", b"Host: a\0b"),
    _valid("a port", "a.example:8080"),
    _valid("an IPv6 literal", "[2001:db8::1]:80"),
    _valid("an IPv4 address", "127.0.0.1"),
    Case(
        name="a port that is empty",
        data=get(host=b"Host: a:"),
        why="3986 3.2.3: a port may be empty",
        allowed=(ok(), *must(400)),
    ),
    Case(
        name="empty",
        data=get(host=b"Host:"),
        why="9110 7.2: right where the target has no authority",
        allowed=(ok(), *must(400)),
    ),
    Case(
        name="behind others",
        data=get(b"X: y", b"HOST: a", host=None),
        why="9110 5.3: order does not matter, nor letter case",
        allowed=(ok(),),
    ),
    Case(
        name="a name like Host",
        data=get(b"Host_: a", b"X-Host: b", host=None),
        why=_MUST + "; neither is Host",
        allowed=must(400),
    ),
    Case(
        name="whitespace before its colon",
        data=get(host=b"Host : a"),
        why="9112 5.1: MUST answer 400",
        allowed=must(400),
    ),
    Case(
        name="folded",
        data=get(host=b"Host:\r\n a"),
        why="9112 5.2: refuse with 400, or unfold",
        allowed=(*must(400), ok()),
    ),
    Case(
        name=":authority as a header",
        data=get(b":authority: b"),
        why="9110 5.1: a name is a token; confuses what translates to HTTP/2",
        allowed=bad(),
    ),
)
