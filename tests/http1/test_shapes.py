"""Response heads that are known but for the length: each is that of an encoder which knows none."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http1.responding import GET, request
from subsrv.http1 import Encoder, ResponseError

type Make = Callable[[int], list[Any]]
"""An application's fields for a body of so many bytes."""

STYLES: list[Make] = [
    lambda size: [],
    lambda size: [("a", "b")],
    lambda size: [(b"content-length", b"%d" % size)],
    lambda size: [(b"content-length", b"%d" % size), (b"a", b"b")],
    lambda size: [(b"a", b"b"), (b"content-length", b"%d" % size)],
    lambda size: [("Content-Type", "text/plain"), ("Content-Length", str(size))],
    lambda size: [("CONTENT-LENGTH", str(size)), ("Content-Type", "text/plain")],
    lambda size: [(b"content-length", str(size)), (b"a", b"b")],
    lambda size: [(b"a", b"b"), (b"content-length", b"0%d" % size)],
    lambda size: [(b"content-length", b"%d" % (size + 1)), (b"a", b"b")],
    lambda size: [(b"content-length", b"%d" % size), (b"Content-Length", b"%d" % size)],
    lambda size: [(b"content-length", b"%d" % size), (b"connection", b"close")],
    lambda size: [(b"date", b"then"), (b"content-length", b"%d" % size)],
    lambda size: [[b"a", b"b"], (b"content-length", b"%d" % size)],
    lambda size: [(b"a", bytearray(b"b")), (b"content-length", b"%d" % size)],
    lambda size: [(b"a", b"%d" % size), (b"content-length", b"%d" % size)],
]

_LAST = request("GET", "1.1", "Connection: close")
_REQUESTS = [GET, GET, _LAST, request("HEAD"), request("GET", "1.0"), request("GET", "1.1", "a: b")]


_HEAD_ONLY = -2


def _answer(
    encoder: Encoder,
    status: Any,
    make: Make,
    size: int,
    asked: Any = GET,
    piece: int = -1,
    close: bool = False,
) -> object:
    """The whole response, or the head of one whose first piece is so long, or its head alone."""
    try:
        if piece == _HEAD_ONLY:
            return encoder.whole(status, make(size), size, asked, close)
        if piece >= 0:
            return encoder.first(status, make(size), piece, asked, close)
        return encoder.complete(status, make(size), b"x" * size, asked, close)
    except ResponseError as error:
        return str(error)


calls = st.tuples(
    st.sampled_from([200, 200, "200 OK", "200 Fine", 404, 204]),
    st.sampled_from(STYLES),
    st.integers(0, 12),
    st.sampled_from(_REQUESTS),
    st.integers(_HEAD_ONLY, 12),
    st.booleans(),
    st.integers(0, 1),  # seconds that pass
)


@given(st.lists(calls, min_size=8, max_size=40))
def test_whatever_came_before(sequence: list[tuple[Any, ...]]) -> None:
    now, encoder = 0, Encoder(cache=64)
    for *call, seconds in sequence:
        fresh = Encoder()
        if seconds:
            now += seconds
            encoder.set_time(now)
        fresh.set_time(now)
        assert _answer(encoder, *call) == _answer(fresh, *call)


