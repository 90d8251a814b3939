"""Whatever comes, and however it is cut: the same events, and never another exception."""

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from subsrv.websocket.deflate import Agreement
from subsrv.websocket.protocol import Protocol, WebSocketError
from websocket.frames import deflated, frame

PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=10).map(str.encode),
    st.binary(max_size=200).map(deflated),
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


def read(pieces: list[bytes], agreement: Agreement | None) -> list[Any]:
    protocol = Protocol(max_size=150, deflate=agreement)
    found: list[Any] = []
    try:
        for piece in pieces:
            protocol.feed(piece)
            while (event := protocol.next()) is not None:
                found.append(event)
    except WebSocketError as error:
        found.append(error.code)  # the reason may say where in a piece it was
    return found


@settings(deadline=None, max_examples=200)
@given(
    STREAMS,
    st.lists(st.integers(0, 400), max_size=6),
    st.sampled_from([None, Agreement(), Agreement(client_no_context_takeover=True)]),
)
def test_however_it_is_cut_it_means_the_same(
    stream: bytes, cuts: list[int], agreement: Agreement | None
) -> None:
    whole = read([stream], agreement)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    cut = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert read(cut, agreement) == whole
    assert read([bytes([byte]) for byte in stream], agreement) == whole
