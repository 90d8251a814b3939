"""Response heads: the status, the framing, and the server's own fields.

The section in an id is that of RFC 9112 unless it says 9110.
"""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import pytest

from http1.responding import GET, TEXT, lines, request
from subsrv.http1 import CONTINUE, LAST_CHUNK, Encoder, Framing, ResponseError, chunk

# The status.


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"200 OK"),
        (HTTPStatus.NOT_FOUND, b"404 Not Found"),
        (299, b"299 "),
        (999, b"999 "),
        ("200 OK", b"200 OK"),
        ("200 Fine\t\xe9", b"200 Fine\t\xe9"),
        ("404", b"404 Not Found"),
        ("404 ", b"404 "),
        ("799", b"799 "),
    ],
)
def test_status_line(encoder: Encoder, status: int | str, line: bytes) -> None:
    """RFC 9112 section 4: the space before an empty phrase stays."""
    for _ in range(2):
        data, _ = encoder.complete(status, [], b"", GET, False)
        assert lines(data)[0] == b"HTTP/1.1 " + line


@pytest.mark.parametrize(
    "status",
    [
        *(0, 1, 99, 100, 101, 199, 1000, -200, True, 200.5, float("nan")),
        *("", "OK", "20", "2000", "100 Continue", "200OK", "200\tOK", " 200 OK", "+200", "0x1f4"),
        *("200 OK\r\nA: b", "200 OK\n", "200 \0", "200 \x7f", "200 \u20ac", "\uff12\uff10\uff10"),
        *(None, b"200 OK", ("200",)),
    ],
)
def test_status_refused(encoder: Encoder, status: Any) -> None:
    encoder.complete(200, TEXT, b"", GET, False)
    for _ in range(2):
        with pytest.raises(ResponseError):
            encoder.complete(status, TEXT, b"", GET, False)
        with pytest.raises(ResponseError):
            encoder.start(status, TEXT, GET, length=None, close=False)


def test_however_many_phrases_an_application_invents_the_memo_is_bounded() -> None:
    encoder = Encoder(cache=8)
    for n in range(1000):
        encoder.complete(f"200 {n}", [(f"a{n}", "b")], b"", GET, False)
    assert len(encoder._statuses) <= 256
    assert len(encoder._recent) <= 128
    assert len(encoder._lines) == len(encoder._lines.kinds) <= 8
    encoder.complete(200, [("a", "b" * 10_000)], b"", GET, False)
    assert max(map(len, encoder._lines.values())) < 1000


# Framing.

_KEPT = "connection: keep-alive"
_CLOSED = "connection: close"


