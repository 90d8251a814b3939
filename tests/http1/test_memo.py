"""A memo is an optimisation only: whatever came before, the answer is that of a memo that is off.

Sequences are drawn from few values, so that they repeat, in many shapes, some of which equal each
other without being the same.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from enum import Enum
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http1.reading import Head
from http1.responding import request
from subsrv.http1 import Encoder, HeadParser, Limits, ProtocolError, Request, ResponseError
from subsrv.http1.memo import Block

# Off; some that start afresh all the time (blocks have a quarter of it); and one that never does.
CACHES = (0, 1, 3, 4, 12, 4096)

# Requests.

_LINES = [
    *(b"Host: a", b"host: a", b"Host:", b"Host: a b", b"HOST:A", b"Host: " + b"a" * 600),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: " + b"a," * 300 + b"close"),
    *(b"Content-Length: 1", b"Content-Length: 01", b"Content-Length: +1"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
    *(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 1000"),
    *(b"Expect: 100-continue", b"Expect: " + b"a" * 600),
    *(b"A: b", b"A:b", b"A : b", b"a: " + b"b" * 600, b" b", b"A", b""),
    *(b"Cookie: a=b", b"cookie: a=b ", b"Cookie:a=b", b"COOKIE: a", b"Cookie: \0", b"Cookie: "),
    *(b"Referer: /a", b"referer: /b", b"Referer: \x7f", b"A: Cookie: Referer: a"),
]
_START_LINES = [
    *(b"GET / HTTP/1.1", b"GET / HTTP/1.0", b"HEAD / HTTP/1.1", b"POST /?a HTTP/1.1"),
    *(b"GET http://a/ HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET"),
]

heads = st.builds(
    lambda start, first, lines: b"\r\n".join([start, *first, *lines]),
    st.sampled_from(_START_LINES),
    st.sampled_from([[], [b"Host: a"], [b"Host: a"]]),
    st.lists(st.sampled_from(_LINES), max_size=6),
)
# Heads that share what stands before the path and what identifies a user.
families = st.builds(
    lambda starts, block, ends: [
        b"\r\n".join([start, *block, *end]) for start in starts for end in ends
    ],
    st.lists(st.sampled_from(_START_LINES), min_size=1, max_size=3),
    st.lists(st.sampled_from(_LINES), max_size=6).map(lambda lines: [b"Host: a", *lines]),
    st.lists(st.lists(st.sampled_from(_LINES), max_size=3), min_size=2, max_size=3),
)


def verdict(parser: HeadParser, head: bytes) -> Head | tuple[int, str]:
    try:
        return Head.of(parser.parse(head, len(head)))
    except ProtocolError as error:
        return error.status, error.reason


@given(st.lists(heads, max_size=12) | families | families.map(lambda family: family * 3))
def test_heads(sequence: list[bytes]) -> None:
    fresh = [verdict(HeadParser(Limits()), head) for head in sequence]
    for cache in CACHES:
        parser = HeadParser(Limits(), cache=cache)
        assert [verdict(parser, head) for head in sequence] == fresh


@pytest.mark.parametrize("padding", [0, 1000])
@pytest.mark.parametrize("name", ["A", "Host", "Connection", "Cookie", "Expect"])
def test_however_many_lines_come_the_memo_is_bounded(name: str, padding: int) -> None:
    parser = HeadParser(Limits(), cache=16)
    for n in range(200):
        verdict(parser, f"GET / HTTP/1.1\r\n{name}: {n}{'a' * padding}".encode())
    memo = parser._lines
    for held in (memo, memo.hosts, memo.special):
        assert len(held) <= 17
        assert sum(map(len, held)) <= 17 * 20 + padding + 20


def test_cookies_are_not_kept() -> None:
    """They hardly ever come twice."""
    parser = HeadParser(Limits(), cache=16)
    for name in (b"Cookie", b"cookie", b"COOKIE"):
        verdict(parser, b"GET / HTTP/1.1\r\nHost: a\r\n%b: a=b\r\nA: b" % name)
    assert sorted(parser._lines) == [b"A: b", b"Host: a"]


# Blocks.

_BLOCK = b"Host: a\r\nA: b\r\nC: d"


def _parse(parser: HeadParser, lines: bytes) -> Request:
    head = b"GET / HTTP/1.1\r\n" + lines
    return parser.parse(head, len(head))


def _block(parser: HeadParser, raw: bytes, rest: bytes = b"") -> Block:
    return _parse(parser, raw + rest).block


def test_a_block_is_kept_when_it_comes_again_and_not_before() -> None:
    parser = HeadParser(Limits(), cache=16)
    first, second, third, fourth = (_block(parser, _BLOCK) for _ in range(4))
    assert not first.kept
    assert second.kept
    assert third is fourth is second


@pytest.mark.parametrize("name", [b"Cookie", b"cookie", b"Referer", b"referer"])
def test_a_block_ends_before_what_differs_from_user_to_user(name: bytes) -> None:
    parser = HeadParser(Limits(), cache=16)
    blocks = [_block(parser, _BLOCK, b"\r\n%b: %d\r\nE: f" % (name, n)) for n in range(3)]
    assert blocks[2] is blocks[1]
    assert blocks[2].fields == ((b"host", b"a"), (b"a", b"b"), (b"c", b"d"))


@pytest.mark.parametrize("line", [b"A: b", b"Content-Length: 7", b"Connection: close"])
def test_what_a_block_says_of_framing_is_kept_with_it(line: bytes) -> None:
    parser = HeadParser(Limits(), cache=16)
    requests = [_parse(parser, b"Host: a\r\nC: d\r\n" + line) for _ in range(4)]
    assert requests[2].block is requests[3].block
    assert requests[2].framing is requests[3].framing
    assert len({(each.has_body, each.plain) for each in requests}) == 1


@pytest.mark.parametrize("behind", [b"Content-Length: 7", b"Upgrade: websocket", b"Expect: a"])
def test_a_special_line_behind_a_block_is_not_what_the_block_says(behind: bytes) -> None:
    """Whatever stands before it, and in either order."""
    parser = HeadParser(Limits(), cache=16)
    block = b"Host: a\r\nConnection: upgrade\r\nContent-Length: 8"
    heads = [block, block + b"\r\nReferer: /\r\n" + behind, block]
    found = [verdict(parser, b"GET / HTTP/1.1\r\n" + head) for head in heads * 3]
    fresh = [verdict(HeadParser(Limits()), b"GET / HTTP/1.1\r\n" + head) for head in heads * 3]
    assert found == fresh
    assert found[0] == found[2] != found[1] or behind.startswith(b"Upgrade")


def test_a_block_may_be_empty() -> None:
    parser = HeadParser(Limits(), cache=16)
    head = b"GET / HTTP/1.0\r\nCookie: a=b\r\nA: b"
    request = parser.parse(head, len(head))
    assert request.block.fields == ()
    assert request.headers == ((b"cookie", b"a=b"), (b"a", b"b"))


@pytest.mark.parametrize("padding", [0, 3000])
def test_however_many_blocks_come_the_memo_is_bounded(padding: int) -> None:
    parser = HeadParser(Limits(), cache=16)
    for n in range(200):
        for _ in range(2):
            _block(parser, b"Host: a\r\nA: %d%b" % (n, b"a" * padding))
    assert len(parser._blocks) <= 4
    assert len(parser._blocks._once) <= 16
    assert sum(map(len, parser._blocks)) < 4 * 30


def test_blocks_that_never_repeat_are_hardly_looked_for_and_those_that_begin_to_are_found() -> None:
    parser = HeadParser(Limits(), cache=16)
    for n in range(1000):
        _block(parser, b"Host: a\r\nA: %d" % n)
    looked_for = parser._blocks._once.copy()
    for n in range(1000, 1015):
        _block(parser, b"Host: a\r\nA: %d" % n)
    assert len(parser._blocks._once - looked_for) <= 1
    for _ in range(100):
        _block(parser, _BLOCK)
    assert _block(parser, _BLOCK) is _block(parser, _BLOCK)


# Responses.


class Bytes(bytes):
    pass


class Str(str):
    __slots__ = ()


class Name(str, Enum):  # noqa: UP042  (whose str() is "Name.A", unlike that of a StrEnum)
    A = "a"
    LENGTH = "Content-Length"


class Pair(NamedTuple):
    name: Any
    value: Any


class Scratch:
    """What an application keeps between its responses, and changes in place."""

    def __init__(self) -> None:
        self.headers: list[Any] = []
        self.value = bytearray()


type Make = Callable[[Scratch], Any]


def _in_place(text: bytes) -> Make:
    def make(scratch: Scratch) -> bytearray:
        scratch.value[:] = text
        return scratch.value

    return make


def _texts(texts: list[bytes]) -> st.SearchStrategy[Make]:
    kinds: list[Callable[[bytes], Any]] = [
        bytes,
        lambda text: text.decode("latin-1"),
        Bytes,
        lambda text: Str(text, "latin-1"),
        bytearray,
        memoryview,
        lambda text: memoryview(bytearray(text)),
    ]
    made = st.builds(
        lambda kind, text: lambda scratch: kind(text),
        st.sampled_from(kinds),
        st.sampled_from(texts),
    )
    return made | st.builds(_in_place, st.sampled_from(texts))


names = _texts(
    [b"a", b"A", b"Content-Length", b"connection", b"date", b"", b"a b"]
) | st.sampled_from(
    [lambda scratch: Name.A, lambda scratch: Name.LENGTH, lambda scratch: None, lambda scratch: 1]
)
values = _texts(
    [b"b", b"B", b"1", b"2", b"01", b"close", b"", b"\r\n", b"b" * 600]
) | st.sampled_from(
    [lambda scratch: 1, lambda scratch: True, lambda scratch: 0, lambda scratch: "\u20ac"]
)
fields = st.builds(
    lambda kind, name, value: lambda scratch: kind((name(scratch), value(scratch))),
    st.sampled_from(
        [tuple, tuple, list, iter, lambda pair: Pair(*pair), lambda pair: (*pair, b"c")]
    ),
    names,
    values,
)


def _shared(made: Iterable[Any], scratch: Scratch) -> Any:
    scratch.headers[:] = made
    return scratch.headers


headers = st.builds(
    lambda kind, made: lambda scratch: kind((field(scratch) for field in made), scratch),
    st.sampled_from(
        [
            _shared,
            _shared,
            lambda made, scratch: list(made),
            lambda made, scratch: tuple(made),
            lambda made, scratch: made,
        ]
    ),
    st.lists(fields, max_size=3),
)

_STATUSES = [
    *(200, 200, 200, 200.0, Decimal(200), HTTPStatus.OK, "200 OK", Str("200 OK"), "200", True),
    *(204, 304, 404, 404.0, "404 No", Str("404 Yes"), 1, 1.0, 100, "200 \r\n", b"200 OK", None),
]


_REQUESTS = [
    *[request("GET")] * 3,
    request("HEAD"),
    request("GET", "1.1", "Connection: close"),
    request("GET", "1.0"),
    request("GET", "1.0", "Connection: keep-alive"),
]


class Call(NamedTuple):
    """One response, or with no status the passing of a second."""

    status: Any
    headers: Make
    body: bytes
    request: Request
    close: bool
    whole: bool

    def answer(self, encoder: Encoder, scratch: Scratch) -> object:
        made = self.headers(scratch)
        try:
            if self.whole:
                return encoder.complete(self.status, made, self.body, self.request, self.close)
            return encoder.start(self.status, made, self.request, length=None, close=self.close)
        except ResponseError:
            return ResponseError


calls = st.builds(
    Call,
    st.sampled_from(_STATUSES),
    headers,
    st.sampled_from([b"", b"1", b"22"]),
    st.sampled_from(_REQUESTS),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([True, True, True, False]),
)


@given(st.lists(calls, max_size=12), st.lists(headers, min_size=1, max_size=2))
def test_responses(sequence: list[Call], alike: list[Make]) -> None:
    # The same once more with the headers of few responses, so that one hits what another left.
    repeated = [call._replace(headers=alike[n % len(alike)]) for n, call in enumerate(sequence)]
    sequence = sequence + repeated
    fresh = [call.answer(Encoder(), Scratch()) for call in sequence]
    for cache in CACHES:
        encoder, scratch = Encoder(cache=cache), Scratch()
        assert [call.answer(encoder, scratch) for call in sequence] == fresh
        assert len(encoder._lines) <= cache


_FIELDS: list[list[Any]] = [
    [],
    [("a", "b")],
    [(b"a", b"b")],
    [("a", "B")],
    [("a", "b"), ("content-length", "1")],
    [("a", "b"), ("connection", "close")],
]


def _always(fields: list[Any]) -> Make:
    return lambda scratch: fields


def test_no_response_depends_on_the_one_before() -> None:
    every = [
        Call(status, _always(fields), body, asked, close, True)
        for status in (200, 200.0, "200 OK", 204, 304, 404)
        for fields in _FIELDS
        for body in (b"", b"1")
        for asked in _REQUESTS[2:]
        for close in (False, True)
    ]
    scratch = Scratch()
    fresh = [call.answer(Encoder(), scratch) for call in every]
    encoder = Encoder(cache=4096)
    for before in every:
        if before.request.plain and not before.close:
            for call, answer in zip(every, fresh, strict=True):
                before.answer(encoder, scratch)
                assert call.answer(encoder, scratch) == answer


class Liar:
    """Equals everything, and what has the hash of 404 or of a field most of all."""

    def __init__(self, like: object) -> None:
        self._hash = hash(like)

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return self._hash

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([("a", "c")])


def test_what_equals_everything_is_not_remembered_for_the_others() -> None:
    encoder = Encoder(cache=8)
    fields: Any = [("a", "b")]
    honest = Encoder().complete(404, fields, b"", _REQUESTS[0], False)
    # Not a list, so that what it holds is looked at, and not what it claims to equal.
    for headers in (fields, Liar(1), fields):
        answer = encoder.complete(404, headers, b"", _REQUESTS[0], False)
        assert (answer == honest) is (headers is fields)
    status: Any = Liar(500)
    for _ in range(2):
        encoder.complete(status, fields, b"", _REQUESTS[0], False)
        data, _ = encoder.complete(500, fields, b"", _REQUESTS[0], False)
        assert data.startswith(b"HTTP/1.1 500 ")


def test_a_second_that_has_passed_is_not_remembered() -> None:
    encoder = Encoder(cache=8)
    answers = set()
    for second in (1, 2, 1):
        encoder.set_time(second)
        for _ in range(2):
            answers.add(encoder.complete(200, [], b"", _REQUESTS[0], False))
    assert len(answers) == 2


def test_what_one_list_held_before_is_not_remembered() -> None:
    encoder = Encoder(cache=8)
    value = bytearray(b"1")
    headers: list[Any] = [("a", "1"), ("b", value)]
    first = encoder.complete(200, headers, b"", _REQUESTS[0], False)
    value[:] = b"2"
    second = encoder.complete(200, headers, b"", _REQUESTS[0], False)
    headers[0] = ("a", "2")
    third = encoder.complete(200, headers, b"", _REQUESTS[0], False)
    assert [data.split(b"\r\n")[1:3] for data, _ in (first, second, third)] == [
        [b"a: 1", b"b: 1"],
        [b"a: 1", b"b: 2"],
        [b"a: 2", b"b: 2"],
    ]
