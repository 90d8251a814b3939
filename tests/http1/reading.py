"""What a Reader makes of bytes, which must not depend on how they are cut, nor on the memo."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

from subsrv.http1 import End, HeadParser, Limits, ProtocolError, Reader, Request

# No memo; one that forgets all the time; one that forgets nothing.
CACHES = (0, 1, 4096)

FOLLOWER = b"GET /follower HTTP/1.1\r\nHost: a\r\n\r\n"

type Field = tuple[bytes, bytes]


class Head(NamedTuple):
    """All that a Request says."""

    method: str
    raw_path: bytes
    query: bytes
    version: str
    headers: tuple[Field, ...]
    keep_alive: bool
    chunked: bool
    body_length: int
    has_body: bool
    expects_continue: bool
    plain: bool
    special: bool
    websocket: bool

    @classmethod
    def of(cls, request: Request) -> Self:
        framing = request.framing
        return cls(
            *(getattr(request if hasattr(request, name) else framing, name) for name in cls._fields)
        )


type Event = Head | bytes | End


class Outcome(NamedTuple):
    """Events, those of a body's pieces in one, and the error after them."""

    events: tuple[Event, ...]
    error: tuple[int, str] | None = None

    @property
    def status(self) -> int | None:
        """The status to refuse with; None where nothing is wrong."""
        return self.error[0] if self.error else None

    @property
    def heads(self) -> list[Head]:
        return [event for event in self.events if isinstance(event, Head)]

    @property
    def head(self) -> Head:
        """The only request's."""
        (head,) = self.heads
        return head

    @property
    def bodies(self) -> list[tuple[bytes, End]]:
        """The bodies that have come to their ends."""
        joined: list[tuple[bytes, End]] = []
        body = b""
        for event in self.events:
            if isinstance(event, bytes):
                body = event
            elif isinstance(event, End):
                joined.append((body, event))
                body = b""
        return joined


def read(pieces: Iterable[bytes], parser: HeadParser, *, at_once: bool = False) -> Outcome:
    """Feed the pieces to a new Reader, and take all events after each.

    With `at_once`, the first event after each piece by `receive`, and bodies that have come whole
    by `take_body`, as a connection does.
    """
    reader = Reader(parser)
    events: list[Event] = []
    error = None
    for piece in pieces:
        if not at_once:
            reader.feed(piece)
        try:
            event = reader.receive(piece) if at_once else reader.next()
            while event is not None:
                if isinstance(event, Request):
                    events.append(Head.of(event))
                    if at_once and event.has_body and (body := reader.take_body()) is not None:
                        events += [body, End(())] if body else [End(())]
                elif isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                    events[-1] += event
                else:
                    assert event != b""
                    events.append(event)
                event = reader.next()
        except ProtocolError as found:
            assert error is None
            error = found.status, found.reason
        assert error is None or reader.next() is None
    return Outcome(tuple(events), error)


def one_by_one(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def cut_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(places), len(data)])]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and in two at each place (at about sixty, where there are many)."""
    yield [data]
    yield one_by_one(data)
    for place in range(1, len(data), max(1, len(data) // 60)):
        yield cut_at(data, [place])


def outcome(data: bytes, *, limits: Limits | None = None) -> Outcome:
    """What `data` is read as, however it is cut, with the memo and without."""
    limits = limits or Limits()
    expected = read([data], HeadParser(limits))
    for cache in CACHES:
        parser = HeadParser(limits, cache=cache)
        for pieces in cuts(data) if cache > 1 else ([data], one_by_one(data)):
            found = read(pieces, parser)
            assert found == expected, (cache, pieces if len(pieces) < 4 else "byte by byte")
        assert read([data], parser, at_once=True) == expected
        assert read(one_by_one(data), parser, at_once=True) == expected
    # A client that repeats itself, which is known from the third time on.
    often = [data] * 4
    assert read(often, parser, at_once=True) == read(often, HeadParser(limits))
    return expected


def refusal(data: bytes, *, limits: Limits | None = None) -> int:
    """The status that `data` is refused with, whatever comes after it."""
    alone = outcome(data, limits=limits)
    for rest in (b"", b"\r\n\r\n", FOLLOWER):
        assert outcome(data + rest, limits=limits) == alone
    assert alone.error is not None, "it was accepted"
    return alone.error[0]


def accepted(data: bytes, *, limits: Limits | None = None) -> Outcome:
    """What one whole message is read as, whatever comes after it."""
    alone = outcome(data, limits=limits)
    assert alone.error is None, alone.error
    follower = outcome(FOLLOWER, limits=limits).events if alone.head.keep_alive else ()
    assert outcome(data + FOLLOWER, limits=limits) == Outcome(alone.events + follower)
    assert outcome(data + b"GET / HT", limits=limits) == alone
    garbage = outcome(data + b"\x16\x03\x01", limits=limits)
    assert garbage.events == alone.events
    assert garbage.status == (400 if alone.head.keep_alive else None)
    return alone


def get(*lines: str | bytes, start: str | bytes = "GET / HTTP/1.1") -> bytes:
    """A head with these lines, as Latin-1; Host is the first of them unless one begins with it."""
    raw = [line if isinstance(line, bytes) else line.encode("latin-1") for line in (start, *lines)]
    if not any(line.lower().startswith(b"host") for line in raw[1:]):
        raw.insert(1, b"Host: a")
    return b"\r\n".join(raw) + b"\r\n\r\n"
