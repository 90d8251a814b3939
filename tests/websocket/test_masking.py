"""The mask comes off whatever the length and the key."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subsrv.websocket.masking import LONG, unmask
from subsrv.websocket.protocol import Protocol
from websocket.frames import BINARY, frame


def by_the_letter(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3."""
    return bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


SIZES = st.integers(0, 70_000) | st.integers(-5, 5).flatmap(
    lambda more: st.sampled_from([LONG, 4096, 8192, 65536]).map(lambda size: size + more)
)


@given(SIZES, st.binary(min_size=4, max_size=4))
@example(4096, bytes(4))
@example(4097, b"\0\0\0\1")
@example(8191, b"\xff" * 4)
def test_unmask(size: int, key: bytes) -> None:
    payload = random.Random(size).randbytes(size)
    assert unmask(payload, key) == by_the_letter(payload, key)


def test_bytes_that_come_to_nothing() -> None:
    for size in (LONG, 4096, 5000):
        assert unmask(b"\x37\xfa\x21\x3d" * size, b"\x37\xfa\x21\x3d") == bytes(4 * size)


@pytest.mark.parametrize("size", [LONG - 1, LONG, LONG + 1, 4096, 4097, 65535])
def test_messages_on_both_sides_of_each_bound(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    protocol = Protocol(max_size=1 << 20, deflate=None)
    protocol.feed(frame(BINARY, payload) * 2)
    assert [protocol.next(), protocol.next(), protocol.next()] == [payload, payload, None]
