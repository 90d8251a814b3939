"""A connection's work and memory, counted on a socket that is none: never more than what comes."""

import errno
import math
from typing import Any

import pytest
from fake_wire import GET, POST, Recorder, Setting

from subsrv.connection import Connection
from subsrv.exchange import HIGH_WATER
from subsrv.reactor import IN, uncork


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_chunks_of_a_byte_that_come_together_are_one_event(setting: Setting) -> None:
    setting.receive(POST)
    pieces = [b"1\r\nx\r\n" * 10_000] * 5
    setting.receive(*pieces, b"0\r\n\r\n")
    assert setting.made[0].events == [*[b"x" * 10_000] * 5, None]
    assert setting.wire.reads == 7


def test_chunks_of_a_byte_that_come_one_by_one_are_an_event_each(setting: Setting) -> None:
    """No read brings more than one event, and no byte is kept once it has been delivered."""
    setting.receive(POST)
    for _ in range(1000):
        setting.receive(*(bytes([byte]) for byte in b"1\r\nx\r\n"))
        assert setting.connection._reader.buffered <= 2
    assert setting.made[0].events == [b"x"] * 1000
    assert setting.wire.reads == 6001


def test_an_end_with_nothing_left_to_send_sends_nothing(setting: Setting) -> None:
    setting.receive(GET)
    (exchange,) = setting.made
    exchange.start(200, [("content-length", "5")])
    exchange.write(b"hello")
    exchange.finish()
    assert setting.wire.sent.endswith(b"\r\n\r\nhello")
    assert setting.wire.sends == 1
    setting.receive(GET)
    assert len(setting.made) == 2


