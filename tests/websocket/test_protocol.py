"""One WebSocket's bounds, its compression, and what the server sends. No sockets."""

import tracemalloc
import zlib

import pytest
from wsproto.frame_protocol import FrameProtocol

from subsrv.websocket.deflate import Agreement
from subsrv.websocket.protocol import Close, Ping, Protocol, WebSocketError
from websocket.frames import BINARY, CONT, PING, TEXT, deflated, fragments, frame

PLAIN = Agreement(15, 15)


def protocol(*, max_size: int = 1 << 20, deflate: Agreement | None = None) -> Protocol:
    return Protocol(max_size=max_size, deflate=deflate)


def one(p: Protocol, data: bytes) -> object:
    """The one event of these bytes."""
    p.feed(data)
    event = p.next()
    assert p.next() is None
    return event


def fails(p: Protocol, data: bytes) -> int:
    p.feed(data)
    with pytest.raises(WebSocketError) as caught:
        list(iter(p.next, None))
    assert caught.value.reason
    return caught.value.code


# Sizes.


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_may_be_as_large_as_it_may_be(opcode: int) -> None:
    assert len(one(protocol(max_size=300), frame(opcode, b"x" * 300))) == 300  # type: ignore[arg-type]
    parts = b"".join(fragments(opcode, b"x" * 100, b"x" * 100, b"x" * 100))
    assert len(one(protocol(max_size=300), parts)) == 300  # type: ignore[arg-type]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_larger_one_ends_at_its_header(opcode: int) -> None:
    head = frame(opcode, b"x" * 301)[:8]
    assert fails(protocol(max_size=300), head) == 1009
    parts = fragments(opcode, b"x" * 100, b"x" * 201)
    assert fails(protocol(max_size=300), parts[0] + parts[1][:8]) == 1009


def test_sizes_are_those_of_bytes() -> None:
    assert fails(protocol(max_size=5), frame(TEXT, "\u00e4\u00e4\u00e4".encode())) == 1009


def test_control_frames_within_a_message_do_not_count() -> None:
    p = protocol(max_size=4)
    p.feed(frame(TEXT, b"ab", fin=False) + frame(PING, b"x" * 100) + frame(CONT, b"cd"))
    assert p.next() == Ping(b"x" * 100)
    assert p.next() == "abcd"


def test_a_message_in_tiny_fragments_costs_little_more_than_its_size() -> None:
    """As a list of its fragments, it would cost 960 KB more."""
    count = 20_000
    sent = b"".join(fragments(BINARY, *[b"xy"] * count))
    p = protocol()
    tracemalloc.start()
    try:
        for start in range(0, len(sent), 4096):
            p.feed(sent[start : start + 4096])
            message = p.next()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message == b"xy" * count
    assert peak < 780_000


# Compression.


def test_messages_are_inflated() -> None:
    p = protocol(deflate=PLAIN)
    assert one(p, frame(TEXT, deflated(b"Hello"), rsv=4)) == "Hello"
    assert one(p, frame(TEXT, b"plain")) == "plain"  # it may also come as it is
    data = deflated(b"fragmented" * 10)
    assert one(p, b"".join(fragments(BINARY, data[:3], data[3:], rsv=4))) == b"fragmented" * 10
    p.feed(frame(TEXT, deflated(b"abc")[:2], rsv=4, fin=False) + frame(PING, b"!"))
    assert p.next() == Ping(b"!")
    assert one(p, frame(CONT, deflated(b"abc")[2:])) == "abc"


def test_examples_of_rfc_7692() -> None:
    """Section 7.2.3: one block, the shared window, fragments, without compression, BFINAL, two."""
    first = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    p = protocol(deflate=PLAIN)
    assert one(p, frame(TEXT, first, rsv=4)) == "Hello"
    assert one(p, frame(TEXT, b"\xf2\x00\x11\x00\x00", rsv=4)) == "Hello"
    assert one(p, b"".join(fragments(TEXT, first[:3], first[3:], rsv=4))) == "Hello"
    raw = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
    assert one(p, frame(TEXT, raw, rsv=4)) == "Hello"
    final = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
    assert one(p, frame(TEXT, final, rsv=4)) == "Hello"
    assert one(p, frame(TEXT, first, rsv=4)) == "Hello"
    two = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
    assert one(protocol(deflate=PLAIN), frame(TEXT, two, rsv=4)) == "Hello"


