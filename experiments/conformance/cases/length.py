"""Content-Length (RFC 9110 section 8.6, RFC 9112 section 6)."""

from experiments.conformance.case import (
    NEXT,
    SEEN_NEXT,
    SMUGGLED,
    Allowed,
    Case,
    Refused,
    Seen,
    Then,
    bad,
    get,
    ok,
    post,
    unframed,
    waits,
)

_MUST = "9112 6.3: an invalid Content-Length is an unrecoverable error"


def _invalid(name: str, *values: bytes, why: str = _MUST) -> Case:
    """A body follows that is a request, should the length be taken for 0 or passed over."""
    lines = (b"Content-Length:" + value for value in values)
    return Case(name=name, data=post(*lines, body=SMUGGLED), why=why, allowed=unframed())


def _huge(name: str, value: bytes) -> Case:
    return Case(
        name=name,
        data=post(b"Content-Length:" + value, body=SMUGGLED),
        why="9110 8.6: MUST NOT overflow; refused, or all of it waited for",
        allowed=(*unframed(), Allowed((), Then.OPEN)),
    )


def _body(name: str, value: bytes, body: bytes, why: str) -> Case:
    return Case(
        name=name,
        data=post(b"Content-Length:" + value, body=body) + NEXT,
        why=why,
        allowed=(ok(Seen(method="POST", body=body), SEEN_NEXT),),
    )


