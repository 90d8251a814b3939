"""The chunked coding: sizes, extensions, line ends, trailers (RFC 9112 section 7.1)."""

from experiments.conformance.case import (
    NEXT,
    SEEN_NEXT,
    SMUGGLED,
    Allowed,
    Case,
    Seen,
    Then,
    chunked,
    ok,
    unframed,
    waits,
)

_END = b"0\r\n\r\n"
_SEEN = Seen(method="POST", body=b"abc")


def _right(name: str, *pieces: bytes, body: bytes = b"abc", why: str = "9112 7.1") -> Case:
    return Case(
        name=name,
        data=chunked(*pieces) + NEXT,
        why=why,
        allowed=(ok(Seen(method="POST", body=body), SEEN_NEXT),),
    )


def _bad(name: str, *pieces: bytes, why: str = "9112 7.1: no chunk") -> Case:
    """The application may have been called already: then it sees no end of the body."""
    return Case(name=name, data=chunked(*pieces) + SMUGGLED, why=why, allowed=unframed())


def _size(name: str, size: bytes, why: str = "9112 7.1: 1*HEXDIG") -> Case:
    return _bad(name, size + b"\r\nabc\r\n", _END, why=why)


def _lf(name: str, *pieces: bytes) -> Case:
    """A line terminator of the chunked coding is CRLF; 9112 section 2.2 lets LF be in heads."""
    return _bad(name, *pieces, why="9112 7.1: CRLF; 2.2 allows a bare LF in heads only")


def _ext(name: str, raw: bytes, why: str = "9112 7.1.1: MUST ignore what is not known") -> Case:
    return _right(name, b"3" + raw + b"\r\nabc\r\n", _END, why=why)


def _odd_ext(name: str, raw: bytes, why: str) -> Case:
    """Not in the grammar, and without harm to the framing: 400, or passed over."""
    return Case(
        name=name,
        data=chunked(b"3" + raw + b"\r\nabc\r\n", _END) + NEXT,
        why=why,
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    )


def _trailer(name: str, *lines: bytes, why: str) -> Case:
    """A field that must not be one: refused or dropped, and never as a header."""
    raw = b"3\r\nabc\r\n0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    names = tuple(line.partition(b":")[0].decode("latin-1").lower() for line in lines)
    absent = tuple(n for n in names if n not in ("host", "transfer-encoding"))
    return Case(
        name=name,
        data=chunked(raw) + NEXT,
        why=why,
        allowed=(
            *unframed(),
            ok(
                Seen(method="POST", body=b"abc", headers=(("host", "a"),), absent=absent), SEEN_NEXT
            ),
        ),
    )


def _bad_trailer(name: str, raw: bytes, why: str) -> Case:
    return _bad(name, b"3\r\nabc\r\n0\r\n" + raw + b"\r\n\r\n", why=why)


