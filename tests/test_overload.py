"""What has waited too long: the rule by itself, and what stands between the reactor and epoll."""

import socket
import sys
from collections import deque
from typing import Any

import pytest
from fake_wire import GET, Setting

from subsrv import overload
from subsrv.overload import LoopQueue, QueueAge
from subsrv.reactor import IN
from subsrv.tls import TLSSocket

LIMIT = 1.0
TARGET = 0.1


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Epoll:
    """A poller that returns what is put in `ready`, and notes how long it was to wait."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ready: deque[int] = deque()
        self.asked: list[float | None] = []
        # What comes while it waits, and how long that takes.
        self.coming: list[int] = []
        self.waits = 0.0

    def poll(self, timeout: float | None, maxevents: int, /) -> list[tuple[int, int]]:
        self.asked.append(timeout)
        if not self.ready and timeout != 0:
            self.clock.now += self.waits
            self.ready.extend(self.coming)
            self.coming = []
        return [(self.ready.popleft(), IN) for _ in range(min(maxevents, len(self.ready)))]

    def register(self, fd: int, eventmask: int, /) -> None:
        raise AssertionError

    modify = register

    def unregister(self, fd: int, /) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


class Loop:
    """A queue in front of a fake loop, each of whose turns takes as long as it is told."""

    def __init__(self, **more: Any) -> None:
        self.clock = Clock()
        self.epoll = Epoll(self.clock)
        self.setting = Setting(**more)
        self.queue = LoopQueue(LIMIT, self.setting.shared, self.clock)
        self.setting.shared.queue = self.queue
        self.queue.watch(self.epoll)

    def turn(self, seconds: float = 0.0, *, arrive: int = 0, timeout: float | None = 9) -> int:
        """How many events it has; `arrive` more are there at its end."""
        found = self.queue.poll(timeout, 512)
        self.clock.now += seconds
        self.epoll.ready.extend(range(arrive))
        return len(found)

    def asks(self) -> bool:
        """Whether every request is asked about."""
        return self.setting.shared.most_in_flight < 0


class Told:
    """A socket whose kernel says that data came so many milliseconds ago; None: it does not."""

    def __init__(self, milliseconds: int | None) -> None:
        self._milliseconds = milliseconds

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        if self._milliseconds is None:
            raise OSError("not supported")
        return bytes(size - 4) + self._milliseconds.to_bytes(4, sys.byteorder)


# The rule.


def test_a_queue_that_empties_now_and_then_is_served_whole() -> None:
    rule = QueueAge(LIMIT, 0.0)
    assert not rule.refuses(0.0, 1.0)
    rule.emptied(0.9)
    assert not rule.refuses(0.95, 1.9)


def test_in_one_that_stands_what_waited_for_a_tenth_of_the_limit_is_refused() -> None:
    rule = QueueAge(LIMIT, 0.0)
    assert rule.refuses(0.9, 1.01)
    assert not rule.refuses(0.95, 1.01)


def test_one_empty_moment_ends_it() -> None:
    rule = QueueAge(LIMIT, 0.0)
    assert rule.refuses(0.0, 5.0)
    rule.emptied(5.0)
    assert not rule.refuses(4.5, 6.0)


def test_nothing_that_is_served_has_waited_for_longer_than_the_limit() -> None:
    """It waits in a queue that has not been empty since."""
    rule = QueueAge(LIMIT, 0.0)
    for empty in (0.0, 3.0, 3.5):
        rule.emptied(empty)
        for age in (1.001, 2.0, 60.0):
            assert rule.refuses(empty + 0.001, empty + 0.001 + age)


# In front of the loop.


def test_a_loop_that_waits_asks_about_nothing() -> None:
    loop = Loop()
    for _ in range(10):
        loop.epoll.coming, loop.epoll.waits = [1, 2], 0.5
        assert loop.turn(0.9) == 2
        assert not loop.asks()
    # One look without waiting, then one with.
    assert loop.epoll.asked == [0, 9] * 10


def test_an_empty_turn_is_one_look_where_the_loop_may_not_wait() -> None:
    loop = Loop()
    assert loop.turn(timeout=0) == 0
    assert loop.epoll.asked == [0]


def test_a_loop_that_never_has_to_wait_asks_once_the_limit_is_over() -> None:
    loop = Loop()
    loop.turn(0.6, arrive=3)
    assert loop.turn(0.6, arrive=3) == 3
    assert not loop.asks()
    assert loop.turn(0.0, arrive=3) == 3
    assert loop.asks()
    # At once when the load falls: the first look that finds nothing.
    loop.turn()
    assert loop.asks()
    loop.turn()
    assert not loop.asks()


def test_a_loop_that_spins_without_events_has_no_queue() -> None:
    """An application's tasks may keep asyncio from waiting."""
    loop = Loop()
    for _ in range(10):
        loop.turn(0.5, timeout=0)
    assert not loop.asks()


