"""Bounded work for each byte received, shown by counting the bytes that are looked at or copied.

That a bytearray grows at its end and gives up its beginning in amortised constant time is
CPython's promise (bpo-19087), and not counted.
"""

import re
from collections.abc import Callable
from typing import Any, SupportsIndex

import pytest

from http1.reading import get, one_by_one
from subsrv.http1 import HeadParser, Limits, ProtocolError, Reader, body, grammar, reader

# Looked at or copied at most so often is each byte: the blank line is sought, a bare LF is, a
# line's end is, with a few bytes more where the search begins anew; and what is found is cut out,
# split and matched.
_TIMES = 32

_UNBOUNDED = 1 << 40
_SIZE = 6000

# So wide that nothing but the algorithm bounds the work; a request line is checked, though.
_WIDE = Limits(
    request_line=_SIZE + len("GET / HTTP/1.1"),
    header_size=_UNBOUNDED,
    header_count=_UNBOUNDED,
    body=_UNBOUNDED,
)


class Work:
    """Counts what patched buffers and patterns look at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        work = self

        class Counted:  # before bytes or bytearray
            def find(self, sub: bytes, start: int = 0, end: int = _UNBOUNDED) -> int:
                found: int = super().find(sub, start, end)  # type: ignore[misc]
                reached = found if found >= 0 else min(end, len(self))  # type: ignore[arg-type]
                work.done += max(reached - start, 0) + len(sub)
                return found

            def __getitem__(self, key: slice | SupportsIndex) -> Any:
                found = super().__getitem__(key)  # type: ignore[misc]
                work.done += 1 if isinstance(found, int) else len(found)
                return found

        class CountedBytes(Counted, bytes):  # type: ignore[misc]
            pass

        class CountedBytearray(Counted, bytearray):  # type: ignore[misc]
            def __init__(self, source: Any) -> None:
                super().__init__(source)
                work.done += len(self)

        class CountedParser(HeadParser):
            def parse(self, data: bytes, size: int) -> Any:
                work.done += 8 * len(data)
                return super().parse(data, size)

        class CountedPattern:
            def __init__(self, pattern: re.Pattern[bytes]) -> None:
                self._pattern = pattern

            def __getattr__(self, name: str) -> Callable[..., Any]:
                def matched(buffer: bytes, start: int = 0, end: int = _UNBOUNDED) -> Any:
                    work.done += min(end, len(buffer)) - start
                    return getattr(self._pattern, name)(buffer, start, end)

                return matched

        self.bytes = CountedBytes
        self.parser = CountedParser
        monkeypatch.setattr(reader, "bytearray", CountedBytearray, raising=False)
        for module in (grammar, reader):
            for name, value in list(vars(module).items()):
                if isinstance(value, re.Pattern):
                    monkeypatch.setattr(module, name, CountedPattern(value))

    def reader(self) -> Reader:
        return Reader(self.parser(_WIDE, cache=16))

    def run(self, pieces: list[bytes], made: Reader) -> int:
        """Bytes looked at for each byte of the pieces; every event is taken after each piece."""
        self.done = 0
        try:
            for piece in pieces:
                made.feed(self.bytes(piece))
                while made.next() is not None:
                    pass
        except ProtocolError:
            pass
        return self.done // sum(map(len, pieces))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(body, "_CHUNK_LINE", _UNBOUNDED)
    monkeypatch.setattr(body, "_EXTENSION_BYTES", _UNBOUNDED)
    monkeypatch.setattr(reader, "_BLANK_LINES", _UNBOUNDED)
    return Work(monkeypatch)


_CHUNKED = get("Transfer-Encoding: chunked")

_INPUTS = {
    "a long request line": b"GET /" + b"a" * _SIZE,
    "a long request line of CRs": b"GET /" + b"\r" * _SIZE,
    "long lines": get("A: " + "a" * _SIZE, start="GET /" + "a" * _SIZE + " HTTP/1.1"),
    "many lines": get(*["A: b"] * (_SIZE // 6)),
    "no end of lines": get(*["A: b"] * (_SIZE // 6))[:-2],
    "a line of CRs": get("A: b")[:-2] + b"\r" * _SIZE,
    "empty lines": b"\r\n" * (_SIZE // 2) + get(),
    "requests": get("A: b") * (_SIZE // 30),
    "different requests": b"".join(get(f"A: {n}") for n in range(_SIZE // 30)),
    "a body": get(f"Content-Length: {_SIZE}") + b"a" * _SIZE,
    "bodies": (get("Content-Length: 3") + b"abc") * (_SIZE // 50),
    "chunks of a byte": _CHUNKED + b"1\r\na\r\n" * (_SIZE // 6) + b"0\r\n\r\n",
    "a chunk": _CHUNKED + b"%x\r\n" % _SIZE + b"a" * _SIZE + b"\r\n0\r\n\r\n",
    "a long extension": _CHUNKED + b"1;" + b"a" * _SIZE + b"\r\na\r\n0\r\n\r\n",
    "many extensions": _CHUNKED + b"1" + b";a=b" * (_SIZE // 4) + b"\r\na\r\n0\r\n\r\n",
    "spaces in an extension": _CHUNKED + b"1 " + b" \t" * (_SIZE // 2) + b";a\r\n",
    "an extension of CRs": _CHUNKED + b"1;" + b"\r" * _SIZE,
    "trailers": _CHUNKED + b"0\r\n" + b"A: b\r\n" * (_SIZE // 6) + b"\r\n",
    "a long trailer": _CHUNKED + b"0\r\nA: " + b"b" * _SIZE + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", _INPUTS.values(), ids=_INPUTS.keys())
def test_each_byte_is_looked_at_a_few_times(data: bytes, work: Work) -> None:
    # In so many cuts that one search from the beginning for each would show.
    for size in (1, 2, 7, 1000, len(data)):
        pieces = [data[place : place + size] for place in range(0, len(data), size)]
        assert work.run(pieces, work.reader()) <= _TIMES, size


def test_the_count_would_show_a_search_from_the_beginning(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = work.reader()
    monkeypatch.setattr(Reader, "_check_partial_head", lambda self, end: None)
    pieces = one_by_one(_INPUTS["a long request line"])
    assert work.run(pieces, made) <= _TIMES

    class Forgetful(Reader):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            self._scanned = 0

    assert work.run(pieces, Forgetful(made._parser)) > 10 * _TIMES


def test_a_slow_application_makes_no_more_work_of_pipelined_requests(work: Work) -> None:
    """A full buffer, a request taken out of it now and then, a byte fed now and then."""
    data = get("A: b") * 2000
    made = work.reader()
    half = len(data) // 2
    made.feed(work.bytes(data[:half]))
    for byte in one_by_one(data[half:]):
        if made.buffered % 3 == 0:
            made.next()
        made.feed(byte)
    while made.next() is not None:
        pass
    assert made.buffered == 0
    assert work.done // len(data) <= _TIMES
