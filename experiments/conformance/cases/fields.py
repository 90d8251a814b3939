"""Header lines: names, values, whitespace, line ends (RFC 9112 section 5, RFC 9110 section 5)."""

from experiments.conformance.case import SMUGGLED, Case, Seen, bad, get, must, ok


def _bad(name: str, *lines: bytes, why: str) -> Case:
    return Case(name=name, data=get(*lines), why=why, allowed=bad())


def _name(name: str, raw: bytes, why: str = "9110 5.1: a name is a token") -> Case:
    return _bad(name, raw + b": x", why=why)


def _value(name: str, raw: bytes, value: str, why: str) -> Case:
    return Case(
        name=name,
        data=get(b"X:" + raw),
        why=why,
        allowed=(ok(Seen(headers=(("x", value),))),),
    )


def _control(name: str, byte: bytes, value: str) -> Case:
    """May be kept: 9110 section 5.5 only says SHOULD of CTLs that are not CR, LF or NUL."""
    return Case(
        name=name,
        data=get(b"X: a" + byte + b"b"),
        why="9110 5.5: invalid; may be kept within a safe context",
        allowed=(*bad(), ok(Seen(headers=(("x", value),)))),
    )


def _dangerous(name: str, byte: bytes) -> Case:
    """9110 section 5.5: MUST refuse, or replace by SP before anything is done with it."""
    return Case(
        name=name,
        data=get(b"X: a" + byte + b"b"),
        why="9110 5.5: MUST be refused, or replaced by SP",
        allowed=(*bad(), ok(Seen(headers=(("x", "a b"),)))),
    )


def _stripped(name: str, byte: bytes, value: str, *, control: bool) -> Case:
    """Optional whitespace is SP and HTAB: anything else is a part of the value."""
    kept = ok(Seen(headers=(("x", value),)))
    return Case(
        name=name,
        data=get(b"X: " + byte + b"a" + byte),
        why="9110 5.6.3: OWS is SP and HTAB only",
        allowed=(*bad(), kept) if control else (kept, *bad()),
    )


_LONG = "a" * 3000

