"""Large pieces of a response leave as they are, in parts: the same bytes, and none is copied."""

import errno
import math
import random
from pathlib import Path
from typing import Any

import pytest
from fake_tls import REQUEST, World
from fake_wire import GET, Recorder, Setting
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import Pki

from subsrv.access import Entry
from subsrv.access.connection import LoggedConnection
from subsrv.connection import Connection
from subsrv.files import FileRange
from subsrv.http1 import ResponseError, chunk

LARGE = 16384
"""Bytes from which on a piece is left where it is."""

WHOLE = 131072
"""Bytes from which on a whole body is."""

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture
def setting() -> Setting:
    return Setting()


def is_in(block: bytes, parts: Any) -> bool:
    return any(part is block for part in parts)


def body_of(sent: bytes | bytearray) -> bytes:
    return bytes(sent).partition(b"\r\n\r\n")[2]


def drip(setting: Setting, takes: list[int]) -> None:
    """The socket takes so much, each time it can; and then so much again."""
    turn = 0
    while setting.connection.pending:
        setting.wire.takes = takes[turn % len(takes)] + turn * 997
        assert setting.wire.turn()
        turn += 1
    setting.wire.takes = math.inf


@pytest.mark.parametrize("headers", [[], [("content-length", str(3 * LARGE))]])
def test_a_large_piece_is_one_call_and_no_copy(
    setting: Setting, headers: list[tuple[str, str]]
) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    blocks = [random.randbytes(LARGE) for _ in range(3)]
    exchange.start_with(200, headers, blocks[0])
    exchange.write(blocks[1])
    exchange.finish(blocks[2])
    wire = setting.wire
    assert is_in(blocks[0], wire.messages[0])
    if headers:
        # Without a frame, nothing is to be joined to the second; but the last may be a message.
        assert body_of(wire.sent) == b"".join(blocks)
    else:
        assert all(is_in(block, parts) for block, parts in zip(blocks, wire.messages, strict=True))
        assert body_of(wire.sent) == b"".join(map(chunk, blocks)) + b"0\r\n\r\n"
    assert wire.sends == 3
    setting.receive(GET)
    assert len(setting.made) == 2


def test_a_small_piece_is_joined(setting: Setting) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    exchange.start_with(200, [], bytes(LARGE - 1))
    exchange.finish(bytes(LARGE - 1))
    assert setting.wire.messages == []
    assert setting.wire.sends == 2


PIECES = st.lists(st.sampled_from([1, 100, 4095, LARGE - 1, LARGE, LARGE + 1, 70_000]), max_size=6)
TAKES = st.lists(st.integers(1, 60_000), min_size=1, max_size=5)


@settings(deadline=None)
@given(PIECES, TAKES, st.integers(0, 80_000), st.booleans(), st.sampled_from([GET, OLD]))
def test_all_leaves_in_order_however_little_the_socket_takes(
    sizes: list[int], takes: list[int], first: int, known: bool, asked: bytes
) -> None:
    log: list[Entry] = []
    setting = Setting(connection=LoggedConnection, access=_Log(log))
    setting.receive(asked)
    (exchange,) = setting.made
    setting.wire.takes = first
    blocks = [random.randbytes(size) for size in sizes]
    exchange.start(200, [("content-length", str(sum(sizes)))] if known else [])
    for block in blocks[:-1]:
        exchange.write(block)
    exchange.finish(blocks[-1] if blocks else b"")
    drip(setting, takes)
    expected = b"".join(blocks)
    if not known and asked is GET:
        expected = b"".join(map(chunk, blocks)) + b"0\r\n\r\n"
    assert body_of(setting.wire.sent) == expected
    (entry,) = log
    assert entry.size == len(expected)


class _Log:
    def __init__(self, entries: list[Entry]) -> None:
        self.log = entries.append


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0, 10, WHOLE - 1, WHOLE, WHOLE + 1]), min_size=1, max_size=4),
    TAKES,
    st.integers(0, 400_000),
)
def test_whole_bodies_leave_in_order(sizes: list[int], takes: list[int], first: int) -> None:
    log: list[Entry] = []
    setting = Setting(Answering, connection=LoggedConnection, access=_Log(log))
    setting.wire.takes = first
    Answering.bodies = blocks = [random.randbytes(size) for size in sizes]
    setting.receive(GET * len(blocks))
    while len(setting.made) < len(blocks) or setting.connection.pending:
        drip(setting, takes)
    expected = b"".join(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(block), block) for block in blocks
    )
    assert bytes(setting.wire.sent) == expected
    assert [entry.size for entry in log] == sizes


class Answering(Recorder):
    """Answers at once, with the next body."""

    bodies: list[bytes]

    def begin(self) -> None:
        super().begin()
        self.respond(200, [], self.bodies[len(self._app) - 1])


def test_a_large_body_is_no_copy_and_leaves_with_what_was_to_leave_with_it() -> None:
    setting = Setting(Answering)
    Answering.bodies = bodies = [b"small", bytes(WHOLE), b"small", b"last"]
    setting.receive(GET * 4)
    (parts,) = setting.wire.messages
    assert is_in(bodies[1], parts)
    assert parts[0].endswith(b"\r\n\r\nsmall")
    assert setting.wire.sends == 2