CASES = (
    _right("one", b"3\r\nabc\r\n", _END),
    _right("two", b"1\r\na\r\n", b"2\r\nbc\r\n", _END),
    _right("none", _END, body=b""),
    _right("a size in lower case", b"a\r\n0123456789\r\n", _END, body=b"0123456789"),
    _right("a size in upper case", b"A\r\n0123456789\r\n", _END, body=b"0123456789"),
    _right("a size with zeros before", b"0003\r\nabc\r\n", b"000\r\n\r\n"),
    _right("line ends within", b"4\r\n\r\n\r\n\r\n", _END, body=b"\r\n\r\n"),
    _right("a last chunk within", b"5\r\n0\r\n\r\n\r\n", _END, body=_END),
    _right("a request within", b"%x\r\n%b\r\n" % (len(SMUGGLED), SMUGGLED), _END, body=SMUGGLED),
    _right("a thousand of one byte", b"1\r\na\r\n" * 1000, _END, body=b"a" * 1000),
    _ext("an extension", b";a=b"),
    _ext("an extension without a value", b";a"),
    _ext("two extensions", b";a=b;c"),
    _ext("a quoted value", b';a="b;c"'),
    _ext("an escape in a quoted value", b';a="b\\"c"'),
    _ext("whitespace around", b" ; a = b", "9110 5.6.3: BWS, which MUST be parsed and removed"),
    _right("an extension of the last", b"3\r\nabc\r\n", b"0;a=b\r\n\r\n"),
    _size("empty", b""),
    _size("0x", b"0x3"),
    _size("0X", b"0X3"),
    _size("a plus sign", b"+3"),
    _size("a minus sign", b"-3"),
    _size("an underscore", b"0_3"),
    _size("a letter behind", b"3g"),
    _size("a letter", b"g"),
    _size("a comma", b"3,"),
    _size("whitespace before", b" 3"),
    _size("a tab before", b"\t3"),
    _size("a vertical tab before", b"\x0b3"),
    _size("\\xa0 behind", b"3\xa0"),
    _size("a NUL behind", b"3\0"),
    _size("a quote", b'"3"'),
    _size("a minus sign and 0x", b"-0x3"),
    _size("words behind", b"3these-are-not-looked-at"),
    _size("whitespace and words behind", b"3 words", "9112 7.1.1: an extension begins with ;"),
    _size("2 to the 32nd in 17 digits", b"00000000100000000g"),
    _bad("minus zero as the last", b"3\r\nabc\r\n", b"-0\r\n\r\n"),
    *(
        Case(
            name=name,
            data=chunked(size + b"\r\nabc\r\n", _END) + SMUGGLED,
            why="9112 7.1: MUST NOT overflow; refused, or all of it waited for",
            allowed=(*unframed(), Allowed((), Then.OPEN)),
        )
        for name, size in (
            ("2 to the 60th", b"1000000000000000"),
            ("2 to the 64th, and three", b"10000000000000003"),
        )
    ),
    Case(
        name="whitespace behind the size",
        data=chunked(b"3 \r\nabc\r\n", _END) + NEXT,
        why="9112 7.1: none there, if no extension follows; BWS in RFC 7230's errata",
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    ),
    _odd_ext("a semicolon alone", b";", "9112 7.1.1: a name is a token"),
    _odd_ext("an extension without a name", b";=b", "9112 7.1.1"),
    _odd_ext("an extension with an empty value", b";a=", "9112 7.1.1"),
    _odd_ext("a quote that does not end", b';a="b', "9112 7.1.1"),
    _odd_ext("a separator in an extension", b";a@b", "9112 7.1.1"),
    _odd_ext("obs-text in an extension", b";a\xe9", "9112 7.1.1"),
    _odd_ext("a NUL in an extension", b";a\0", "9112 7.1.1"),
    _lf("LF behind the size", b"3\nabc\r\n", _END),
    _lf("LF behind an extension", b"3;a\nabc\r\n", _END),
    _lf("LF in an extension", b"3;a\nb\r\nabc\r\n", _END),
    _lf("LF in a quoted value", b'3;a="\n"\r\nabc\r\n', _END),
    _lf("LF behind the data", b"3\r\nabc\n", _END),
    _lf("LF behind the last size", b"3\r\nabc\r\n", b"0\n\r\n"),
    Case(
        name="LF at the end",
        data=chunked(b"3\r\nabc\r\n", b"0\r\n\n") + NEXT,
        why="9112 2.2: refused, or a line end, as in heads",
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    ),
    _lf("LF everywhere", b"3\nabc\n0\n\n"),
    _bad("CR behind the size", b"3\rabc\r\n", _END),
    _bad("CR and a byte behind the size", b"3\rXabc\r\n", _END),
    _bad("CR CR before an extension", b"3\r\r;a\r\nabc\r\n", _END),
    _bad("CR CR behind an extension", b"3;a\r\rabc\r\n", _END),
    _bad("CR CR LF behind the size", b"3\r\r\nabc\r\n", _END),
    _bad("CR behind the data", b"3\r\nabc\r", _END),
    _bad("no line end behind the data", b"3\r\nabc", _END),
    _bad("two bytes for the line end behind the data", b"3\r\nabcXY", _END),
    _bad("data longer than the size", b"3\r\nabcd\r\n", _END),
    _bad("data shorter than the size", b"3\r\nab\r\n", _END),
    _bad("an empty line before the first", b"\r\n3\r\nabc\r\n", _END),
    _bad("an empty line between two", b"3\r\nabc\r\n\r\n", _END),
    _bad("an empty line for the last", b"3\r\nabc\r\n\r\n\r\n"),
    _bad("two bytes for the last line end", b"3\r\nabc\r\n0\r\nXY", why="9112 7.1"),
    _bad("a line that is no chunk", b"INVALID!!!\r\n"),
    Case(
        name="no last chunk",
        data=chunked(b"3\r\nabc\r\n"),
        why="9112 8: not whole",
        allowed=waits(),
    ),
    Case(
        name="extensions without end",
        data=chunked(b"3;" + b"a" * 100_000 + b"\r\nabc\r\n", _END) + NEXT,
        why="9112 7.1.1: SHOULD be bounded, with a 4xx",
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    ),
    Case(
        name="a trailer",
        data=chunked(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", lines=(b"Trailer: X-Sum",)) + NEXT,
        why="9112 7.1.2: kept apart, or dropped; a header only where that is known to be safe",
        allowed=(ok(Seen(method="POST", body=b"abc", absent=("x-sum",)), SEEN_NEXT),),
    ),
    _trailer("Content-Length as a trailer", b"Content-Length: 9", why="9110 6.5.1: no framing"),
    _trailer("Transfer-Encoding as a trailer", b"Transfer-Encoding: gzip", why="9110 6.5.1"),
    _trailer("Host as a trailer", b"Host: b", why="9110 6.5.1: no routing"),
    _trailer(
        "Authorization as a trailer", b"Authorization: b", why="9110 6.5.1: no authentication"
    ),
    _trailer("Cookie as a trailer", b"Cookie: b=c", why="9110 6.5.1"),
    _bad_trailer("a trailer with a space before its colon", b"X : a", "9112 5.1"),
    _bad_trailer("a trailer without a colon", b"X a", "9112 5"),
    _bad_trailer("a trailer with a NUL", b"X: a\0b", "9110 5.5"),
    _bad_trailer("a trailer with a bare CR", b"X: a\rb", "9112 2.2"),
    _bad_trailer("a trailer with an empty name", b": a", "9110 5.1"),
    Case(
        name="a trailer that ends with LF",
        data=chunked(b"3\r\nabc\r\n0\r\nX: a\n\r\n") + NEXT,
        why="9112 2.2: refused, or a line end, as in heads",
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    ),
    Case(
        name="a folded trailer",
        data=chunked(b"3\r\nabc\r\n0\r\nX: a\r\n b\r\n\r\n") + NEXT,
        why="9112 5.2: refused, or unfolded",
        allowed=(*unframed(), ok(_SEEN, SEEN_NEXT)),
    ),
    Case(
        name="two hundred trailers",
        data=chunked(b"3\r\nabc\r\n0\r\n" + b"X: a\r\n" * 200 + b"\r\n") + NEXT,
        why="9110 5.4: bounded or not",
        allowed=(*unframed(431), ok(_SEEN, SEEN_NEXT)),
    ),
)