@pytest.mark.parametrize("make", STYLES[:7])
@pytest.mark.parametrize("piece", [_HEAD_ONLY, -1])
def test_another_length_needs_no_second_look(
    make: Make, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, fresh = Encoder(cache=64), Encoder()
    for _ in range(2):  # the second time it is known to come again
        _answer(encoder, 200, make, 1, GET, piece)
    expected = [_answer(fresh, 200, make, size, GET, piece) for size in range(12)]
    _forbid_the_longer_way(encoder, monkeypatch)
    assert [_answer(encoder, 200, make, size, GET, piece) for size in range(12)] == expected


@pytest.mark.parametrize("make", STYLES[2:7])
def test_a_body_in_pieces_that_is_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, fresh = Encoder(cache=64), Encoder()
    for _ in range(2):
        _answer(encoder, 200, make, 1, GET, 1)
    expected = [_answer(fresh, 200, make, size, GET, size) for size in range(12)]
    _forbid_the_longer_way(encoder, monkeypatch)
    assert [_answer(encoder, 200, make, size, GET, size) for size in range(12)] == expected


@pytest.mark.parametrize("make", STYLES[:7])
@pytest.mark.parametrize("piece", [-1, 1])
@pytest.mark.parametrize(("asked", "close"), [(_LAST, False), (_LAST, True), (GET, True)])
def test_a_connections_last_response(
    make: Make, piece: int, asked: Any, close: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, fresh = Encoder(cache=64), Encoder()
    for _ in range(2):
        _answer(encoder, 200, make, 1, asked, piece, close)
    expected = _answer(fresh, 200, make, 1, asked, piece, close)
    if piece < 0 or make(1) not in ([], [("a", "b")]):  # chunked, where it does not say the length
        _forbid_the_longer_way(encoder, monkeypatch)
    assert _answer(encoder, 200, make, 1, asked, piece, close) == expected


@pytest.mark.parametrize(
    ("make", "piece"), [*((make, -1) for make in STYLES[:7]), *((make, 1) for make in STYLES[2:7])]
)
def test_every_second_the_same_response_is_compared_with_anew(
    make: Make, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object) -> None:
        raise AssertionError("it was looked up")

    encoder, fresh = Encoder(cache=64), Encoder()
    for second in range(3):
        for each in (encoder, fresh):
            each.set_time(second)
        expected = _answer(fresh, 200, make, 1, GET, piece)
        for _ in range(2 if second else 3):
            assert _answer(encoder, 200, make, 1, GET, piece) == expected
        with monkeypatch.context() as patched:
            patched.setattr(encoder._shapes, "find", find)
            assert _answer(encoder, 200, make, 1, GET, piece) == expected


def test_responses_of_many_lengths_are_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(cache=64)
    make = STYLES[3]
    for size in 3 * [*range(1000)]:
        expected = _answer(encoder, 200, make, size)
        assert _answer(encoder, 200, make, size) == expected
    assert 0 < len(encoder._recent) <= 128
    encoder.set_time(1)
    for _ in range(3):
        _answer(encoder, 200, lambda size: [("a", "b" * 3000)], 1)
    assert not encoder._recent


def _forbid_the_longer_way(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("it took the longer way")

    monkeypatch.setattr(encoder, "start", start)


def test_the_same_fields_in_another_order_are_sent_in_it() -> None:
    encoder, fresh = Encoder(cache=64), Encoder()
    length = (b"content-length", b"1")
    for fields in ([length, (b"a", b"b")], [(b"c", b"d"), length], [(b"a", b"b"), length]):
        expected = _answer(fresh, 200, lambda size, made=fields: made, 1)  # type: ignore[misc]
        for _ in range(2):
            answer = _answer(encoder, 200, lambda size, made=fields: list(made), 1)  # type: ignore[misc]
            assert answer == expected
            encoder.set_time(0)  # no comparing with the last one


def test_what_never_comes_again_is_not_learnt() -> None:
    encoder = Encoder(cache=64)
    for number in range(100):
        _answer(encoder, 200, lambda size, n=number: [("x-request-id", str(n))], 1)  # type: ignore[misc]
    assert not encoder._shapes._known


def test_however_many_heads_come_the_memo_is_bounded() -> None:
    encoder = Encoder(cache=64)
    for number in range(100):
        for _ in range(2):
            _answer(encoder, 200, lambda size, n=number: [("x-part", str(n))], 1)  # type: ignore[misc]
    assert 0 < len(encoder._shapes._known) <= 16
    long = Encoder(cache=64)
    for _ in range(2):
        _answer(
            long, 200, lambda size: [("a", "b" * 400), *[("c", str(n) * 200) for n in range(9)]], 1
        )
    assert not long._shapes._known
