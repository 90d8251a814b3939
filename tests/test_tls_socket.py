"""TLS on a socket that is none, once both have agreed: any cut, and any room."""

import socket
import ssl

import pytest
from fake_tls import REQUEST, World
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import Pki


@pytest.fixture
def world(certificates: Pki) -> World:
    """A client that is in."""
    world = World(certificates)
    world.shake()
    return world


# Reading.


@settings(deadline=None)
@given(
    writes=st.lists(st.integers(1, 40000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 70000), max_size=6),
)
def test_all_is_read_however_it_is_cut(
    certificates: Pki, writes: list[int], cuts: list[int]
) -> None:
    world = World(certificates)
    world.shake()
    meant = b""
    for number, size in enumerate(writes):
        data = bytes([number + 65]) * size
        meant += data
        world.client.write(data)
    with pytest.raises(ssl.SSLWantReadError):
        world.client.unwrap()
    said = world.said()
    got = b""
    ends = 0
    for cut in (*cuts, len(said)):
        piece, said = said[:cut], said[cut:]
        if piece:
            world.wire.arrived.append(piece)
        while True:
            try:
                data = world.tls.recv(65536)
            except BlockingIOError:
                break
            got += data
            if not data:
                ends += 1
                break
    assert got == meant
    assert ends
    # The end is there although the connection below is open, and epoll has been made to tell.
    assert world.wire.shut == [socket.SHUT_RD]
    assert world.tls.recv(65536) == b""


def test_what_comes_before_garbage_is_read(world: World) -> None:
    world.client.write(REQUEST)
    world.wire.arrived.append(world.said() + b"\x17\x03\x03\x00\x05-----")
    assert world.tls.recv(65536) == REQUEST
    assert world.wire.shut == [socket.SHUT_RD]
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            world.tls.recv(65536)
    world.tls.close()
    assert world.wire.closed


def test_garbage_is_answered_with_an_alert(world: World) -> None:
    world.wire.arrived.append(b"\x17\x03\x03\x00\x20" + b"-" * 32)
    with pytest.raises(ssl.SSLError):
        world.tls.recv(65536)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert bad record mac"):
        world.reads_the_end()


def test_a_client_may_leave_without_a_word(world: World) -> None:
    world.wire.ended = True
    assert world.tls.recv(65536) == b""
    world.tls.close()
    assert world.reads_the_end()


def test_one_that_has_us_answer_without_reading_is_given_up(world: World) -> None:
    """As one could by asking for new keys again and again; OpenSSL's own answers are staged."""
    world.wire.room = 0
    for _ in range(2):
        world.client.write(b"x")
        world.wire.arrived.append(world.said())
        world.tls._outgoing.write(b"a" * 60000)
        assert world.tls.recv(65536) == b"x"
    world.tls._outgoing.write(b"a" * 60000)
    world.client.write(b"x")
    world.wire.arrived.append(world.said())
    with pytest.raises(ConnectionAbortedError):
        world.tls.recv(65536)


# Sending.


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=4),
    rooms=st.lists(st.integers(0, 90_000), max_size=12),
)
def test_all_is_sent_however_little_the_socket_takes(
    certificates: Pki, sizes: list[int], rooms: list[int]
) -> None:
    world = World(certificates)
    world.shake()
    meant = b"".join(bytes([n + 65]) * size for n, size in enumerate(sizes))
    queue, got, left = meant, b"", 0
    for room in (*rooms, 1 << 30):
        world.wire.room = room
        # As in Output: what was not taken comes again, from where it was not.
        try:
            sent = world.tls.send(queue)
        except BlockingIOError:
            sent = 0
        queue = queue[sent:]
        left += len(world.wire.sent)
        assert len(meant) - len(queue) <= left  # what waits, encrypted, does not count
        got += world.read_some()
    assert queue == b""
    assert got == meant


def test_a_client_that_reads_slowly_is_seen_to_read(world: World) -> None:
    """Or the least rate, which is judged by what is taken, would not be one."""
    data = b"x" * 65536
    world.wire.room = 1000
    sent = world.tls.send(data)
    for _ in range(20):
        assert 0 <= sent < len(data)
        world.wire.room = 1000
        more = world.tls.send(data[sent:])
        assert more >= 900
        sent += more


def test_the_end_is_said_once(world: World) -> None:
    world.tls.shutdown(socket.SHUT_WR)
    assert world.wire.shut == [socket.SHUT_WR]
    world.tls.close()
    assert world.reads_the_end()


@pytest.mark.parametrize("why", ["silent", "unsent"])
def test_an_end_that_is_none_is_not_said(world: World, why: str) -> None:
    if why == "silent":
        world.tls.tls.silent = True
    else:
        world.wire.room = 10
        with pytest.raises(BlockingIOError):
            world.tls.send(b"too much")
        world.wire.room = 1 << 30
    world.tls.close()
    world.hear()
    with pytest.raises(ssl.SSLWantReadError):
        world.client.read(1)


def test_one_that_broke_is_closed_all_the_same(world: World) -> None:
    world.wire.broken = True
    world.tls.close()
    assert world.wire.closed


def test_half_an_end_leaves_the_other_half(world: World) -> None:
    world.client.write(REQUEST)
    with pytest.raises(ssl.SSLWantReadError):
        world.client.unwrap()
    world.wire.arrived.append(world.said())
    assert world.tls.recv(65536) == REQUEST
    assert world.tls.recv(65536) == b""
    assert world.tls.send(b"the answer") == 10
    world.hear()
    # OpenSSL's client does not read any more once it has said that it will not send.
    assert world._incoming.pending > 10