CASES = (
    _value("no whitespace", b"a", "a", "9112 5: OWS is optional"),
    _value("much whitespace", b" \t  a \t ", "a", "9112 5.1: OWS is no part of the value"),
    _value("whitespace within", b" a \t b", "a \t b", "9110 5.5"),
    _value("an empty value", b"", "", "9110 5.5"),
    _value("a value of whitespace", b" \t ", "", "9110 5.5"),
    _value("a colon within", b" a:b", "a:b", "9110 5.5"),
    _value("quotes and commas", b' "a,b", c', '"a,b", c', "9110 5.5"),
    _value("obs-text", b" \xe9", "\xe9", "9110 5.5: obs-text is opaque"),
    _value("long", b" " + _LONG.encode(), _LONG, "9110 5.4"),
    Case(
        name="a name in capitals",
        data=get(b"X-ABC: d"),
        why="9110 5.1: names are case-insensitive",
        allowed=(ok(Seen(headers=(("x-abc", "d"),))),),
    ),
    Case(
        name="the same name twice",
        data=get(b"X: a", b"X: b"),
        why="9110 5.3: in order",
        allowed=(ok(Seen(headers=(("x", "a, b"),))),),
    ),
    Case(
        name="every byte of a token in a name",
        data=get(b"!#$%&'*+-.^_`|~09azAZ: x"),
        why="9110 5.6.2; names that cannot be told apart later may be dropped",
        allowed=(ok(), *bad()),
    ),
    Case(
        name="a space before the colon",
        data=get(b"X : a"),
        why="9112 5.1: MUST answer 400",
        allowed=must(400),
    ),
    Case(
        name="a tab before the colon",
        data=get(b"X\t: a"),
        why="9112 5.1: MUST answer 400",
        allowed=must(400),
    ),
    _bad("an empty name", b": a", why="9110 5.1: a token has at least one byte"),
    _bad("neither name nor value", b":", why="9110 5.1; read as the end of the head by one server"),
    _bad("no colon", b"X a", why="9112 5"),
    _bad("a name alone", b"X", why="9112 5; continued on the next line by one server"),
    _name("a space within a name", b"X Y"),
    _name("a parenthesis in a name", b"X(Y)"),
    _name("a quote in a name", b'"X"'),
    _name("a slash in a name", b"X/Y"),
    _name("an at sign in a name", b"X@"),
    _name("a NUL in a name", b"X\0"),
    _name("a control in a name", b"X\x01Y"),
    _name("a vertical tab behind a name", b"X\x0b"),
    _name("obs-text in a name", b"X\xe9"),
    _name("\\xa0 behind a name", b"X\xa0", "9110 5.1; whitespace in Latin-1 only"),
    _name("\\x85 behind a name", b"X\x85", "9110 5.1; a line end in Latin-1 only"),
    _name("a bare CR in a name", b"X\rY"),
    _dangerous("a NUL in a value", b"\0"),
    _dangerous("a bare CR in a value", b"\r"),
    Case(
        name="a bare LF in a value",
        data=get(b"X: a\nY: b"),
        why="9112 2.2: refused, or the end of a line",
        allowed=(*bad(), ok(Seen(headers=(("x", "a"), ("y", "b"))))),
    ),
    _control("a control in a value", b"\x01", "a\x01b"),
    _control("DEL in a value", b"\x7f", "a\x7fb"),
    _control("a vertical tab in a value", b"\x0b", "a\x0bb"),
    _control("ESC in a value", b"\x1b", "a\x1bb"),
    _stripped("\\xa0 around a value", b"\xa0", "\xa0a\xa0", control=False),
    _stripped("\\x85 around a value", b"\x85", "\x85a\x85", control=False),
    _stripped("\\x0b around a value", b"\x0b", "\x0ba\x0b", control=True),
    _stripped("\\x0c around a value", b"\x0c", "\x0ca\x0c", control=True),
    _stripped("\\x1f around a value", b"\x1f", "\x1fa\x1f", control=True),
    Case(
        name="a folded value",
        data=get(b"X: a\r\n b"),
        why="9112 5.2: 400, or one or more SP for the fold",
        allowed=(*must(400), ok(Seen(headers=(("x", "a b"),)))),
    ),
    Case(
        name="a value folded by a tab",
        data=get(b"X: a\r\n\tb"),
        why="9112 5.2",
        allowed=(*must(400), ok(Seen(headers=(("x", "a b"),)))),
    ),
    Case(
        name="a fold of nothing",
        data=get(b"X: a\r\n \r\nY: b"),
        why="9112 5.2; a line of whitespace is not the end of the head",
        allowed=(*must(400), ok(Seen(headers=(("x", "a"), ("y", "b"))))),
    ),
    Case(
        name="whitespace before the first line",
        data=b"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
        why="9112 2.2: refuse, or skip the line",
        allowed=(*bad(), ok(Seen(absent=("x",)))),
    ),
    Case(
        name="a tab before the first line, which is Host",
        data=b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n",
        why="9112 2.2: skipped, it is no Host",
        allowed=bad(),
    ),
    Case(
        name="every line ends with LF",
        data=b"GET / HTTP/1.1\nHost: a\n\n",
        why="9112 2.2: MAY be taken for a line end",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="the head ends with CRLF LF",
        data=b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        why="9112 2.2",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="the head ends with LF CRLF",
        data=b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        why="9112 2.2",
        allowed=(*bad(), ok()),
    ),
    Case(
        name="lines end with CR",
        data=b"GET / HTTP/1.1\rHost: a\r\r" + SMUGGLED,
        why="9112 2.2: a bare CR is no line end",
        allowed=bad(),
    ),
    Case(
        name="the head ends with CRLF CR and a byte",
        data=b"GET / HTTP/1.1\r\nHost: a\r\n\rZGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        why="9112 2.2; two bytes were skipped unseen by one server",
        allowed=bad(),
    ),
    Case(
        name="a CR too many at a line's end",
        data=get(b"X: a\r"),
        why="9112 2.2: invalid, or SP, which is OWS then",
        allowed=(*bad(), ok(Seen(headers=(("x", "a"),)))),
    ),
    Case(
        name="a name broken in two lines",
        data=get(b"Transfer-", b"Encoding: chunked") + SMUGGLED,
        why="9112 5: the first line has no colon",
        allowed=bad(),
    ),
    Case(
        name="a cookie twice",
        data=get(b"Cookie: a=b", b"Cookie: c=d"),
        why="6265 5.4: SHOULD be one; joined by '; ' where it matters",
        allowed=(ok(), *bad()),
    ),
    Case(
        name="two hundred lines",
        data=get(*(b"X-%d: a" % n for n in range(200))),
        why="9110 5.4: a server may bound them; 4xx",
        allowed=(*bad(431), ok(Seen(headers=(("x-199", "a"),)))),
    ),
    Case(
        name="a line of 100,000 bytes",
        data=get(b"X: " + b"a" * 100_000),
        why="9110 5.4: a server may bound it; 4xx",
        allowed=(*bad(431), ok(Seen(headers=(("x", "a" * 100_000),)))),
    ),
    Case(
        name="sixty lines",
        data=get(*(b"X-%d: a" % n for n in range(60))),
        why="9110 5.4; as many as browsers and proxies come to",
        allowed=(ok(Seen(headers=(("x-59", "a"),))),),
    ),
)
