"""A connection's bytes: where requests begin and end, what is refused early, and the limits."""

import pytest

from http1.reading import (
    CACHES,
    FOLLOWER,
    Outcome,
    accepted,
    cut_at,
    get,
    one_by_one,
    outcome,
    read,
    refusal,
)
from subsrv.http1 import End, HeadParser, Limits, ProtocolError, Reader, Request

GET = get()
POST = get("Content-Length: 5", start="POST / HTTP/1.1") + b"hello"
CHUNKED = (
    get("Transfer-Encoding: chunked", start="PUT / HTTP/1.1") + b"3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
)


def reader(limits: Limits | None = None, *, cache: int = 0) -> Reader:
    return Reader(HeadParser(limits or Limits(), cache=cache))


def take_all(reader: Reader) -> None:
    while reader.next() is not None:
        pass


# Several requests.


def test_pipelined_requests_come_out_as_if_alone() -> None:
    messages = [GET, POST, GET, CHUNKED, CHUNKED, b"\r\n" + GET, POST, get("A: b")]
    alone = [event for message in messages for event in accepted(message).events]
    assert outcome(b"".join(messages)) == Outcome(tuple(alone))


def test_a_follower_cut_in_three_comes_out_whole() -> None:
    data = POST + GET
    expected = read([data], HeadParser(Limits()))
    for a in range(1, len(data), 3):
        for b in range(a + 1, len(data), 3):
            assert read(cut_at(data, [a, b]), HeadParser(Limits(), cache=8)) == expected


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(get("Connection: close"), id="close"),
        pytest.param(get("Connection: close", "Content-Length: 2") + b"ab", id="close and body"),
        pytest.param(get(start="GET / HTTP/1.0"), id="HTTP/1.0"),
    ],
)
@pytest.mark.parametrize("rest", [FOLLOWER, b"\x16\x03\x01", b"\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_nothing_is_read_after_the_last_request(head: bytes, rest: bytes) -> None:
    """RFC 9112 section 9.6: no more requests after "close"."""
    assert outcome(head + rest) == outcome(head)


# Empty lines before a request.


@pytest.mark.parametrize("count", range(5))
def test_a_few_empty_lines_are_passed_over(count: int) -> None:
    """RFC 9112 section 2.2 asks for at least one."""
    assert accepted(b"\r\n" * count + GET).head.raw_path == b"/"
    between = outcome(POST + b"\r\n" * count + GET)
    assert between.error is None
    assert len(between.heads) == 2


def test_more_empty_lines_are_refused() -> None:
    assert refusal(b"\r\n" * 5) == 400
    assert outcome(POST + b"\r\n" * 5).status == 400
    assert outcome((GET + b"\r\n" * 4) * 3).error is None


@pytest.mark.parametrize(
    "start", [b"\n", b"\r", b"\r\r\n", b"\r\n\n", b" \r\n", b"\0", b"\r\n\r\0"]
)
def test_other_things_before_a_request_are_refused(start: bytes) -> None:
    assert refusal(start + GET) == 400


# Refused before the head is whole.


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01", id="TLS hello"),
        pytest.param(b"\x80\x2e\x01\x00\x02", id="SSL 2 hello"),
        pytest.param(b"\x04\x01\x00\x50", id="SOCKS"),
        pytest.param(b"\x00", id="NUL"),
        pytest.param(b"\xff", id="not ASCII"),
        pytest.param(b" ", id="space"),
        pytest.param(b"(", id="no token"),
        pytest.param(b"\rG", id="bare CR"),
        pytest.param(b"GET / HTTP/1.1\n", id="bare LF after the request line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\n", id="bare LF after a field"),
        pytest.param(b"GET / HTTP/1.1\r\n\n", id="bare LF for the empty line"),
        pytest.param(b"hello\r\n", id="another protocol"),
        pytest.param(b"GET /\r\n", id="HTTP/0.9"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="SSH"),
        pytest.param(b"EHLO a.example\r\n", id="SMTP"),
    ],
)
def test_what_can_no_longer_become_a_request_is_refused_at_once(data: bytes) -> None:
    assert refusal(data) == 400
    assert outcome(POST + data).status == 400


# Limits: exactly, and one more.

SMALL = Limits(request_line=30, header_size=60, header_count=4, body=10)


def test_a_request_line_may_be_as_long_as_the_limit() -> None:
    def start(length: int) -> bytes:
        return b"GET /" + b"a" * (length - 14) + b" HTTP/1.1"

    assert len(start(30)) == 30
    assert accepted(get(start=start(30)), limits=SMALL).head.raw_path == b"/" + b"a" * 16
    assert refusal(get(start=start(31)), limits=SMALL) == 414
    assert refusal(start(90)[:32], limits=SMALL) == 414
    assert outcome(start(90)[:31], limits=SMALL).error is None


