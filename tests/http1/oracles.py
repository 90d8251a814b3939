"""What an oracle, another parser, is held against: our verdict, and differences that are meant."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from http1.reading import Head
from subsrv.http1 import End, HeadParser, Limits, ProtocolError, Reader, Request


class Verdict(NamedTuple):
    """What one server made of the first request in some bytes."""

    kind: str
    """accepted, refused, or incomplete"""
    reason: str = ""
    meaning: object = None
    rest: int = 0
    """Bytes behind the request."""


def ours(data: bytes) -> Verdict:
    reader = Reader(HeadParser(Limits(body=1 << 80), cache=64))
    reader.feed(data)
    try:
        request = reader.next()
        if not isinstance(request, Request):
            return Verdict("incomplete")
        head, body, end = Head.of(request), b"", End(())
        target = head.raw_path + b"?" * bool(head.query) + head.query
        while request.has_body:
            event = reader.next()
            if event is None:
                return Verdict("incomplete")
            if isinstance(event, End):
                end = event
                break
            assert isinstance(event, bytes)
            body += event
    except ProtocolError as error:
        return Verdict("refused", error.reason)
    fields = lower_coding(head.headers)
    meaning = head.method, target, head.version, fields, body, end.trailers
    return Verdict("accepted", "", meaning, reader.buffered)


def lower_coding(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """As h11 does it."""
    return tuple(
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields
    )


def origin_form(target: bytes) -> bytes:
    """As in a Request: the path and query of an absolute target; "/?" is as "/"."""
    target = re.sub(rb"(?i)^https?://[^/?]*", b"", target) or b"/"
    target = b"/" + target if target[:1] == b"?" else target
    path, _, query = target.partition(b"?")
    return path + b"?" * bool(query) + query


# What damage is worth most on: framing.
_START_LINES = [
    *[b"POST / HTTP/1.1"] * 4,
    *(b"POST / HTTP/1.0", b"POST / HTTP/1.2", b"POST / HTTP/2.0", b"GET /? HTTP/1.1"),
    *(
        b"GET http://a/ HTTP/1.1",
        b"GET http://b HTTP/1.1",
        b"GET * HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
    ),
]
LINES = [
    *(b"Host: b", b"Host: a", b"Host:", b"A: b", b" b", b"A : b", b"A:\x01", b"Expect: a"),
    *(b"Content-Length: 3", b"Content-Length: 4", b"Content-Length: 3, 3", b"Content-Length: +3"),
    *(b"Content-Length:" + b"0" * 18 + b"3", b"Content-Length : 3", b"Content-Length: 3\x0b"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip"),
    *(b"Transfer-Encoding: chunked,", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:"),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: \x0bchunked", b"Trailer: A"),
    *(
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked;a",
        b"transfer_encoding: chunked",
    ),
    *(b"Connection: close", b"Expect: 100-continue", b"Transfer-Encoding : chunked"),
]
_PIECES = [
    *[b"0\r\n\r\n"] * 3,
    *[b"3\r\nabc\r\n"] * 3,
    *(
        b"abc",
        b"3;a=b\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b"3 ;a\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"3;\r\nabc\r\n",
    ),
    *(
        b"3\r\nabcd\r\n",
        b"3\r\nab\r\n",
        b'3;a="\r\n"\r\nabc\r\n',
        b"0\r\nA: b\r\n\r\n",
        b"0\r\nHost: b\r\n\r\n",
    ),
    *(
        b"0" * 16 + b"3\r\nabc\r\n",
        b"-3\r\nabc\r\n",
        b"3\nabc\n",
        b"0\r\nA: b\r\n c\r\n\r\n",
        b"0\r\n\n",
    ),
]
crafted = st.builds(
    lambda start, lines, pieces: b"\r\n".join([start, b"Host: a", *lines, b"", b"".join(pieces)]),
    st.sampled_from(_START_LINES),
    st.lists(st.sampled_from(LINES), max_size=3),
    st.lists(st.sampled_from(_PIECES), max_size=3),
)


type Shows = Callable[[bytes], object]


def shows(pattern: bytes) -> Shows:
    return re.compile(pattern).search


class Difference(NamedTuple):
    """One that is meant, and only taken for one where the input shows the cause."""

    shown: Shows
    why: str
    example: bytes


type Stricter = Mapping[str, Difference]
"""Where we refuse, and the oracle accepts or waits for more; by our reason."""

type Looser = Iterable[Difference]
"""Where the oracle refuses, and we accept or wait for more."""


def check_stricter(reason: str, table: Stricter, theirs: Callable[[bytes], Verdict]) -> None:
    shown, _why, example = table[reason]
    assert shown(example)
    assert ours(example)[:2] == ("refused", reason)
    assert theirs(example).kind == "accepted"


def check_looser(difference: Difference, theirs: Callable[[bytes], Verdict]) -> None:
    shown, _why, example = difference
    assert shown(example)
    assert ours(example).kind == "accepted"
    assert theirs(example).kind == "refused"


def settle(data: bytes, mine: Verdict, its: Verdict, stricter: Stricter, looser: Looser) -> None:
    """The two verdicts are the same, or differ where the tables say so."""
    if mine.kind == its.kind:
        if mine.kind == "accepted":
            assert mine == its
    elif mine.kind == "refused":
        assert stricter[mine.reason].shown(data), (mine, its)
    else:
        assert its.kind == "refused", (mine, its)
        assert any(each.shown(data) for each in looser), (mine, its)
