"""Requests at random: what is right is read for what it is, and what is wrong is refused only."""

from hypothesis import given
from hypothesis import strategies as st

from http1.messages import Message, damaged, messages
from http1.reading import CACHES, Outcome, cut_at, one_by_one, read
from subsrv.http1 import HeadParser, Limits

places = st.lists(st.integers(0, 1 << 16), max_size=6)
parsers = [HeadParser(Limits(), cache=cache) for cache in CACHES]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return cut_at(data, [place % (len(data) + 1) for place in places])


@given(st.lists(messages(), min_size=1, max_size=3), places, st.sampled_from([b"", b"\r\n"]))
def test_requests_are_read_for_what_they_are(
    sequence: list[Message], places: list[int], between: bytes
) -> None:
    data = between + between.join(message.data for message in sequence)
    events: list[object] = []
    for message in sequence:
        events += message.events
        head = message.events[0]
        if not getattr(head, "keep_alive", None):
            break
    for parser in parsers:
        for pieces in ([data], one_by_one(data), cut(data, places)):
            assert read(pieces, parser) == Outcome(tuple(events))  # type: ignore[arg-type]


def _agree(data: bytes, places: list[int], limits: Limits) -> None:
    expected = read([data], HeadParser(limits))
    for cache in CACHES:
        parser = HeadParser(limits, cache=cache)
        for pieces in ([data], one_by_one(data), cut(data, places)):
            assert read(pieces, parser) == expected
        assert read(cut(data, places), parser, at_once=True) == expected


@given(
    damaged(st.lists(messages(), max_size=3).map(lambda made: b"".join(m.data for m in made))),
    places,
)
def test_damaged_requests_are_read_alike_however_they_are_cut(
    data: bytes, places: list[int]
) -> None:
    _agree(data, places, Limits())


limits = st.builds(Limits, *(st.integers(0, top) for top in (60, 120, 6, 60)))


@given(damaged(messages().map(lambda message: message.data)), places, limits)
def test_limits_hold_however_requests_are_cut(
    data: bytes, places: list[int], limits: Limits
) -> None:
    _agree(data, places, limits)


@given(st.binary(max_size=200), places)
def test_any_bytes_are_read_alike_however_they_are_cut(data: bytes, places: list[int]) -> None:
    _agree(data, places, Limits())


pieces = messages().map(lambda message: message.data)


@given(
    st.lists(pieces | damaged(pieces) | st.just(b"\r\n"), min_size=1, max_size=3),
    st.lists(st.integers(0, 2), max_size=10),
)
def test_a_client_that_repeats_itself_is_read_as_if_it_did_not(
    pool: list[bytes], order: list[int]
) -> None:
    """A request that comes alone, as most do, and one that has come before, are read faster."""
    sent = [pool[n % len(pool)] for n in order]
    expected = read([b"".join(sent)], HeadParser(Limits()))
    for cache in CACHES:
        assert read(sent, HeadParser(Limits(), cache=cache), at_once=True) == expected