CASES = (
    _body("a body", b" 3", b"abc", "9110 8.6"),
    _body("no body", b" 0", b"", "9110 8.6"),
    _body("leading zeros", b" 003", b"abc", "9110 8.6: 1*DIGIT, decimal"),
    _body("a leading zero, not octal", b" 010", b"0123456789", "9110 8.6: decimal"),
    _body("whitespace around", b" \t3\t ", b"abc", "9112 5.1: OWS"),
    _body("a body of line ends", b" 4", b"\r\n\r\n", "9112 6.3"),
    _body("a body that is a request", b" %d" % len(SMUGGLED), SMUGGLED, "9112 6.3"),
    _body("every byte", b" 256", bytes(range(256)), "9110 6.4: octets"),
    Case(
        name="a POST without it",
        data=post() + NEXT,
        why="9112 6.3: no body; 411 is allowed",
        allowed=(ok(Seen(method="POST"), SEEN_NEXT), *bad(411)),
    ),
    Case(
        name="a GET with a body",
        data=get(b"Content-Length: 3") + b"abc" + NEXT,
        why="9110 9.3.1: no meaning, and framed as any other; some reject it",
        allowed=(ok(Seen(body=b"abc"), SEEN_NEXT), ok(Seen(), SEEN_NEXT), *bad()),
    ),
    Case(
        name="the body is not whole",
        data=post(b"Content-Length: 10", body=b"abc"),
        why="9112 6.3: incomplete; an application may have been called, as bodies are streamed",
        allowed=waits(),
    ),
    Case(
        name="a body of 100,000 bytes",
        data=post(b"Content-Length: 100000", body=b"a" * 100_000) + NEXT,
        why="9110 8.6",
        allowed=(ok(Seen(method="POST", body=b"a" * 100_000), SEEN_NEXT),),
    ),
    _invalid("empty", b""),
    _invalid("whitespace alone", b" \t "),
    _invalid("a plus sign", b" +3"),
    _invalid("a minus sign", b" -3"),
    _invalid("minus zero", b" -0"),
    _invalid("an underscore", b" 1_0"),
    _invalid("hexadecimal", b" 0x10"),
    _invalid("a hexadecimal digit", b" a"),
    _invalid("a point", b" 3.0"),
    _invalid("an exponent", b" 3e0"),
    _invalid("digits and a letter", b" 3Z"),
    _invalid("a space within", b" 1 0"),
    _invalid("quoted", b' "3"'),
    _invalid("a semicolon", b" 3;a"),
    _invalid("a word", b" chunked"),
    _invalid("digits that are not ASCII", b" \xb3", why=_MUST + "; \\xb3 is a superscript three"),
    _invalid("\\xa0 before it", b" \xa03"),
    _invalid("\\x85 behind it", b" 3\x85"),
    _invalid("a vertical tab before it", b" \x0b3"),
    _invalid("a form feed behind it", b" 3\x0c"),
    _invalid("a NUL behind it", b" 3\0"),
    _huge("twenty-two digits", b" 1000000000000000000000"),
    _huge("2 to the 64th, and three", b" 18446744073709551619"),
    _invalid("2 to the 32nd, and a name", b" 4294967296x"),
    _invalid("two that differ", b" 3", b" 4"),
    _invalid("zero, then another", b" 0", b" %d" % len(SMUGGLED)),
    _invalid("another, then zero", b" %d" % len(SMUGGLED), b" 0"),
    _invalid("an empty one, then another", b"", b" %d" % len(SMUGGLED)),
    _invalid("one, then an empty one", b" 0", b""),
    _invalid("a list that differs", b" 3, 4"),
    _invalid("a list with an empty member", b" 3,"),
    _invalid("a list that begins with an empty member", b" ,3"),
    Case(
        name="two that are equal",
        data=post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc") + NEXT,
        why="9110 8.6: refuse, or take it as one",
        allowed=(*unframed(), ok(Seen(method="POST", body=b"abc"), SEEN_NEXT)),
    ),
    Case(
        name="a list of equals",
        data=post(b"Content-Length: 3, 3", body=b"abc") + NEXT,
        why="9110 8.6: refuse, or take it as one",
        allowed=(*unframed(), ok(Seen(method="POST", body=b"abc"), SEEN_NEXT)),
    ),
    Case(
        name="two that are equal in number only",
        data=post(b"Content-Length: 3", b"Content-Length: 03", body=b"abc") + NEXT,
        why="9110 8.6: the same decimal value",
        allowed=(*unframed(), ok(Seen(method="POST", body=b"abc"), SEEN_NEXT)),
    ),
    Case(
        name="a space before its colon",
        data=post(b"Content-Length : 3", body=b"abc") + SMUGGLED,
        why="9112 5.1: MUST answer 400",
        allowed=(Allowed((Refused(400),)),),
    ),
    Case(
        name="\\x85 behind its name",
        data=get(b"Content-Length\x85: %d" % len(SMUGGLED)) + SMUGGLED,
        why="9110 5.1",
        allowed=bad(),
    ),
    Case(
        name="a space for its colon",
        data=get(b"Content-Length %d" % len(SMUGGLED)) + SMUGGLED,
        why="9112 5",
        allowed=bad(),
    ),
    Case(
        name="with an underscore in its name",
        data=get(b"Content_Length: %d" % len(SMUGGLED)) + NEXT,
        why="9110 5.1: another field; in CGI's names it is the same, so it may be refused",
        allowed=(ok(Seen(), SEEN_NEXT), *bad()),
    ),
    Case(
        name="larger than any server takes",
        data=post(b"Content-Length: 999999999999999999"),
        why="9110 15.5.14: 413, or wait for it",
        allowed=(Allowed((Refused(413, any=True),)), *waits()),
    ),
    Case(
        name="folded",
        data=post(b"Content-Length:", b" 3", body=b"abc") + NEXT,
        why="9112 5.2: 400, or unfold",
        allowed=(
            Allowed((Refused(400),)),
            ok(Seen(method="POST", body=b"abc"), SEEN_NEXT),
        ),
    ),
    Case(
        name="in HTTP/1.0, and no keep-alive",
        data=get(b"Content-Length: 3", start=b"POST / HTTP/1.0") + b"abc" + SMUGGLED,
        why="9112 9.3: the connection closes after it",
        allowed=(ok(Seen(method="POST", body=b"abc"), then=Then.CLOSED),),
    ),
)