def test_the_field_lines_may_be_as_large_as_the_limit() -> None:
    """Counted with the CR LF of each."""

    def fields(size: int) -> bytes:
        return b"Host: a\r\nA: " + b"a" * (size - 9 - 5) + b"\r\n"

    assert len(fields(60)) == 60
    start = b"GET / HTTP/1.1\r\n"
    assert accepted(start + fields(60) + b"\r\n", limits=SMALL).head.headers[0] == (b"host", b"a")
    assert refusal(start + fields(61) + b"\r\n", limits=SMALL) == 431
    assert refusal(start + fields(90)[:62], limits=SMALL) == 431
    assert outcome(start + fields(90)[:61], limits=SMALL).error is None


def test_there_may_be_as_many_field_lines_as_the_limit() -> None:
    assert len(accepted(get(*["A:"] * 3), limits=SMALL).head.headers) == 4
    assert refusal(get(*["A:"] * 4), limits=SMALL) == 431


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x16" + b"a" * 90, 400, id="no HTTP before too long a line"),
        pytest.param(b"GET /\n" + b"a" * 90, 400, id="bare LF before too long a line"),
        pytest.param(b"GET /" + b"a" * 90 + b"\n\r\n\r\n", 414, id="too long a line before LF"),
        pytest.param(b"GET / HTTP/9.9\r\n" + b"a" * 90, 431, id="size before the version"),
        pytest.param(b"GET /\r\n" + b"a" * 90, 400, id="malformed line before the size"),
        pytest.param(get("A: " + "a" * 90, "A\n"), 431, id="size before a bare LF"),
        pytest.param(get("A\n: " + "a" * 90), 400, id="bare LF before the size"),
        pytest.param(get("A: " + "a" * 43, "A"), 400, id="malformed line, just not too large"),
        pytest.param(get("A", "A", "A", "A"), 431, id="count before a malformed line"),
        pytest.param(get("Content-Length: 99", "Content-Length: 99"), 400, id="twice before 413"),
        pytest.param(get("Content-Length: 11", "Host: a", "Host: a"), 413, id="413 before Host"),
    ],
)
def test_what_is_wrong_first_is_said(data: bytes, status: int) -> None:
    assert refusal(data, limits=SMALL) == status


def test_a_request_may_be_as_large_as_all_limits_together() -> None:
    limits = Limits(request_line=18, header_size=28, header_count=2, body=3)
    data = b"PUT /abcd HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    assert outcome(data * 2, limits=limits).bodies == [(b"abc", End(()))] * 2


# After an error.


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16", id="first byte"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="head"),
        pytest.param(get("Transfer-Encoding: chunked") + b"z\r\n", id="chunk"),
        pytest.param(get("Transfer-Encoding: chunked") + b"0" * 5000, id="chunk without end"),
        pytest.param(get("Transfer-Encoding: chunked") + b"0\r\nz\r\n", id="trailer"),
    ],
)
def test_after_an_error_nothing_is_read_or_kept(data: bytes, cache: int) -> None:
    made = reader(cache=cache)
    made.feed(data)
    with pytest.raises(ProtocolError):
        take_all(made)
    for rest in (b"", FOLLOWER, b"0\r\n\r\n" + FOLLOWER, b"\x16", b"a" * 100_000):
        made.feed(rest)
        assert made.next() is None
        assert made.buffered == 0
        assert made._body is None


# What is kept.


def test_buffered_counts_what_is_not_yet_read() -> None:
    made = reader()
    assert made.buffered == 0
    made.feed(GET + POST + GET[:9])
    sizes = [made.buffered]
    while made.next() is not None:
        sizes.append(made.buffered)
    total = len(GET + POST) + 9
    after_post = total - len(GET + POST)
    assert sizes == [total, total - len(GET), after_post + 5, after_post, after_post]
    made.feed(GET[9:])
    assert made.buffered == len(GET)


@pytest.mark.parametrize("message", [GET, POST, CHUNKED], ids=["GET", "POST", "chunked"])
@pytest.mark.parametrize("cut", [0, 7, -1])
def test_an_idle_connection_holds_no_buffer(message: bytes, cut: int) -> None:
    """It may be one of ten thousand, and what it was sent 64 KiB at once."""
    made = reader()
    for piece in (message * 99 + message[:cut], message[cut:]):
        made.feed(piece)
        take_all(made)
    assert made.buffer == b""


