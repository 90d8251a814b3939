"""What servers and proxies have got wrong and others have published: the facts behind the list of
bugs that HTTP Garden found (48 of servers, 24 of proxies, 4 beside them), in bytes of our own.

The numbers are that list's. What a proxy passed on is judged as a server has to read it.
"""

from experiments.conformance.case import (
    NEXT,
    SEEN_NEXT,
    SMUGGLED,
    Allowed,
    Case,
    Seen,
    Then,
    bad,
    chunked,
    get,
    must,
    ok,
    post,
    unframed,
)

_END = b"0\r\n\r\n"
_ONE = b"1\r\nq\r\n" + _END
_TE = b"Transfer-Encoding: chunked"
_SEEN = Seen(method="POST", body=b"q")


def _bug(name: str, data: bytes, why: str, *allowed: Allowed, http2: bool = False) -> Case:
    return Case(name=name, data=data, why=why, allowed=allowed or bad(), http2=http2)


def _framing(name: str, data: bytes, why: str) -> Case:
    return _bug(name, data + SMUGGLED, why, *unframed())


CASES = (
    _framing("server 1", chunked(b"0_1\r\nq\r\n" + _END), "a size read by Python's int(): 0_1"),
    _bug("server 2", get(b"X: p\0\rq"), "NUL and CR in a value"),
    _bug(
        "server 3",
        get(b"Content-Length : %d" % len(SMUGGLED)) + SMUGGLED,
        "a space before the colon is dropped: 9112 5.1 MUST 400",
        *must(400),
    ),
    _bug(
        "server 4",
        b"POST / HTTP/1.1\r\n\tContent-Length: 1\r\nHost: a\r\n\r\n" + NEXT,
        "a tab before the first name is dropped",
        *bad(),
        ok(Seen(method="POST"), SEEN_NEXT),
    ),
    _bug("server 5", get(start=b"GET / HTTP/1.19"), "a version by its longest valid prefix"),
    _bug(
        "server 6", get(start=b'PU"T<x>;[y]?" / HTTP/1.1'), "a method by its longest valid prefix"
    ),
    _bug("server 7", get(start=b"GET ~ HTTP/1.1"), "a target that is none of the four forms"),
    _bug("server 8", get(b"\xe8x: y"), "obs-text in a name"),
    _bug("server 9", get(start=b"GET /x\nHTTP/1.1"), "LF as whitespace of the request line"),
    _framing("server 10", post(b"Content-Length: +0_1", body=b"q"), "a length read by int(): +0_1"),
    _bug(
        "server 11",
        post(_TE, _TE, body=_ONE) + NEXT,
        "two Transfer-Encodings are no body; 9112 6.1: no sender may",
        *unframed(),
        ok(_SEEN, SEEN_NEXT),
    ),
    _framing(
        "server 12",
        post(b"Transfer-Encoding: \x85chunked\xa0", body=_ONE),
        "\\x85 and \\xa0 are stripped from values",
    ),
    _bug(
        "server 13",
        get(b"X: y\rContent-Length: %d" % len(SMUGGLED)) + SMUGGLED,
        "CR ends a line; refused, or SP",
        *bad(),
        ok(Seen(), Seen(path="/smuggled")),
    ),
    _bug(
        "server 14",
        get(b'\x01\x02\x0e"(),/;<=>?@[]{}: y'),
        "bytes in a name that are not a token's",
    ),
    _bug("server 15", get(start=b"GET / HTTP/\r1.1"), "a version is not looked at"),
    _framing("server 16", post(b"Content-Length:  "), "an empty length is 0"),
    _framing("server 17", chunked(b"\r\n\r\n"), "an empty size is 0"),
    _bug("server 18", get(b": y", host=b"X: y") + NEXT, "an empty name"),
    _bug(
        "server 19",
        b"GET / HTTP/1.1\r\nHost: a\r\nX:\n\nGET /smuggled HTTP/1.1\r\n\r\n",
        "LF LF is whitespace before a value; refused, or the head's end",
        *bad(),
        *must(400, after=(Seen(),)),
        ok(),
    ),
    _bug(
        "server 20",
        post(b"Content-Length\xa0: %d" % len(SMUGGLED)) + SMUGGLED,
        "\\xa0 is stripped from a name",
    ),
    _bug(
        "server 21",
        post(b"Transfer-Encoding: ,chunked", b"Content-Length: 10", body=b"1\r\nq\r\n0\r\n\r\n"),
        "`,chunked` is not chunked; refused, or chunked, and closed",
        *unframed(),
        ok(_SEEN, then=Then.CLOSED),
    ),
    _framing("server 22", chunked(b"1_\r\nq\r\n" + _END), "a size by its longest valid prefix"),
    _framing(
        "server 23",
        post(b"Content-Length: 1", b"Content-Length: 0", body=b"q"),
        "of two lengths the first",
    ),
    _bug("server 24", get(start=b"GET / HTTP/257.4294967297"), "version numbers overflow"),
    _framing("server 25", chunked(b"+1\r\nq\r\n" + _END), "a size read by strtoll(): +1"),
    _framing("server 26", post(b"Content-Length: -7"), "a negative length is an endless loop"),
    _bug("server 27", get(b":", b"X: y"), "an empty line of a header ends the head"),
    _bug(
        "server 28",
        get(b"Content-Length %d" % len(SMUGGLED)) + SMUGGLED,
        "a space is as good as a colon",
    ),
    _framing(
        "server 29", post(b"Content-Length: 1x", body=b"q"), "a length by its longest valid prefix"
    ),
    _bug(
        "server 30",
        b"GET / HTTP/1.1\r\nHost: a\r\n\rQGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "CRLF CR and any byte end the head",
    ),
    _framing("server 31", chunked(b"1\r\r;XY\r\n" + _END), "CR and any byte end a chunk's line"),
    _bug(
        "server 32",
        post(b"Content-Length: 012", body=b"012345678901") + NEXT,
        "a length read by strtoll(..., 0): 012 is ten",
        ok(Seen(method="POST", body=b"012345678901"), SEEN_NEXT),
    ),
    _framing(
        "server 33",
        post(b"Content-Length: 0", b"Content-Length: 1", body=b"q"),
        "of two lengths the last",
    ),
    _bug(
        "server 34",
        get(b"X: y\rz"),
        "CR in a value; refused, or SP",
        *bad(),
        ok(Seen(headers=(("x", "y z"),))),
    ),
    _bug(
        "server 35",
        get(b"X: y\0z", b"Y: z"),
        "a value ends at NUL; refused, or SP",
        *bad(),
        ok(Seen(headers=(("x", "y z"),))),
    ),
    _framing("server 36", chunked(b"1;a=b\r\rq\r\n" + _END), "CR CR behind an extension"),
    _bug(
        "server 37",
        post(b"Transfer-", b"Encoding: chunked", body=_END) + SMUGGLED,
        "a name goes on in the next line",
    ),
    _framing(
        "server 38", post(b"Content-Length:", b"X: y"), "an empty length reads until time is out"
    ),
    _framing("server 39", chunked(b"0\r\nXY"), "any two bytes end a body"),
    _bug(
        "server 40",
        b"\x02 / HTTP/.....09.7.\r\nHost: a\r\n\r\n",
        "method and version are not looked at",
    ),
    _bug(
        "server 41",
        get(b"X: \xa0y\x85"),
        "\\xa0 and \\x85 are stripped from values",
        ok(Seen(headers=(("x", "\xa0y\x85"),))),
        *bad(),
    ),
    _framing(
        "server 42",
        post(b"Content-Length:", b"Content-Length: %d" % len(SMUGGLED)),
        "of two lengths the empty one",
    ),
    _bug(
        "server 43",
        get(b"X: y\0"),
        "NUL is stripped from a value; refused, or SP",
        *bad(),
        ok(Seen(headers=(("x", "y"),))),
    ),
    _framing("server 44", post(b"Transfer-Encoding: wat", body=_ONE), "any coding is chunked"),
    _bug(
        "server 45",
        get(b"Connection: close") + b"Nonsense\r\n\r\n",
        "the first is not answered for what follows it",
        ok(then=Then.CLOSED),
    ),
    _framing(
        "server 46",
        post(b"Transfer-Encoding: \x80chunked\xfe", body=_ONE),
        "bytes above \\x7f are stripped",
    ),
    _framing(
        "server 47", chunked(b"NO CHUNK\r\n"), "what follows a bad chunk is read as a request"
    ),
    _bug(
        "server 48",
        post(b"Content-Length: 0", b"Connection:keep-alive")
        + post(b"Content-Length: 1", body=b"q")
        + NEXT,
        "what follows is taken for the body",
        ok(Seen(method="POST"), _SEEN, SEEN_NEXT),
    ),
    _framing("proxy 1", post(b"Content-Length: 0x1", body=b"q"), "a length of 0x1 is passed on"),
    _framing("proxy 2", chunked(b"Q\r\nQQ\r\n"), "sizes that are none are passed on"),
    _framing("proxy 3", chunked(b"1\r\r;a\r\n0\r\n" + _END), "CR before an extension is passed on"),
    _framing("proxy 4", chunked(b"1\r2\n"), "a bad chunk is passed on as no body"),
    _framing("proxy 5", get(b"content-length:"), "an empty length is passed on"),
    _bug("proxy 6", get(b"X\x85: y"), "\\x85 in a name is passed on"),
    _framing(
        "proxy 7", chunked(b"1these-are-not-looked-at\r\nq\r\n" + _END), "words behind a size"
    ),
    _bug(
        "proxy 9",
        post(b"Transfer-Encoding: ,chunked", body=_ONE) + NEXT,
        "`,chunked` is passed on; 9110 5.6.1 lets empty members be",
        *unframed(),
        ok(_SEEN, SEEN_NEXT),
    ),
    _bug(
        "proxy 10",
        get(b"X: y\rz\r"),
        "CR in a value is passed on; refused, or SP",
        *bad(),
        ok(Seen(headers=(("x", "y z"),))),
    ),
    _framing(
        "proxy 11",
        get(b"content-length:", b"content-length: %d" % len(SMUGGLED)),
        "two lengths, the first empty",
    ),
    _bug(
        "proxy 12",
        get(host=b"Host: a\0.b"),
        "NUL in Host is passed on: 9112 3.2 MUST 400",
        *must(400),
    ),
    _framing("proxy 13", chunked(b"1\r\nq\n" + _END), "LF behind a chunk"),
    _bug("proxy 14", get(b"X\nY: z") + SMUGGLED, "a line without a colon is passed on"),
    _framing(
        "proxy 15",
        post(b"Transfer-Encoding: x,chunkedx", b"Content-Length: 5", body=_END),
        "length and a coding not known",
    ),
    _bug(
        "proxy 16",
        b"GET / HTTP/1.1\nHost: a\nConnection: close\n\n",
        "LF is passed on; 9112 2.2: refused, or a line end",
        *bad(),
        ok(then=Then.CLOSED),
    ),
    _framing("proxy 17", chunked(b"1\r\nq\r\n\r\n" + _END), "an empty line before the last chunk"),
    _bug(
        "proxy 18",
        post(b"Transfer-Encoding: ,chunked", b"Content-Length: 5", body=_END),
        "`,chunked` beside a length; refused, or chunked, and closed",
        *unframed(),
        ok(Seen(method="POST"), then=Then.CLOSED),
    ),
    _framing("proxy 19", chunked(b"-0x0\r\n\r\n"), "a size of -0x0"),
    _bug("proxy 20", get(b"X:y", b"Z\0"), "a line with NUL is joined to the one before"),
    _bug(
        "proxy 21",
        get(b"Content-Length: 5") + b"12345" + NEXT,
        "a GET loses its body and keeps its length",
        ok(Seen(body=b"12345"), SEEN_NEXT),
        ok(Seen(), SEEN_NEXT),
        *bad(),
    ),
    _framing(
        "proxy 22",
        post(b"Content-Length: 0", b"Content-Length: %d" % len(SMUGGLED)),
        "of two lengths the last",
    ),
    _bug(
        "proxy 23",
        post(b"Content-Length: 4", _TE, body=_ONE) + SMUGGLED,
        "length and coding; refused, or the coding, and closed",
        *unframed(),
        ok(_SEEN, then=Then.CLOSED),
    ),
    _framing("proxy 24", chunked(b"   1\r\nq\r\n" + _END), "whitespace before a size"),
    _bug(
        "proxy 25",
        post(_TE, _TE, body=_END) + NEXT,
        "two Transfer-Encodings are one; 9112 6.1: no sender may",
        *unframed(),
        ok(Seen(method="POST"), SEEN_NEXT),
    ),
    _bug(
        "crash 3",
        chunked(b"1\r\nq\r\n" + _END) + b"\0",
        "a byte behind a chunked body",
        *bad(after=(_SEEN,)),
        ok(_SEEN),
    ),
    _bug(
        "crash 4",
        chunked(_ONE) + NEXT,
        "the body is sent back before the response",
        ok(_SEEN, SEEN_NEXT),
    ),
    _bug(
        "downgrade 1",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000") + SMUGGLED,
        "HTTP/2 with prior knowledge, settings, and then HTTP/1.1",
        *bad(505),
        *bad(after=(Seen(method="PRI", path="*"),)),
        http2=True,
    ),
    _bug("downgrade 2", get(b":", b":method: PUT", b": z"), "empty names out of HTTP/2"),
)