@pytest.mark.parametrize(
    ("method", "version", "status", "declared", "length", "framing", "fields"),
    [
        pytest.param(
            "GET", "1.1", 200, None, 5, Framing.LENGTH, ["content-length: 5"], id="6.2 known"
        ),
        pytest.param(
            "GET", "1.1", 200, None, 0, Framing.LENGTH, ["content-length: 0"], id="6.2 empty"
        ),
        pytest.param(
            "GET", "1.1", 200, "5", 5, Framing.LENGTH, ["Content-Length: 5"], id="6.2 declared"
        ),
        pytest.param(
            "GET", "1.1", 200, "5", None, Framing.LENGTH, ["Content-Length: 5"], id="6.2 pieces"
        ),
        pytest.param(
            "GET",
            "1.1",
            200,
            None,
            None,
            Framing.CHUNKED,
            ["transfer-encoding: chunked"],
            id="7.1 unknown",
        ),
        pytest.param("GET", "1.1", 204, None, 0, Framing.NONE, [], id="9110 15.3.5 204"),
        pytest.param(
            "GET", "1.1", 204, None, 5, Framing.NONE, [], id="9110 15.3.5 204 with a body"
        ),
        pytest.param("GET", "1.1", 204, None, None, Framing.NONE, [], id="6.1 204 in pieces"),
        pytest.param("GET", "1.1", 204, "5", 5, Framing.NONE, [], id="9110 8.6 204 with a length"),
        *(
            pytest.param(
                method,
                "1.1",
                205,
                declared,
                length,
                Framing.NONE,
                ["content-length: 0"],
                id=f"9110 15.3.6 205 to {method} with {declared or length}",
            )
            for method in ("GET", "HEAD")
            for declared, length in ((None, 0), (None, 5), (None, None), ("5", 5), ("5", None))
        ),
        pytest.param("GET", "1.1", 304, None, 0, Framing.NONE, [], id="9110 15.4.5 304"),
        pytest.param("GET", "1.1", 304, None, None, Framing.NONE, [], id="6.1 304 in pieces"),
        pytest.param(
            "GET",
            "1.1",
            304,
            "5",
            0,
            Framing.NONE,
            ["Content-Length: 5"],
            id="9110 8.6 304 may tell the length",
        ),
        pytest.param("HEAD", "1.1", 200, None, 0, Framing.NONE, [], id="9110 9.3.2 HEAD"),
        pytest.param("HEAD", "1.1", 200, None, None, Framing.NONE, [], id="9110 9.3.2 HEAD pieces"),
        pytest.param(
            "HEAD",
            "1.1",
            200,
            None,
            5,
            Framing.NONE,
            ["content-length: 5"],
            id="9110 8.6 HEAD tells the length of what it leaves out",
        ),
        pytest.param(
            "HEAD",
            "1.1",
            200,
            "7",
            0,
            Framing.NONE,
            ["Content-Length: 7"],
            id="9110 8.6 HEAD declared",
        ),
        pytest.param("HEAD", "1.1", 204, "7", 7, Framing.NONE, [], id="9110 8.6 HEAD and 204"),
        pytest.param(
            "GET", "1.0", 200, None, 5, Framing.LENGTH, ["content-length: 5"], id="6.2 1.0 known"
        ),
        pytest.param(
            "GET", "1.0", 200, "5", None, Framing.LENGTH, ["Content-Length: 5"], id="6.2 1.0 pieces"
        ),
        pytest.param("GET", "1.0", 200, None, None, Framing.CLOSE, [], id="6.3 1.0 unknown"),
        pytest.param("GET", "1.0", 304, None, None, Framing.NONE, [], id="6.3 1.0 304"),
        pytest.param("HEAD", "1.0", 200, None, None, Framing.NONE, [], id="9110 9.3.2 1.0 HEAD"),
    ],
)
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("close", [False, True])
def test_framing(
    encoder: Encoder,
    method: str,
    version: str,
    status: int,
    declared: str | None,
    length: int | None,
    framing: Framing,
    fields: list[str],
    keep_alive: bool,
    close: bool,
) -> None:
    headers = [*TEXT, ("Content-Length", declared)] if declared else TEXT
    asked = request(method, version, f"Connection: {'keep-alive' if keep_alive else 'close'}")
    head = encoder.start(status, headers, asked, length=length, close=close)
    kept = keep_alive and not close and framing is not Framing.CLOSE
    connection = ([_KEPT] if version == "1.0" else []) if kept else [_CLOSED]
    phrase = HTTPStatus(status).phrase
    expected = [f"HTTP/1.1 {status} {phrase}", "content-type: text/plain", *fields, *connection]
    assert lines(head.data) == [line.encode() for line in expected]
    assert head.framing is framing
    assert head.keep_alive is kept
    if framing is Framing.LENGTH:
        assert head.length == (0 if length == 0 else 5)
    if length is not None:
        data, still_kept = encoder.complete(status, headers, b"x" * length, asked, close)
        assert data == head.data + b"x" * length * (framing is Framing.LENGTH)
        assert still_kept is kept
        assert encoder.whole(status, headers, length, asked, close) == head


@pytest.mark.parametrize("body", [b"", b"1234", b"123456"])
def test_a_body_of_another_length_than_declared_is_refused(encoder: Encoder, body: bytes) -> None:
    headers = [("Content-Length", "5")]
    for _ in range(2):
        with pytest.raises(ResponseError):
            encoder.complete(200, headers, body, GET, False)
        with pytest.raises(ResponseError):
            encoder.whole(200, headers, len(body), GET, False)
        assert encoder.complete(200, headers, b"12345", GET, False)[1]


@pytest.mark.parametrize("values", [["5"], ["5", "5"], ["5", "05", "5"]])
def test_equal_lengths_are_one(encoder: Encoder, values: list[str]) -> None:
    headers = [("Content-Length", value) for value in values]
    head = encoder.start(200, headers, GET, length=None, close=False)
    assert (head.framing, head.length) == (Framing.LENGTH, 5)
    (line,) = lines(head.data)[1:]
    assert line.lower() == b"content-length: 5"