def test_equal_heads_of_one_connection_share_their_request() -> None:
    made = reader(cache=8)
    made.feed(GET * 3 + get("A: b") + GET)
    _, first, second, third, fourth = (made.next() for _ in range(5))
    # Not kept the first time: most heads never come again.
    assert first is second
    assert isinstance(third, Request)
    assert isinstance(fourth, Request)
    assert third is not second
    assert fourth.headers == ((b"host", b"a"),)


def test_without_a_memo_nothing_is_shared() -> None:
    made = reader()
    made.feed(GET * 4)
    assert len({id(request) for request in [made.next() for _ in range(4)]}) == 4


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize(
    ("between", "heads"),
    [
        pytest.param([get(f"Content-Length: {len(GET)}")], 4, id="a body that looks like it"),
        pytest.param([CHUNKED[:-2]], 4, id="trailers that do not"),
        pytest.param([get("Connection: close")], 4, id="the last request"),
        pytest.param([get("Connection: close", "Content-Length: 1"), b"a"], 4, id="the last body"),
        pytest.param([b"\n"], 3, id="an error"),
        pytest.param([b"\r\n"] * 5, 3, id="an error of several pieces"),
        pytest.param([b"\r\n"] * 4, 4, id="empty lines"),
        pytest.param([POST], 5, id="another request"),
        pytest.param([GET[:9], GET[9:]], 5, id="itself in two"),
    ],
)
def test_what_looks_like_the_last_request_may_be_none(
    between: list[bytes], heads: int, cache: int
) -> None:
    """A request that has come alone and often is not even looked at, but where it may stand."""
    parser = HeadParser(Limits(), cache=cache)
    sent = [GET, GET, GET, *between, GET]
    found = read(sent, parser, at_once=True)
    assert found == read([b"".join(sent)], parser)
    assert len(found.heads) == heads


def test_a_forgotten_head_is_read_anew() -> None:
    made = reader(cache=8)
    made.feed(GET * 3)
    made.next()
    first = made.next()
    made.forget()
    second = made.next()
    assert isinstance(second, Request)
    assert second is not first


def test_a_head_equal_to_a_refused_one_is_refused() -> None:
    parser = HeadParser(Limits(), cache=8)
    bad = b"GET / HTTP/1.1\r\nA: b\r\n\r\n"
    for _ in range(2):
        assert read(one_by_one(bad), parser).status == 400


# A body that has come whole.


@pytest.mark.parametrize("follower", [b"", FOLLOWER, b"GET / HT"])
@pytest.mark.parametrize(
    ("message", "body"),
    [
        pytest.param(POST, b"hello", id="length"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n", b""), b"abc", id="chunk"),
        pytest.param(
            CHUNKED.replace(b"3\r\nabc\r\n0\r\nT: 1\r\n", b"1\r\na\r\n00A\r\n0123456789\r\n00\r\n"),
            b"a0123456789",
            id="chunks",
        ),
        pytest.param(CHUNKED.replace(b"3\r\nabc\r\n0\r\nT: 1\r\n", b"0\r\n"), b"", id="no chunk"),
    ],
)
def test_a_whole_body_is_had_at_once(message: bytes, body: bytes, follower: bytes) -> None:
    made = reader()
    assert isinstance(made.receive(message + follower), Request)
    assert made.take_body() == body
    assert made.buffered == len(follower)
    event = made.next()
    assert isinstance(event, Request) == (follower == FOLLOWER)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(POST[:-1], id="a byte is missing"),
        pytest.param(CHUNKED, id="trailers"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n\r\n", b""), id="no end"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n\r\n", b"\n"), id="another end"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n", b"").replace(b"\n3", b"\n3;a"), id="extension"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n", b"").replace(b"\n3", b"\n4"), id="short"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n", b"").replace(b"\n3", b"\n2"), id="long"),
        pytest.param(CHUNKED.replace(b"T: 1\r\n", b"").replace(b"\n3", b"\nB"), id="too large"),
    ],
)
def test_a_body_that_is_not_whole_or_not_plain_is_left_as_it_is(message: bytes) -> None:
    limits = Limits(body=10)
    made, other = reader(limits), reader(limits)
    assert isinstance(made.receive(message), Request)
    assert made.take_body() is None
    assert made.buffered
    found: list[list[object]] = []
    for each in (made, other):
        if each is other:
            each.receive(message)
        events: list[object] = []
        try:
            while (event := each.next()) is not None:
                events.append(event)
        except ProtocolError as error:
            events.append((error.status, error.reason))
        found.append(events)
    assert found[0] == found[1]