def test_without_takeover_each_message_stands_alone() -> None:
    p = protocol(deflate=Agreement(15, 15, client_no_context_takeover=True))
    assert one(p, frame(TEXT, deflated(b"Hello"), rsv=4)) == "Hello"
    assert fails(p, frame(TEXT, b"\xf2\x00\x11\x00\x00", rsv=4)) == 1007


def test_what_cannot_be_inflated() -> None:
    assert fails(protocol(deflate=PLAIN), frame(TEXT, b"\xff\xff\xff", rsv=4)) == 1007


def test_a_continuation_must_not_say_that_it_is_compressed() -> None:
    data = frame(TEXT, b"a", rsv=4, fin=False) + frame(CONT, b"b", rsv=4)
    assert fails(protocol(deflate=PLAIN), data) == 1002
    assert fails(protocol(deflate=PLAIN), frame(PING, rsv=4)) == 1002


@pytest.mark.parametrize("parts", [1, 50])
def test_a_bomb_stops_at_the_largest_size_while_it_is_inflated(parts: int) -> None:
    bomb = deflated(b"\0" * (16 << 20), bits=15)
    assert len(bomb) < 1 << 15
    step = len(bomb) // parts + 1
    pieces = [bomb[n : n + step] for n in range(0, len(bomb), step)]
    p = protocol(max_size=1 << 20, deflate=PLAIN)
    tracemalloc.start()
    try:
        assert fails(p, b"".join(fragments(BINARY, *pieces, rsv=4))) == 1009
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


def test_a_bomb_may_also_hide_in_many_last_blocks() -> None:
    """Each block says that it is the last, and inflates to as much as is allowed."""
    block = zlib.compressobj(wbits=-15)
    final = block.compress(b"\0" * 1000) + block.flush()
    p = protocol(max_size=5000, deflate=PLAIN)
    assert one(p, frame(BINARY, final * 5 + b"\0", rsv=4)) == b"\0" * 5000
    assert fails(p, frame(BINARY, final * 6 + b"\0", rsv=4)) == 1009


# What the server sends, as a client reads it.


def read(data: bytes) -> list[tuple[int, object]]:
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(data)
    return [(int(frame.opcode), frame.payload) for frame in client.received_frames()]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_messages(size: int) -> None:
    p = protocol()
    assert read(p.send("x" * size)) == [(1, "x" * size)]
    assert read(p.send(b"x" * size)) == [(2, b"x" * size)]


def test_control_frames() -> None:
    p = protocol()
    assert read(p.ping()) == [(9, b"")]
    assert read(p.pong(b"abc")) == [(10, b"abc")]
    assert read(p.close(1000, "bye")) == [(8, (1000, "bye"))]
    assert read(p.close(1001, "\u00e4" * 100)) == [(8, (1001, "\u00e4" * 61))]
    for code in (1005, 1006):
        assert read(p.close(code, "never")) == [(8, (1005, ""))]


@pytest.mark.parametrize("forgets", [False, True])
def test_messages_are_deflated(forgets: bool) -> None:
    p = protocol(deflate=Agreement(12, None, server_no_context_takeover=forgets))
    inflate = zlib.decompressobj(wbits=-12)
    sizes = []
    for message in (b"Hello " * 50, b"", b"Hello " * 50):
        data = p.send(message)
        if not message:
            assert data == b"\x82\x00"
            continue
        assert data[0] == 0x82 | 0x40
        sizes.append(data[1])
        if forgets:
            inflate = zlib.decompressobj(wbits=-12)
        assert inflate.decompress(data[2:] + b"\0\0\xff\xff") == message
    assert (sizes[1] < sizes[0]) is not forgets


def test_nothing_is_read_after_a_close() -> None:
    p = protocol()
    p.feed(frame(8) + frame(TEXT, b"late"))
    assert p.next() == Close(1005, "")
    assert p.next() is None
