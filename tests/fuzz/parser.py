"""The parser under any bytes: no exception but ProtocolError, the same events however the bytes
are cut, with the memo and without; what is accepted is sound; nothing lives on after an error.

An input is two bytes that say how to cut, and then what a client sends.
"""

import re
from collections import deque
from collections.abc import Sequence

from http1.reading import Head

from subsrv.http1 import End, HeadParser, Limits, ProtocolError, Reader, Request

# So small that inputs of a few hundred bytes meet each of them.
LIMITS = Limits(request_line=96, header_size=256, header_count=6, body=64)

PREFIX = 2
"""Bytes of an input that come before the client's."""

_SMALL_PIECES = 5

type Event = Head | bytes | End | tuple[int, str]


# Written down here a second time, on purpose: the grammar's own patterns are under test.
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_PATH = re.compile(rb"/[^\x00-\x20\x7f-\xff\"#<>?]*|\*")


class _Parsers:
    """A parser without a memo, and one whose memo is never new: it may not show."""

    def __init__(self) -> None:
        self.plain = HeadParser(LIMITS)
        self.memo = HeadParser(LIMITS, cache=8)
        # A fault of the memo's may hang on what came before.
        self.before: deque[bytes] = deque(maxlen=64)


_parsers = _Parsers()


def check(data: bytes) -> None:
    """AssertionError, or whatever exception escapes, where the parser breaks a promise."""
    if len(data) < PREFIX:
        return
    first, step = data[:PREFIX]
    stream = data[PREFIX:]
    parsers = _parsers
    expected = observe(parsers.plain, [stream], at_once=False)
    pieces = cut(stream, first, step)
    found = observe(parsers.memo, pieces, at_once=bool(step & 1))
    assert found == expected, (found, expected, pieces, list(parsers.before))
    for event in expected:
        if type(event) is Head:
            _check_sound(event)
    parsers.before.append(stream)


def cut(stream: bytes, first: int, step: int) -> list[bytes]:
    """In two at `first` 256ths; behind that once more, a few times, each `step` // 2 bytes on.

    A few only, for the sake of speed: the fuzzer finds the place where they matter.
    """
    place = first * len(stream) >> 8
    pieces = [stream[:place]]
    size = step >> 1
    if size:
        end = min(place + size * _SMALL_PIECES, len(stream))
        pieces += [stream[at : at + size] for at in range(place, end, size)]
        place += size * _SMALL_PIECES
    pieces.append(stream[place:])
    return pieces


def observe(parser: HeadParser, pieces: Sequence[bytes], *, at_once: bool) -> list[Event]:
    """All that a Reader makes of these pieces; those of a body in one."""
    reader = Reader(parser)
    events: list[Event] = []
    try:
        for piece in pieces:
            if at_once and piece:
                event = reader.receive(piece)
            else:
                reader.feed(piece)
                event = reader.next()
            while event is not None:
                if isinstance(event, Request):
                    events.append(Head.of(event))
                elif isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                    events[-1] += event
                else:
                    assert event != b"", "an empty piece of a body"
                    events.append(event)
                event = reader.next()
    except ProtocolError as error:
        events.append((error.status, error.reason))
        reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert reader.next() is None, "a request after an error"
        assert reader.buffered == 0, "bytes are kept after an error"
    return events


def _check_sound(head: Head) -> None:
    """Properties of whatever is accepted, independent of how it is parsed."""
    assert _METHOD.fullmatch(head.method), head
    assert _PATH.fullmatch(head.raw_path), head
    assert head.version in ("1.1", "1.0"), head
    names = [name for name, _ in head.headers]
    assert all(map(_NAME.fullmatch, names)), head
    assert all(_VALUE.fullmatch(value) for _, value in head.headers), head
    assert names.count(b"host") == 1 or (head.version == "1.0" and b"host" not in names), head
    assert head.chunked is (b"transfer-encoding" in names), head
    lengths = [value for name, value in head.headers if name == b"content-length"]
    assert len(lengths) <= 1, head
    assert not (lengths and head.chunked), head
    assert head.body_length == (int(lengths[0]) if lengths else 0) <= LIMITS.body, head
    assert head.has_body is (head.chunked or head.body_length > 0), head
    assert len(names) <= LIMITS.header_count, head
