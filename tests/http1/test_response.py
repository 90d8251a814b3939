"""Response heads: their framing, and what an application cannot make them say.

The section in an id is that of RFC 9110 unless it says 9112.
"""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import pytest

from http1.reading import get
from subsrv.http1 import (
    CONTINUE,
    LAST_CHUNK,
    Encoder,
    Framing,
    HeadParser,
    Limits,
    Request,
    ResponseError,
    chunk,
)

TEXT = [("content-type", "text/plain")]


def request(method: str = "GET", version: str = "1.1", *lines: str) -> Request:
    head = get(*lines, start=f"{method} / HTTP/{version}")
    return HeadParser(Limits()).parse(head.removesuffix(b"\r\n\r\n"))


GET = request()


@pytest.fixture(params=[0, 4096], ids=lambda cache: f"cache={cache}")
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return Encoder(server=None, date=False, cache=request.param)


def lines(data: bytes) -> list[bytes]:
    """The lines of a head, of which there must be one only."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")
    return head.split(b"\r\n")


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
    assert len(encoder._recent) <= 32
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


@pytest.mark.parametrize("body", [b"", b"1234", b"123456"])
def test_a_body_of_another_length_than_declared_is_refused(encoder: Encoder, body: bytes) -> None:
    headers = [("Content-Length", "5")]
    for _ in range(2):
        with pytest.raises(ResponseError):
            encoder.complete(200, headers, body, GET, False)
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


# What an application adds.


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([("Connection", "close")], [_CLOSED], id="9112 9.6 close"),
        pytest.param([("CONNECTION", "Foo, Close")], [_CLOSED], id="7.6.1 in a list"),
        pytest.param([("connection", "keep-alive")], [], id="7.6.1 keep-alive is ours to say"),
        pytest.param(
            [("connection", "a"), ("connection", "close")], [_CLOSED], id="5.3 on two lines"
        ),
        pytest.param(
            [("connection", "close"), ("connection", "a")], [_CLOSED], id="5.3 not on the last"
        ),
        pytest.param([("Keep-Alive", "timeout=5")], [], id="7.6.1 Keep-Alive"),
        pytest.param([("Date", "x")], ["Date: x"], id="6.6.1 its own Date"),
        pytest.param([("sERVER", "x")], ["sERVER: x"], id="10.2.4 its own Server"),
        pytest.param(
            [("Set-Cookie", "a"), ("Set-Cookie", "b")],
            ["Set-Cookie: a", "Set-Cookie: b"],
            id="5.3 not merged",
        ),
        pytest.param([("a", "")], ["a: "], id="5.5 empty"),
        pytest.param([("a", "\xe9\t ~")], ["a: \xe9\t ~"], id="5.5 obs-text"),
        pytest.param([("!#$%&'*+-.^_`|~", "1")], ["!#$%&'*+-.^_`|~: 1"], id="5.6.2 token"),
    ],
)
def test_an_applications_fields(
    encoder: Encoder, headers: list[tuple[str, str]], expected: list[str]
) -> None:
    extra = ["content-length: 2"]
    for fields in (headers, [(name.encode(), value.encode("latin-1")) for name, value in headers]):
        data, kept = encoder.complete(200, fields, b"ab", GET, False)
        head = data.removesuffix(b"ab")
        assert sorted(lines(head)[1:]) == sorted(
            line.encode("latin-1") for line in expected + extra
        )
        assert kept is (_CLOSED not in expected)
        data, kept = encoder.complete(200, fields, b"ab", GET, True)
        assert lines(data.removesuffix(b"ab")).count(_CLOSED.encode()) == 1
        assert not kept


@pytest.mark.parametrize("coding", ["chunked", "gzip, chunked", "identity", ""])
def test_framing_is_not_the_applications_to_choose(encoder: Encoder, coding: str) -> None:
    """It is dropped, or body and head would differ."""
    headers = [("Transfer-Encoding", coding), ("Content-Length", "2")]
    head = encoder.start(200, headers, GET, length=None, close=False)
    assert lines(head.data)[1:] == [b"content-length: 2"]
    head = encoder.start(200, headers[:1], GET, length=None, close=False)
    assert lines(head.data)[1:] == [b"transfer-encoding: chunked"]
    head = encoder.start(200, headers[:1], request(version="1.0"), length=None, close=False)
    assert lines(head.data)[1:] == [_CLOSED.encode()]


_SHAPES: list[Callable[[Iterable[tuple[Any, Any]]], Any]] = [
    list,
    tuple,
    iter,
    lambda fields: (field for field in fields),
    lambda fields: [list(field) for field in fields],
    lambda fields: (list(field) for field in fields),
    lambda fields: [iter(field) for field in fields],
    lambda fields: [tuple(map(bytearray, field)) for field in fields],
    lambda fields: [tuple(map(memoryview, field)) for field in fields],
    lambda fields: [tuple(memoryview(bytearray(part)) for part in field) for field in fields],
    lambda fields: [tuple(part.decode("latin-1") for part in field) for field in fields],
    lambda fields: [(name.decode("latin-1"), value) for name, value in fields],
    lambda fields: dict(fields).items(),
]


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"A", b"b")],
        [(b"A", b"b"), (b"C", b"\xe9"), (b"E", b"")],
        [(b"A", b"b"), (b"Content-Length", b"3"), (b"Connection", b"close")],
        [(b"Content-Length", b"3"), (b"Date", b"x")],
    ],
)
def test_fields_may_come_in_any_shape(
    encoder: Encoder,
    shape: Callable[[Iterable[tuple[Any, Any]]], Any],
    fields: list[tuple[bytes, bytes]],
) -> None:
    """ASGI asks for an iterable of iterables; each may be one that is spent once read."""
    for status in (200, 204):
        expected = encoder.complete(status, fields, b"abc", GET, False)
        for _ in range(2):
            assert encoder.complete(status, shape(fields), b"abc", GET, False) == expected
            head = encoder.start(status, shape(fields), GET, length=3, close=False)
            assert expected[0].startswith(head.data)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(("a", "b\r\nC: d"), id="9112 11.1 CR LF in a value"),
        pytest.param(("a", "b\rc"), id="5.5 CR in a value"),
        pytest.param(("a", "b\n"), id="5.5 LF in a value"),
        pytest.param(("a", "\0"), id="5.5 NUL in a value"),
        pytest.param(("a", "\x0b"), id="5.5 control in a value"),
        pytest.param(("a", "\x7f"), id="5.5 DEL in a value"),
        pytest.param(("a", "\u20ac"), id="5.5 not Latin-1"),
        pytest.param(("a", "\udcff"), id="5.5 surrogate"),
        pytest.param(("a\r\nb", "c"), id="9112 11.1 CR LF in a name"),
        pytest.param(("a\n", "b"), id="5.1 LF in a name"),
        pytest.param(("a\0", "b"), id="5.1 NUL in a name"),
        pytest.param(("a:", "b"), id="5.1 colon in a name"),
        pytest.param(("a ", "b"), id="5.1 space in a name"),
        pytest.param(("", "b"), id="5.1 no name"),
        pytest.param((b"a", b"b\r\nC: d"), id="9112 11.1 CR LF in a value of bytes"),
        pytest.param((bytearray(b"a"), bytearray(b"\n")), id="5.5 LF in a bytearray"),
        pytest.param((b"a\r", b"b"), id="5.1 CR in a name of bytes"),
        pytest.param((":status", "200"), id="9113 8.3 pseudo-header"),
        pytest.param(("\xe9", "b"), id="5.1 name is not ASCII"),
        pytest.param(("a", 5), id="an int is not so many NULs"),
        pytest.param(("a", 0), id="nor is 0 nothing"),
        pytest.param(("a", True), id="bool"),
        pytest.param(("a", None), id="None"),
        pytest.param((None, "b"), id="None for a name"),
        pytest.param(("a", ["b"]), id="a list for a value"),
        pytest.param(("a", b"b", b"c"), id="three parts"),
        pytest.param(("a",), id="one part"),
        pytest.param("abc", id="no pair"),
        pytest.param(None, id="nothing"),
        pytest.param(5, id="a number"),
    ],
)
@pytest.mark.parametrize("shape", [tuple, list])
def test_what_is_no_field_is_refused(
    encoder: Encoder, field: Any, shape: Callable[[Any], Any]
) -> None:
    if isinstance(field, tuple):
        field = shape(field)
    encoder.complete(200, TEXT, b"", GET, False)
    for headers in ([field], [*TEXT, field], [field, ("connection", "close")]):
        for status in (200, 204):
            with pytest.raises(ResponseError):
                encoder.start(status, headers, GET, length=None, close=False)
            with pytest.raises(ResponseError):
                encoder.complete(status, iter(headers), b"", GET, False)


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


# Responses of the server's own.


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 501, 503, 505])
def test_error(encoder: Encoder, status: int) -> None:
    head, _, body = encoder.error(status, "because").partition(b"\r\n\r\n")
    text = f"{status} {HTTPStatus(status).phrase}"
    assert body == f"{text}: because\n".encode()
    first, *fields = head.split(b"\r\n")
    assert first == f"HTTP/1.1 {text}".encode()
    assert set(fields) == {
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"connection: close",
    }


def test_the_rest() -> None:
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert chunk(b"a" * 26) == b"1a\r\n" + b"a" * 26 + b"\r\n"
    assert LAST_CHUNK == b"0\r\n\r\n"