@pytest.mark.parametrize(
    "values",
    [
        *(["5", "6"], ["0", "5"], ["5", "5", "6"]),
        *([""], ["a"], ["+5"], ["-5"], ["5 "], [" 5"], ["5, 5"], ["0x5"], ["5_0"], ["\xb2"]),
        *(["9" * 19], ["5", ""]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_lengths_refused(encoder: Encoder, values: list[str], method: str, status: int) -> None:
    shapes: list[Callable[[Any], Any]] = [tuple, list]
    for shape in shapes:
        headers = [shape(("content-length", value)) for value in values]
        with pytest.raises(ResponseError):
            encoder.start(status, headers, request(method), length=None, close=False)


# Date and Server.


def test_date_and_server() -> None:
    encoder = Encoder(server=b"subsrv/1", cache=8)
    encoder.set_time(784111777)
    for _ in range(2):
        data, _ = encoder.complete(200, TEXT, b"", GET, False)
        assert b"date: Sun, 06 Nov 1994 08:49:37 GMT" in lines(data)
        assert b"server: subsrv/1" in lines(data)
    encoder.set_time(784111778.9)
    data, _ = encoder.complete(200, TEXT, b"", GET, False)
    assert b"date: Sun, 06 Nov 1994 08:49:38 GMT" in lines(data)
    assert len(lines(data)) == 5


@pytest.mark.parametrize("seconds", [0, 951_782_400, 1_700_000_000.5, 4_102_444_799])
def test_date_is_that_of_the_standard_library(seconds: float) -> None:
    encoder = Encoder(server=None)
    encoder.set_time(seconds)
    data, _ = encoder.complete(304, [], b"", GET, False)
    assert lines(data)[1] == f"date: {formatdate(seconds, usegmt=True)}".encode()


@pytest.mark.parametrize("name", ["date", "DATE", b"Date", "server", b"SERVER"])
def test_an_applications_own_replaces_ours(name: str | bytes) -> None:
    encoder = Encoder(cache=8)
    for _ in range(2):
        data, _ = encoder.complete(304, [(name, "x")], b"", GET, False)
        names = [line.partition(b":")[0].lower() for line in lines(data)[1:]]
        assert sorted(names) == [b"date", b"server"]


# Fields of every response.

EXTRA = [(b"X-Frame-Options", b"DENY"), (b"vary", b"a"), (b"Vary", b"b"), (b"X-Empty", b"")]


@pytest.mark.parametrize("cache", [0, 8])
def test_extra_fields(cache: int) -> None:
    encoder = Encoder(date=False, cache=cache, extra=EXTRA)
    ours = [b"X-Frame-Options: DENY", b"vary: a", b"Vary: b", b"X-Empty: ", b"server: subsrv"]
    for _ in range(2):
        data, _ = encoder.complete(304, TEXT, b"", GET, False)
        assert lines(data) == [b"HTTP/1.1 304 Not Modified", b"content-type: text/plain", *ours]
        own = [(b"VARY", b"c"), (b"x-frame-options", b"SAMEORIGIN")]
        data, _ = encoder.complete(304, own, b"", GET, False)
        assert lines(data)[1:] == [
            *(b"VARY: c", b"x-frame-options: SAMEORIGIN", b"X-Empty: ", b"server: subsrv")
        ]


def test_an_extra_server_field_replaces_ours() -> None:
    for server in (b"subsrv", None):
        encoder = Encoder(server=server, date=False, extra=[(b"Server", b"shop")])
        data, _ = encoder.complete(304, [], b"", GET, False)
        assert lines(data)[1:] == [b"Server: shop"]


def test_an_error_has_the_extra_fields_but_its_own_type() -> None:
    extra = [*EXTRA, (b"Content-Type", b"text/html"), (b"Retry-After", b"9")]
    encoder = Encoder(server=None, date=False, extra=extra)
    found = lines(encoder.error(503, "because", bodiless=True))
    names = [line.partition(b":")[0].lower() for line in found]
    assert names.count(b"content-type") == names.count(b"retry-after") == 1
    assert b"X-Frame-Options: DENY" in found


# Responses of the server's own.


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 501, 503, 505])
def test_error(encoder: Encoder, status: int) -> None:
    head, _, body = encoder.error(status, "because").partition(b"\r\n\r\n")
    text = f"{status} {HTTPStatus(status).phrase}"
    assert body == f"{text}: because\n".encode()
    first, *fields = head.split(b"\r\n")
    assert first == f"HTTP/1.1 {text}".encode()
    expected = {
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"connection: close",
    }
    assert set(fields) == expected | ({b"retry-after: 1"} if status == 503 else set())
    # RFC 9110 section 9.3.2: the answer to HEAD is the same, but for its body.
    assert encoder.error(status, "because", bodiless=True) == head + b"\r\n\r\n"


def test_the_rest() -> None:
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert chunk(b"a" * 26) == b"1a\r\n" + b"a" * 26 + b"\r\n"
    assert LAST_CHUNK == b"0\r\n\r\n"
