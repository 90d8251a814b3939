"""An application's header fields: in whatever shape they come, and what they cannot say.

The section in an id is that of RFC 9110 unless it says 9112 or 9113.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from http1.responding import GET, TEXT, lines, request
from subsrv.http1 import Encoder, ResponseError


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([("Connection", "close")], ["connection: close"], id="9112 9.6 close"),
        pytest.param([("CONNECTION", "Foo, Close")], ["connection: close"], id="7.6.1 in a list"),
        pytest.param([("connection", "keep-alive")], [], id="7.6.1 keep-alive is ours to say"),
        pytest.param(
            [("Upgrade", "h2c"), ("Connection", "Upgrade")], [], id="7.8 upgrades are ours"
        ),
        pytest.param(
            [("connection", "a"), ("connection", "close")],
            ["connection: close"],
            id="5.3 on two lines",
        ),
        pytest.param(
            [("connection", "close"), ("connection", "a")],
            ["connection: close"],
            id="5.3 not on the last",
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
        assert kept is ("connection: close" not in expected)
        data, kept = encoder.complete(200, fields, b"ab", GET, True)
        assert lines(data.removesuffix(b"ab")).count(b"connection: close") == 1
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
    assert lines(head.data)[1:] == [b"connection: close"]


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


def test_a_426_says_what_to_upgrade_to(encoder: Encoder) -> None:
    """RFC 9110 section 15.5.22."""
    headers = [("Upgrade", "h2c"), ("Connection", "upgrade")]
    for close in (False, True):
        data, kept = encoder.complete(426, headers, b"", GET, close)
        fields = lines(data)[1:]
        assert fields[:2] == [b"connection: upgrade", b"Upgrade: h2c"]
        assert (b"connection: close" in fields) is close is not kept
