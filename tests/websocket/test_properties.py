"""Whatever comes, and however it is cut: the same events, and never another exception."""

import itertools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from subsrv.websocket.deflate import Agreement
from subsrv.websocket.protocol import Protocol, WebSocketError
from websocket.frames import BINARY, CONT, PING, TEXT, deflated, frame, text

AGREEMENTS = [None, Agreement(), Agreement(client_no_context_takeover=True)]
PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=10).map(str.encode),
    st.binary(max_size=200).map(deflated),
    st.sampled_from([125, 126, 127, 150, 151]).map(bytes),
    st.sampled_from([1000, 1001, 1005, 3000, 5000]).map(lambda code: code.to_bytes(2)),
)
FRAMES = st.builds(
    frame,
    st.sampled_from([0, 0, 1, 1, 2, 2, 8, 9, 10, 3]),
    PAYLOADS,
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 4, 4, 2]),
    masked=st.sampled_from([True] * 9 + [False]),
)
STREAMS = st.lists(FRAMES, max_size=8).map(b"".join) | st.binary(max_size=60)


class Slow(Protocol):
    """Leaves all that a client sends to wsproto."""

    def _next_whole(self) -> None:
        return None


def read(
    pieces: list[bytes],
    agreement: Agreement | None,
    kind: type[Protocol] = Protocol,
    *,
    reasons: bool = False,
) -> list[Any]:
    """The events, and how it ends."""
    protocol = kind(max_size=150, deflate=agreement)
    found: list[Any] = []
    try:
        for piece in pieces:
            protocol.feed(piece)
            while (event := protocol.next()) is not None:
                found.append(event)
    except WebSocketError as error:
        found.append((error.code, error.reason) if reasons else error.code)
        assert protocol.next() is None
    return found


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """In pieces, cut at these places."""
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def roughly(found: list[Any], agreement: Agreement | None) -> list[Any]:
    """A message that is compressed may be no text and too long: found first is what is inflated
    first, and how much that is depends on how much has come. Of all others it is one thing.
    """
    return [1007 if agreement and event == 1009 else event for event in found]


@settings(deadline=None, max_examples=200)
@given(
    STREAMS,
    st.lists(st.integers(0, 400), max_size=6),
    st.sampled_from(AGREEMENTS),
)
@example(b"\xc1\x857\xfa!==\xa2Q]3", [], Agreement())
def test_however_it_is_cut_it_means_the_same(
    stream: bytes, cuts: list[int], agreement: Agreement | None
) -> None:
    whole = roughly(read([stream], agreement), agreement)
    for pieces in (cut(stream, cuts), [bytes([byte]) for byte in stream]):
        assert roughly(read(pieces, agreement), agreement) == whole


@settings(deadline=None, max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 400), max_size=3), st.sampled_from(AGREEMENTS))
@example(b'\x81\x807\xfa!=\x01\x847\xfa!=U"!=', [], None)
def test_it_means_what_wsproto_takes_it_for(
    stream: bytes, cuts: list[int], agreement: Agreement | None
) -> None:
    pieces = cut(stream, cuts)
    assert read(pieces, agreement, reasons=True) == read(pieces, agreement, Slow, reasons=True)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65535, 65536])
def test_sizes_of_whole_messages(opcode: int, size: int) -> None:
    data = bytes(byte % 128 for byte in range(size))
    found = []
    for kind in (Protocol, Slow):
        protocol = kind(max_size=1 << 20, deflate=None)
        protocol.feed(frame(opcode, data))
        found.append(protocol.next())
        assert protocol.next() is None
    assert found == [data.decode() if opcode == TEXT else data] * 2


def test_a_length_that_takes_more_bytes_than_it_must_is_wrong() -> None:
    assert read([frame(TEXT, b"abc", size=b"\x7e\0\3")], None) == [1002]


@pytest.mark.parametrize(
    "between",
    [
        frame(PING, b"!"),
        frame(TEXT, b"ab", fin=False) + frame(CONT, b"c"),
        frame(BINARY, b"long" * 30, fin=False) + frame(PING) + frame(CONT),
    ],
)
def test_after_what_is_left_to_wsproto_messages_are_read_here_again(between: bytes) -> None:
    message = text("a")
    stream = message + between + message * 50
    protocol = Protocol(max_size=150, deflate=None)
    for piece in (stream[:-1], stream[-1:] + message):
        protocol.feed(piece)
        while protocol.next() is not None:
            pass
    # wsproto has what is between, the frame in two pieces, and what it took for the heads of both.
    assert protocol._given <= len(between) + len(message) * 5