def test_small_pieces_of_a_response_wait_together(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.takes = 0
    (exchange,) = setting.made
    exchange.start(200, [])
    for _ in range(10_000):
        exchange.write(b"x")
    connection = setting.connection
    assert connection.pending > HIGH_WATER / 2
    assert connection._out is not None
    # A piece for each 4 KiB, and not for each byte.
    assert len(connection._out) <= connection.pending / 4096 + 2
    assert setting.wire.sends == 1
    setting.wire.takes = math.inf
    assert setting.wire.turn()
    assert connection.pending == 0
    assert setting.wire.sends <= 20
    assert setting.wire.sent.count(b"1\r\nx\r\n") == 10_000


def test_what_waits_leaves_whole_however_little_the_socket_takes(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.takes = 0
    (exchange,) = setting.made
    blocks = [b"a", b"b" * 5000, b"c" * 100, b"d" * 4095, b"e", b"f" * 70_000, b"g"]
    exchange.start(200, [("content-length", str(sum(map(len, blocks))))])
    for block in blocks:
        exchange.write(block)
    exchange.finish()
    takes = 1
    while setting.connection.pending:
        setting.wire.takes = takes
        assert setting.wire.turn()
        takes = takes * 2 % 5003 + 1
    assert setting.wire.sent.endswith(b"\r\n\r\n" + b"".join(blocks))


def test_a_client_that_has_ended_its_side_gets_what_waits_and_what_follows(
    setting: Setting,
) -> None:
    """Even where epoll tells of the end again together with the room for what waited."""
    setting.receive(GET)
    setting.wire.takes = 0
    (exchange,) = setting.made
    exchange.start(200, [("content-length", "5")])
    exchange.write(b"hell")
    end = b""
    setting.wire.incoming.append(end)
    assert setting.wire.turn()
    assert exchange.events == ["disconnected"]
    setting.wire.incoming.append(end)
    setting.wire.takes = math.inf
    assert setting.wire.turn()
    assert exchange.open
    exchange.finish(b"o")
    assert setting.wire.sent.endswith(b"\r\n\r\nhello")
    assert setting.shared.resets == 0


class Choosy(Recorder):
    """An application that takes a piece of the body at a time."""

    def body_received(self, data: bytes) -> bool:
        super().body_received(data)
        self.awaits_body = False
        return False


UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"


def test_a_body_that_flows_is_read_when_it_is_wanted_but_for_so_long() -> None:
    setting = Setting(Choosy)
    setting.receive(UPLOAD)
    setting.wire.incoming.extend([b"x" * 65536] * 100)
    assert setting.wire.turn()
    events = setting.made[0].events
    for turn in range(5):
        setting.tick(0.001)
        assert len(events) == 1 + turn * 4
        for _ in range(10):  # the fourth time it is told to wait for the next turn
            setting.connection.want_body()
        assert len(events) == 4 + turn * 4
        assert setting.wire.turn()
    assert setting.wire.rewatches == 0


def test_a_body_that_flows_and_is_wanted_whole_is_read_but_for_so_long() -> None:
    setting = Setting()
    setting.receive(UPLOAD)
    setting.wire.incoming.extend([b"x" * 65536] * 100)
    events = setting.made[0].events
    for turn in range(1, 6):
        setting.tick(0.001)
        assert setting.wire.turn()
        assert len(events) == turn * 4
    # One that trickles is read when epoll tells of it.
    setting.wire.incoming.clear()
    setting.wire.incoming.extend([b"y" * 1000, b"z" * 1000])
    setting.tick(0.001)
    assert setting.wire.turn()
    assert events[20:] == [b"y" * 1000]


def test_after_a_body_that_flows_a_read_is_small_again() -> None:
    setting = Setting()
    setting.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    sizes: list[int] = []
    recv: Any = setting.connection._recv

    def watched(size: int, flags: int = 0) -> bytes:
        sizes.append(size)
        data: bytes = recv(size)
        return data

    setting.connection._recv = watched
    setting.wire.incoming.extend([b"x" * 50_000] * 2)
    assert setting.wire.turn()
    assert setting.made[0].events == [b"x" * 50_000] * 2 + [None]
    setting.made[0].respond(200, [], b"")
    setting.receive(GET)
    assert sizes == [65536, 262144, 65536]
    assert len(setting.made) == 2


def test_a_body_is_not_read_while_it_is_not_wanted() -> None:
    setting = Setting(Choosy)
    setting.receive(UPLOAD, b"x" * 65536, *[b"y" * 65536] * 3)
    assert setting.wire.mask == 0
    assert setting.made[0].events == [b"x" * 65536]
    setting.connection.want_body()
    assert setting.wire.mask == IN
    assert len(setting.made[0].events) == 2


def test_a_client_that_resets_while_its_body_is_not_wanted_is_lost() -> None:
    setting = Setting(Choosy)
    setting.receive(UPLOAD, b"x" * 65536)
    assert setting.connection._paused
    setting.wire.callback(IN | 0x8 | 0x10)  # EPOLLERR | EPOLLHUP
    assert setting.made[0].events[-1] == "disconnected"
    assert (setting.shared.resets, setting.shared.disconnects) == (1, 1)


def test_an_error_found_while_the_body_is_wanted_ends_the_request() -> None:
    setting = Setting(Choosy)
    setting.receive(POST, b"FE00\r\n" + b"x" * 0xFE00)
    setting.wire.incoming.append(b"no end of a chunk")
    setting.connection.want_body()
    assert setting.made[0].events[-1] == "disconnected"
    assert setting.wire.sent.startswith(b"HTTP/1.1 400 ")


def test_a_flood_is_not_read_while_the_application_works(setting: Setting) -> None:
    flood = GET * (60_000 // len(GET))
    setting.receive(GET, *[flood] * 100)
    assert len(setting.made) == 1
    assert setting.connection._reader.buffered <= HIGH_WATER + len(flood)
    assert setting.shared.read_pauses == 1
    assert setting.wire.reads == 3


# Time.


def test_a_body_that_drips_runs_out_of_time_and_one_that_flows_does_not(setting: Setting) -> None:
    """A byte is worth a tenth of a second here, so ten a second are enough for ever."""
    setting.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        setting.receive(b"x" * 10)
        setting.tick(1)
    assert setting.shared.timed_out_body == 0
    seconds = 0
    while not setting.shared.timed_out_body:
        setting.receive(b"x" * 5)
        setting.tick(1)
        seconds += 1
    assert 119 <= seconds <= 122  # 60 seconds in the end, half a second lost in each
    assert setting.wire.sent.startswith(b"HTTP/1.1 408 ")
    assert setting.shared.statuses == {408: 1}


def test_no_body_is_waited_for_while_the_application_does_not_want_it() -> None:
    setting = Setting(Choosy)
    setting.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100):
        setting.tick(1)
        setting.receive(b"x" * 10)
        setting.tick(1000)  # the application's
        setting.connection.want_body()
    assert setting.shared.timed_out_body == 0
    for _ in range(61):  # a byte here and there is no excuse, though the clock stands in between
        setting.tick(2)
        setting.receive(b"x" * 10)
        setting.tick(1000)
        setting.connection.want_body()
    setting.tick(1)
    assert setting.shared.timed_out_body == 1


def test_a_client_that_reads_in_drips_runs_out_of_time(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.takes = 0
    setting.made[0].respond(200, [], b"x" * 1_000_000)
    for _ in range(1000):
        setting.wire.takes = 10
        setting.wire.turn()
        setting.wire.takes = 0
        setting.tick(1)
    assert setting.shared.timed_out_write == 0
    seconds = 0
    while not setting.shared.timed_out_write:
        setting.wire.takes = 5
        setting.wire.turn()
        setting.wire.takes = 0
        setting.tick(1)
        seconds += 1
    assert 119 <= seconds <= 122
    assert setting.wire.mask == 0


def test_an_idle_connection_is_looked_at_now_and_then(setting: Setting) -> None:
    setting.receive(GET)
    setting.made[0].respond(200, [], b"")
    setting.shared.look_again = setting.wire.now + 7
    setting.tick(2)
    assert setting.connection.due == setting.shared.look_again
    setting.tick(72)
    setting.tick(3)
    assert setting.shared.timed_out_idle == 1
    assert not setting.shared.connections


# Faults.


def test_the_limit_counts_what_waits_and_nothing_else() -> None:
    setting = Setting(most_in_flight=1)
    setting.receive(GET)
    assert setting.shared.in_flight == 1
    other = Setting()
    other.shared = setting.shared
    second = Connection(setting.shared, other.wire, client=None, server=None)  # type: ignore[arg-type]
    other.wire.callback = second.on_event
    setting.wire.callback = setting.connection.on_event
    other.wire.incoming.append(GET)
    other.wire.callback(IN)
    uncork(setting.wire.outbox)
    assert b"retry-after: 1\r\n" in setting.wire.sent + other.wire.sent
    assert setting.shared.overloaded == 1
    setting.made[0].respond(200, [], b"")
    assert setting.shared.in_flight == 0
    setting.receive(GET)
    setting.connection.close()
    assert setting.shared.in_flight == 0


@pytest.mark.parametrize("method", ["begin", "body_received", "body_ended"])
def test_an_error_of_the_servers_own_costs_one_request(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Recorder):
        pass

    def broken(*_: object) -> None:
        raise MemoryError("no room")

    setattr(Broken, method, broken)
    setting = Setting(Broken)
    setting.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    assert setting.wire.sent.startswith(b"HTTP/1.1 500 ")
    assert setting.shared.in_flight == 0
    assert "MemoryError: no room" in caplog.text


def test_a_broken_connection_is_counted_once(setting: Setting) -> None:
    setting.receive(GET)
    setting.wire.broken = errno.ECONNRESET
    setting.wire.turn()
    assert setting.made[0].events == ["disconnected"]
    assert (setting.shared.resets, setting.shared.disconnects) == (1, 1)
    assert setting.shared.in_flight == 0
    assert setting.wire.mask == 0


def test_head_is_refused_without_a_body(setting: Setting) -> None:
    setting.receive(b"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert setting.wire.sent.startswith(b"HTTP/1.1 400 ")
    assert setting.wire.sent.endswith(b"\r\n\r\n")


def test_head_that_does_not_come_is_refused_without_a_body(setting: Setting) -> None:
    setting.receive(b"HEAD / HTTP/1.1\r\n")
    setting.tick(21)
    assert setting.wire.sent.startswith(b"HTTP/1.1 408 ")
    assert setting.wire.sent.endswith(b"\r\n\r\n")


def test_counters_are_named_flat() -> None:
    setting = Setting()
    setting.receive(b"nonsense\r\n\r\n")
    found = setting.shared.snapshot()
    assert found["refused"] == found["refused_400"] == 1
    assert set(map(type, found.values())) == {int}
    assert "statuses" not in found


# A request for a WebSocket, and what follows it.

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def test_what_follows_an_upgrade_is_passed_on_as_it_comes(setting: Setting) -> None:
    setting.receive(GET[:-2] + b"X: y\r\n\r\n")
    setting.made[0].respond(200, [], b"first")
    setting.receive(UPGRADE + b"GET / HT", b"\0\xff" * 3, b"\r\n\r\n")
    exchange = setting.made[1]
    assert exchange.events == [b"GET / HT", b"\0\xff" * 3, b"\r\n\r\n"]
    setting.tick(1000)  # no time-out of a body, nor of an idle connection
    assert setting.wire.mask
    setting.receive(b"")
    assert exchange.events[-1] == "disconnected"
    assert len(setting.made) == 2


def test_its_end_waits_for_the_client_and_reads_nothing_more(setting: Setting) -> None:
    setting.receive(UPGRADE)
    transport = setting.made[0]._transport
    assert transport is not None
    transport.finish(b"the end", False)
    setting.receive(GET)
    assert setting.wire.sent == b"the end"
    assert len(setting.made) == 1
    assert setting.shared.discarded_bodies == setting.shared.in_flight == 0
    assert setting.wire.mask == IN  # it lingers
    setting.receive(b"")
    assert setting.wire.mask == 0


def test_a_refusal_is_the_last_response(setting: Setting) -> None:
    setting.receive(UPGRADE + GET)
    setting.made[0].respond(403, [], b"no")
    assert b"\r\nconnection: close\r\n" in setting.wire.sent
    assert len(setting.made) == 1


def test_where_there_is_no_room_it_is_declined() -> None:
    setting = Setting(most_in_flight=0)
    setting.receive(UPGRADE + GET)
    assert setting.wire.sent.count(b"HTTP/1.1 503 ") == 1
    assert b"\r\nconnection: close\r\n" in setting.wire.sent
    assert setting.made == []


def test_an_exchange_says_when_to_look_at_it_again() -> None:
    looks: list[float] = []

    class Looked(Recorder):
        def tick(self, now: float) -> float:
            looks.append(now)
            return now + 7

    setting = Setting(Looked)
    setting.shared.look_again = 1e9
    setting.receive(UPGRADE)
    for _ in range(20):
        setting.tick(1)
    assert looks == [101.0, 108.0, 115.0]
    setting.shared.look_again = 0.0  # for time-outs of writing, it may be sooner
    setting.tick(2)
    setting.tick(1)
    assert looks[3:] == [122.0, 123.0]


@pytest.mark.parametrize("parting", [False, True])
def test_a_drain_tells_the_exchange(setting: Setting, parting: bool) -> None:
    class Drained(Recorder):
        def drain(self) -> None:
            self.events.append("drain")

    setting = Setting(Drained)
    setting.receive(UPGRADE)
    setting.connection.drain(parting=parting)
    assert setting.made[0].events == ["drain"]
