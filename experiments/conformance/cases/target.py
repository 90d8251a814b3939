"""The request target in its four forms (RFC 9112 section 3.2)."""

from experiments.conformance.case import Case, Seen, bad, get, ok


def _target(name: str, target: bytes, why: str, seen: Seen) -> Case:
    return Case(
        name=name, data=get(start=b"GET " + target + b" HTTP/1.1"), why=why, allowed=(ok(seen),)
    )


def _odd(name: str, target: bytes, why: str, seen: Seen) -> Case:
    """Not in RFC 3986's grammar: 400 is what 9112 section 3.2 says (SHOULD); some send it."""
    case = _target(name, target, why, seen)
    return Case(name=name, data=case.data, why=why, allowed=(*bad(), ok(seen)))


def _bad(name: str, target: bytes, why: str) -> Case:
    case = _target(name, target, why, Seen())
    return Case(name=name, data=case.data, why=why, allowed=bad())


def _absolute(name: str, target: bytes, host: bytes, why: str, seen: Seen) -> Case:
    return Case(
        name=name,
        data=get(start=b"GET " + target + b" HTTP/1.1", host=b"Host: " + host),
        why=why,
        allowed=(ok(seen), *((ok(Seen(path="", query=seen.query)),) if seen.path == "/" else ())),
    )


CASES = (
    _target("a query", b"/a?b=c&d", "3986 3.4", Seen(path="/a", query="b=c&d")),
    _target("a question mark in a query", b"/a?b?c", "3986 3.4", Seen(path="/a", query="b?c")),
    _target("an empty query", b"/a?", "3986 3.4", Seen(path="/a")),
    _target("two slashes", b"//a//b", "9112 3.2.1: a path, no authority", Seen(path="//a//b")),
    _target(
        "dots", b"/a/./b", "3986 3.3; normalised by the application, if at all", Seen(path="/a/./b")
    ),
    Case(
        name="escapes",
        data=get(start=b"GET /%41%2Fb HTTP/1.1"),
        why="3986 2.1, 2.2: a reserved character may be left as it is",
        allowed=(ok(Seen(path="/A/b")), ok(Seen(path="/A%2Fb"))),
    ),
    _target("sub-delims", b"/a!$&'()*+,;=:@b", "3986 3.3", Seen(path="/a!$&'()*+,;=:@b")),
    Case(
        name="an escape that is none",
        data=get(start=b"GET /%zz HTTP/1.1"),
        why="3986 2.1; 9112 3.2 says SHOULD 400, and most leave it to the application",
        allowed=(ok(Seen(path="/%zz")), *bad()),
    ),
    Case(
        name="what browsers leave as it is",
        data=get(start=b"GET /[a]{b}|c\\d^e`f HTTP/1.1"),
        why="not in RFC 3986's grammar, and sent by browsers (WHATWG URL)",
        allowed=(ok(Seen(path="/[a]{b}|c\\d^e`f")), *bad()),
    ),
    _odd("a quote", b'/a"b', "3986 2: not in a URI", Seen(path='/a"b')),
    _odd("angle brackets", b"/<a>", "3986 2: not in a URI", Seen(path="/<a>")),
    Case(
        name="a fragment",
        data=get(start=b"GET /a#b HTTP/1.1"),
        why="9110 7.1: no fragment in a target. SHOULD 400; never a part of the query",
        allowed=(*bad(), ok(Seen(path="/a")), ok(Seen(path="/a#b"))),
    ),
    _odd("obs-text", b"/\xc3\xa9", "3986 2: to be escaped", Seen(path="/\xe9")),
    _bad("a NUL", b"/a\0b", "3986 2; 9110 5.5: dangerous"),
    _bad("a control", b"/a\x01b", "3986 2"),
    _bad("DEL", b"/a\x7fb", "3986 2"),
    _bad("a bare CR", b"/a\rb", "9112 2.2"),
    _bad("no slash", b"a", "9112 3.2: none of the four forms"),
    _bad("a bang", b"!", "9112 3.2: none of the four forms"),
    _bad("a query alone", b"?a", "9112 3.2.1: a path is not empty"),
    _odd("a star for GET", b"*", "9112 3.2.4: only for OPTIONS", Seen(path="*")),
    Case(
        name="an authority for GET",
        data=get(start=b"GET a:80 HTTP/1.1"),
        why="9112 3.2.3: only for CONNECT",
        allowed=(*bad(), ok(Seen(path="a:80")), ok(Seen(path="")), ok()),
    ),
    Case(
        name="OPTIONS with a star",
        data=get(start=b"OPTIONS * HTTP/1.1"),
        why="9112 3.2.4",
        allowed=(ok(Seen(method="OPTIONS", path="*")), ok(Seen(method="OPTIONS", path=""))),
    ),
    Case(
        name="OPTIONS with a path",
        data=get(start=b"OPTIONS /a HTTP/1.1"),
        why="9110 9.3.7",
        allowed=(ok(Seen(method="OPTIONS", path="/a")),),
    ),
    _absolute(
        "absolute", b"http://a/b?c", b"a", "9112 3.2.2: MUST accept", Seen(path="/b", query="c")
    ),
    _absolute("absolute with a port", b"http://a:80/b", b"a:80", "9112 3.2.2", Seen(path="/b")),
    _absolute("absolute without a path", b"http://a", b"a", "9112 3.2.2", Seen()),
    _absolute("absolute with a query alone", b"http://a?b", b"a", "3986 3.3", Seen(query="b")),
    _absolute("absolute in capitals", b"HTTP://A/b", b"a", "3986 3.1, 3.2.2", Seen(path="/b")),
    Case(
        name="absolute against Host",
        data=get(start=b"GET http://a/b HTTP/1.1", host=b"Host: c"),
        why="9112 3.2.2: an origin server MUST ignore Host; 400 is the stricter choice",
        allowed=(
            *bad(),
            ok(Seen(path="/b", headers=(("host", "a"),))),
            ok(Seen(path="/b")),
        ),
    ),
    Case(
        name="absolute with userinfo",
        data=get(start=b"GET http://u:p@a/b HTTP/1.1"),
        why="9110 4.2.4: to be treated as an error",
        allowed=(*bad(), ok(Seen(path="/b"))),
    ),
    Case(
        name="absolute without a host",
        data=get(start=b"GET http:///b HTTP/1.1", host=b"Host:"),
        why="9110 4.2.1: MUST reject an empty host",
        allowed=bad(),
    ),
    Case(
        name="another scheme",
        data=get(start=b"GET ftp://a/b HTTP/1.1"),
        why="9110 7.4, 15.5.20: not a resource of this server; 400, 421 or 501",
        allowed=(*bad(), ok(Seen(path="/b")), ok(Seen(path="ftp://a/b"))),
    ),
    Case(
        name="CONNECT",
        data=get(start=b"CONNECT a:443 HTTP/1.1", host=b"Host: a:443"),
        why="9110 9.3.6: an origin server does not tunnel; 501, 405, 400 or its application's",
        allowed=(*bad(501), ok(Seen(method="CONNECT"))),
    ),
    Case(
        name="CONNECT without a port",
        data=get(start=b"CONNECT a HTTP/1.1", host=b"Host: a"),
        why="9110 9.3.6: MUST reject an empty or invalid port number",
        allowed=bad(501),
    ),
)