def test_a_turn_has_an_end_however_much_is_ready() -> None:
    loop = Loop()
    loop.turn(arrive=200)
    assert [loop.turn() for _ in range(4)] == [64, 64, 64, 8]


def test_the_kernel_says_how_old_a_request_is() -> None:
    loop = Loop()
    if overload._TCP_INFO is None:
        pytest.skip("this system does not say")
    assert not loop.queue.too_old(Told(100))
    assert loop.queue.too_old(Told(101))
    assert loop.queue.too_old(Told((1 << 32) - 1))


def test_the_kernel_is_asked_below_tls() -> None:
    loop = Loop()
    if overload._TCP_INFO is None:
        pytest.skip("this system does not say")
    sock = TLSSocket.__new__(TLSSocket)
    sock._sock = Told(101)  # type: ignore[assignment]
    assert loop.queue.too_old(sock)


def test_else_it_came_after_the_last_turn_that_saw_all() -> None:
    loop = Loop()
    loop.turn(0.05, arrive=5)
    loop.turn()
    assert not loop.queue.too_old(Told(None))
    loop.turn(0.2, arrive=5)
    loop.turn()
    assert loop.queue.too_old(Told(None))
    loop.turn()
    assert not loop.queue.too_old(Told(None))


def test_a_turn_that_was_cut_short_did_not_see_all() -> None:
    loop = Loop()
    loop.turn(arrive=150)
    assert loop.turn(0.06) == 64
    assert loop.turn(0.06) == 64
    assert loop.queue.too_old(Told(None))
    assert loop.turn() == 22
    assert loop.queue.too_old(Told(None))
    loop.turn()
    assert not loop.queue.too_old(Told(None))


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_real_sockets_are_asked(family: socket.AddressFamily, tmp_path: object) -> None:
    """The clock here stands still: whatever is too old, the kernel has said so."""
    host = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}
    loop = Loop()
    told = overload._TCP_INFO is not None and family != socket.AF_UNIX
    with socket.socket(family) as listener:
        try:
            listener.bind(host.get(family, f"{tmp_path}/socket"))
        except OSError:
            pytest.skip("this machine has no IPv6")
        listener.listen()
        with socket.socket(family) as client:
            client.connect(listener.getsockname())
            client.send(GET)
            served, _ = listener.accept()
            with served:
                assert served.recv(100) == GET
                loop.queue._rule.target = 0.001
                while told and not loop.queue.too_old(served):
                    pass
                loop.queue._rule.target = 3600
                assert not loop.queue.too_old(served)


# A connection.


def answer(loop: Loop) -> tuple[int, bytes]:
    """Ask once more: the status, if there is one, and all that came."""
    sent = loop.setting.wire.sent
    sent.clear()
    loop.setting.receive(GET)
    return int(sent[9:12] or b"0"), bytes(sent)


def overload_it(loop: Loop) -> None:
    loop.turn(2.0, arrive=1)
    loop.turn()
    assert loop.asks()


def test_what_is_too_old_gets_a_503_and_keeps_its_connection() -> None:
    loop = Loop()
    overload_it(loop)
    status, head = answer(loop)
    assert status == 503
    assert b"\r\nretry-after: 1\r\n" in head
    assert b"connection:" not in head
    shared = loop.setting.shared
    assert (shared.expired, shared.overloaded, shared.in_flight) == (1, 0, 0)
    loop.turn()
    assert answer(loop)[0] == 0
    assert len(loop.setting.made) == 1
    assert shared.expired == 1


def test_what_is_young_is_served_though_the_queue_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    overload_it(loop)
    monkeypatch.setattr(loop.queue, "too_old", lambda sock: False)
    assert answer(loop)[0] == 0
    assert loop.setting.shared.expired == 0


def test_the_limit_of_requests_under_way_holds_all_the_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(most_in_flight=0)
    monkeypatch.setattr(loop.queue, "too_old", lambda sock: False)
    overload_it(loop)
    assert answer(loop)[0] == 503
    loop.turn()
    assert not loop.asks()
    assert answer(loop)[0] == 503
    assert (loop.setting.shared.overloaded, loop.setting.shared.expired) == (2, 0)