def test_what_waits_in_many_pieces_leaves_in_few_calls(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.takes = 0
    (exchange,) = setting.made
    exchange.start(200, [])
    block = random.randbytes(LARGE)
    for _ in range(12):
        exchange.write(block)
    exchange.finish()
    assert setting.connection.pending > 12 * LARGE
    before = setting.wire.sends
    drip(setting, [10**9])
    assert setting.wire.sends == before + 2
    assert body_of(setting.wire.sent) == chunk(block) * 12 + b"0\r\n\r\n"


def test_a_file_stands_between_what_waits(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "can_sendfile", False)
    (tmp_path / "file").write_bytes(b"f" * 5000)
    setting.receive(GET)
    setting.wire.takes = 0
    connection = setting.connection
    parts = [b"a" * 5000, b"b" * 10]
    connection.send_parts(parts)
    connection.send_file(FileRange.open(str(tmp_path / "file")))
    connection.send_parts(parts)
    drip(setting, [100, 7000])
    assert bytes(setting.wire.sent) == b"".join(parts) + b"f" * 5000 + b"".join(parts)


def test_one_that_may_change_is_copied(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.takes = 10
    (exchange,) = setting.made
    block = bytearray(b"x" * LARGE)
    # WSGI wants bytes, and does not get them from every application.
    exchange.start_with(200, [], block)  # type: ignore[arg-type]
    block[:] = b"y" * LARGE
    exchange.finish()
    drip(setting, [5000])
    assert b"y" not in body_of(setting.wire.sent)


@pytest.mark.parametrize("size", [LARGE, WHOLE])
@pytest.mark.parametrize("whole", [False, True])
def test_a_connection_that_breaks_is_closed(setting: Setting, size: int, whole: bool) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    setting.wire.broken = errno.EPIPE
    if whole:
        exchange.respond(200, [], bytes(size))
    else:
        exchange.start(200, [])
        exchange.write(bytes(size))
        exchange.finish(bytes(size))
    assert setting.shared.resets == 1
    assert not exchange.open
    assert setting.connection not in setting.shared.connections


@pytest.mark.parametrize("asked", [GET, HEAD, OLD])
@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("headers", [[], [("content-length", str(WHOLE))], [("etag", '"a"')]])
def test_a_large_body_has_the_head_of_a_small_one(
    asked: bytes, status: int, headers: list[tuple[str, str]]
) -> None:
    body = bytes(WHOLE)
    found = []
    for kind in (bytes, _Copied):
        setting = Setting()
        setting.receive(asked)
        (exchange,) = setting.made
        exchange.respond(status, headers, kind(body))
        found.append((bytes(setting.wire.sent), setting.connection in setting.shared.connections))
        assert bool(setting.wire.messages) == (kind is bytes and asked != HEAD and status == 200)
    assert found[0] == found[1]


class _Copied(bytes):
    """What is no plain bytes goes the other way."""


def test_a_large_body_of_another_length_than_it_says_is_an_error(setting: Setting) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    with pytest.raises(ResponseError, match="the body has 131072 bytes"):
        exchange.respond(200, [("content-length", "5")], bytes(WHOLE))
    assert exchange.open
    assert not setting.wire.sent


@pytest.mark.parametrize("ends", [False, True])
def test_a_large_piece_that_is_too_long_is_an_error_before_the_head_has_left(
    setting: Setting, ends: bool
) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    exchange.start(200, [("content-length", "5")])
    with pytest.raises(ResponseError, match="longer than its Content-Length 5"):
        (exchange.finish if ends else exchange.write)(bytes(LARGE))
    assert not exchange.started
    exchange.fail("so that a client sees it")
    assert setting.wire.sent.startswith(b"HTTP/1.1 500 ")


def test_a_large_piece_that_is_too_short_leaves_before_the_error(setting: Setting) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    exchange.start(200, [("content-length", str(LARGE + 1))])
    with pytest.raises(ResponseError, match="1 bytes short"):
        exchange.finish(bytes(LARGE))
    assert body_of(setting.wire.sent) == bytes(LARGE)


def test_no_body_is_sent_where_there_may_be_none(setting: Setting) -> None:
    setting.receive(HEAD)
    (exchange,) = setting.made
    exchange.start(200, [])
    exchange.write(bytes(LARGE))
    exchange.write(bytes(LARGE))
    exchange.finish(bytes(LARGE))
    assert body_of(setting.wire.sent) == b""


@settings(deadline=None, max_examples=20)
@given(PIECES, TAKES)
def test_past_tls_all_leaves_in_order(
    certificates: Pki, sizes: list[int], takes: list[int]
) -> None:
    world = World(certificates)
    made: list[Recorder] = []
    world.shared.exchange = Recorder.of(made)
    world.shake()
    wire: Any = world.wire
    wire.mask = None
    connection = Connection(world.shared, world.tls, client=None, server=None)  # type: ignore[arg-type]
    connection.watch()
    world.client.write(REQUEST)
    wire.arrived.append(world.said())
    wire.turn()
    (exchange,) = made
    wire.room = takes[0]
    blocks = [random.randbytes(size) for size in sizes]
    exchange.start(200, [])
    for block in blocks:
        exchange.write(block)
    exchange.finish()
    got, turn = world.read_some(), 0
    while connection.pending:
        wire.room = takes[turn % len(takes)] + turn * 997
        wire.turn()
        got += world.read_some()
        turn += 1
    assert body_of(got) == b"".join(map(chunk, blocks)) + b"0\r\n\r\n"
