"""Words that make requests: what a mutation puts in, and whole requests to begin with."""

from collections.abc import Iterator

WORDS = (
    *(
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"OPTIONS * ",
        b"CONNECT a:1 ",
        b"/ ",
        b"http://a/ ",
        b"http://",
    ),
    *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r"),
    *(b"Host: a\r\n", b"host:a\r\n", b"Host:\r\n", b"Host: b:80\r\n", b"A: b\r\n"),
    *(
        b"Cookie: a\r\n",
        b"cookie: b\r\n",
        b"Referer: a\r\n",
        b"referer: b\r\n",
        b"ookie: ",
        b"eferer: ",
    ),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Content-Length: 65\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"chunked", b","),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n"),
    *(b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"1;a=b\r\n", b'1;a="b"\r\n', b"0\r\nA: b\r\n\r\n", b"0\r\n"),
    *(b"Trailer: A\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0", b"\t", b" ", b"\x80", b"%41"),
)

_GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
_POST = b"POST /b?c=d HTTP/1.1\r\nHost: a:80\r\nA: b\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"

STREAMS = (
    _GET + b"\r\n",
    _GET + b"\r\n" + _GET + b"\r\n" + _GET + b"\r\n",
    _POST + b"Content-Length: 3\r\n\r\nabc" + _GET + b"\r\n",
    _CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + _GET + b"\r\n",
    _CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0;e\r\nF: g\r\n\r\n' + _GET + b"Connection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n" + _GET + b"\r\n",
    b"HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + _GET + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    b"GET http://a.b:80/c?d HTTP/1.1\r\nhost: A.b:80\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
    (_GET + b"A: b\r\nReferer: c\r\nCookie: d\r\n\r\n") * 2,
    _GET + b"A: b\r\nReferer: c\r\nCookie: d\r\n\r\n" + _GET + b"A: b\r\nCookie: e\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n" * 2 + _GET + b"\r\n",
    b"\r\n\r\n" + _GET + b"Content-Length: 3, 3\r\n\r\nabc",
    _GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\0\xff" + _GET + b"\r\n",
)


# What each target has before a client's bytes: see there.
_PREFIXES = {
    "parser": (b"\x00\x00", b"\x80\x03", b"\xff\x02", b"\x40\x0a"),
    "connection": (b"\x00",),
}


def seeds(target: str) -> Iterator[tuple[str, bytes]]:
    """Inputs to begin with, and their names."""
    for p, prefix in enumerate(_PREFIXES[target]):
        for n, stream in enumerate(STREAMS):
            yield f"seed-{p}-{n}", prefix + stream


def dictionary() -> Iterator[str]:
    """The words as lines of libFuzzer's dictionary."""
    for word in WORDS:
        yield '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'
