"""Accepting: in turn with others, through errors, and to the end of the queue."""

import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from subsrv.listener import Listener
from subsrv.reactor import EXCLUSIVE, IN, Callback, Reactor

# Seconds of select() for what is there already.
PATIENCE = 10.0

EXHAUSTED = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


class Recorder(Reactor):
    """A reactor that notes what is asked of it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.asked: list[tuple[str, int]] = []

    def watch(self, fd: int, mask: int, callback: Callback) -> None:
        self.asked.append(("watch", mask))
        super().watch(fd, mask, callback)

    def unwatch(self, fd: int) -> None:
        self.asked.append(("unwatch", 0))
        super().unwatch(fd)


class Socket(socket.socket):
    """A listening socket whose next accepts fail with these error numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.bind(("127.0.0.1", 0))
        self.listen()
        self.setblocking(False)
        self.faults: list[int] = []
        self.calls = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.calls += 1
        if self.faults:
            number = self.faults.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


class Bench:
    """A listener, what it has accepted, and clients for it."""

    def __init__(self, kind: str, stack: ExitStack) -> None:
        self._stack = stack
        self.reactor = Recorder(kind)
        stack.callback(self.reactor.close)
        self.sock = stack.enter_context(Socket())
        self.accepted: list[tuple[socket.socket, object]] = []
        self.on_accepted: Callable[[], object] = lambda: None
        self.connections: set[object] = set()
        self.shared = SimpleNamespace(
            reactor=self.reactor, connections=self.connections, accept_pauses=0, accept_errors=0
        )
        self.listener = Listener(self.shared, self.sock, self._take)  # type: ignore[arg-type]

    def _take(self, sock: socket.socket, peer: object) -> None:
        self._stack.enter_context(sock)
        self.accepted.append((sock, peer))
        self.connections.add(sock)
        self.on_accepted()

    def serve(self, count: int) -> int:
        """How often it queues up again while so many clients come and are accepted."""
        before = self.reactor.asked.count(("unwatch", 0))
        for _ in range(count):
            self.connect()
            self.turn()
        return self.reactor.asked.count(("unwatch", 0)) - before

    def end(self, count: int) -> None:
        """So many connections close."""
        for _ in range(count):
            self.connections.pop()

    def connect(self) -> object:
        """The address of a client that has queued up."""
        client = socket.create_connection(self.sock.getsockname(), PATIENCE)
        self._stack.enter_context(client)
        return client.getsockname()

    def turn(self, timeout: float = PATIENCE) -> None:
        """Wait once for events, and handle them."""
        self.reactor.select(timeout)

    def paused(self) -> bool:
        return self.listener.paused

    @property
    def peers(self) -> list[object]:
        return [peer for _, peer in self.accepted]


@pytest.fixture(params=["epoll", "portable"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(request.param, stack)


def test_each_wake_up_accepts_one_connection_that_does_not_block(bench: Bench) -> None:
    bench.listener.start()
    clients = [bench.connect() for _ in range(3)]
    for count in (1, 2, 3):
        bench.turn()
        assert bench.peers == clients[:count]
    assert not any(sock.getblocking() for sock, _ in bench.accepted)
    bench.turn(0)
    assert bench.sock.calls == 3


def test_after_an_accept_it_queues_up_again_behind_the_other_workers(bench: Bench) -> None:
    bench.listener.start()
    assert bench.reactor.asked == [("watch", IN | bench.reactor.exclusive)]
    bench.connect()
    bench.turn()
    # Nothing is exclusive in the portable reactor: there is no queue to go to the end of.
    again = [("unwatch", 0), ("watch", IN | EXCLUSIVE)] if bench.reactor.exclusive else []
    assert bench.reactor.asked[1:] == again
    bench.connect()
    bench.turn()
    assert bench.reactor.asked[1:] == again * 2
    assert len(bench.accepted) == 2


@pytest.fixture
def rotating() -> Iterator[Bench]:
    with ExitStack() as stack:
        bench = Bench("epoll", stack)
        bench.listener.start()
        yield bench


def test_connections_that_stay_are_left_to_the_others_in_turn(rotating: Bench) -> None:
    assert rotating.serve(20) == 20


def test_short_connections_take_turns_of_four(rotating: Bench) -> None:
    rotating.on_accepted = lambda: rotating.end(1)
    assert [rotating.serve(1) for _ in range(9)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_one_that_takes_the_place_of_another_is_no_more_than_before(rotating: Bench) -> None:
    assert rotating.serve(4) == 4
    for again in (0, 0, 0, 1, 0):
        rotating.end(1)
        assert rotating.serve(1) == again
    assert rotating.serve(1) == 1


def test_among_many_some_come_and_go(rotating: Bench) -> None:
    assert rotating.serve(64) == 64
    for _ in range(3):
        rotating.end(4)
        assert rotating.serve(4) == 1
    assert rotating.serve(1) == 1


def test_after_many_have_gone_new_ones_are_shared_again(rotating: Bench) -> None:
    assert rotating.serve(8) == 8
    rotating.end(8)
    assert rotating.serve(8) == 7


def test_where_connections_end_at_once_a_wake_up_accepts_a_few(bench: Bench) -> None:
    bench.on_accepted = bench.connections.clear
    bench.listener.start()
    clients = [bench.connect() for _ in range(20)]
    counts = (4, 8, 12) if not bench.reactor.exclusive else (1, 5, 9, 13)  # the first ends a turn
    for count in counts:
        bench.turn()
        assert bench.peers == clients[:count]


def test_another_is_looked_for_in_vain_ever_more_seldom(bench: Bench) -> None:
    bench.on_accepted = bench.connections.clear
    bench.listener.start()
    calls = []
    for _ in range(9):
        before = bench.sock.calls
        bench.connect()
        bench.turn()
        calls.append(bench.sock.calls - before)
    # Nor at the end of a turn, where there are turns.
    turns = [1, 2, 1, 2, 1, 1, 1, 1, 1]
    assert calls == (turns if bench.reactor.exclusive else [2, 1, 2, 1, 1, 1, 2, 1, 1])


def test_one_that_stays_is_the_last_of_its_wake_up(bench: Bench) -> None:
    bench.on_accepted = lambda: bench.end(int(len(bench.accepted) != 3))
    bench.listener.start()
    clients = [bench.connect() for _ in range(6)]
    if bench.reactor.exclusive:
        bench.turn()
        assert bench.peers == clients[:1]
    bench.turn()
    assert bench.peers == clients[:3]


def test_epoll_is_exclusive_and_portable_is_not() -> None:
    with ExitStack() as stack:
        assert Bench("epoll", stack).reactor.exclusive == EXCLUSIVE != 0
        assert Bench("portable", stack).reactor.exclusive == 0


@pytest.mark.parametrize(
    "number", [errno.ECONNABORTED, errno.EAGAIN, errno.EINTR, errno.EPROTO, errno.ENETDOWN]
)
def test_a_connection_that_failed_before_its_accept_is_passed_over(
    bench: Bench, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    bench.listener.start()
    bench.sock.faults = [number]
    client = bench.connect()
    bench.turn()
    assert bench.accepted == []
    assert not bench.paused()
    assert not bench.reactor.ticking
    assert bench.shared.accept_errors == (number not in (errno.EAGAIN, errno.EINTR))
    assert len(bench.reactor.asked) == 1  # another worker has had it, or nobody: no turn was taken
    bench.turn()
    assert bench.peers == [client]
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


@pytest.mark.parametrize("number", EXHAUSTED, ids=lambda number: errno.errorcode[number])
def test_when_the_machine_runs_out_it_pauses_for_a_second(
    bench: Bench, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    bench.listener.start()
    bench.sock.faults = [number]
    client = bench.connect()
    bench.turn()
    assert bench.paused()
    assert bench.reactor.ticking
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("subsrv", "ERROR", f"cannot accept: {os.strerror(number)}; trying again every 1 s")
    ]
    begin = bench.reactor.now
    for now in (begin, begin + 0.99):
        bench.listener.tick(now)
        bench.turn(0)  # level-triggered: were it watched, this would call accept
        assert bench.sock.calls == 1
        assert bench.paused()
    bench.listener.tick(begin + 1)
    assert not bench.paused()
    bench.turn()
    assert bench.peers == [client]


def test_it_pauses_as_often_as_it_must_and_says_so_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.listener.start()
    bench.sock.faults = [errno.EMFILE] * 2
    client = bench.connect()
    for pause in (1, 2):
        bench.turn()
        assert bench.paused()
        assert bench.shared.accept_pauses == pause
        bench.listener.tick(bench.reactor.now + 1)
    bench.turn()
    assert bench.peers == [client]
    assert len(caplog.records) == 1
    bench.sock.faults = [errno.EMFILE]
    bench.connect()
    bench.turn()
    assert len(caplog.records) == 2  # it had passed, and begins again


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_a_connection_that_cannot_be_watched_is_closed(bench: Bench, number: int) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    bench.listener.start()
    bench.on_accepted = refuse
    bench.connect()
    bench.turn()
    assert [sock.fileno() for sock, _ in bench.accepted] == [-1]
    assert bench.paused()
    assert bench.shared.accept_pauses == 1


def test_without_a_descriptor_left_the_kernel_itself_says_so(bench: Bench) -> None:
    bench.listener.start()
    client = bench.connect()
    with no_descriptor_left():
        bench.turn()
    assert bench.paused()
    assert bench.accepted == []
    bench.listener.tick(bench.reactor.now + 1)
    bench.turn()
    assert bench.peers == [client]


def test_ticks_without_a_pause_change_nothing(bench: Bench) -> None:
    bench.listener.tick(bench.reactor.now + 100)
    assert bench.reactor.asked == []
    bench.listener.start()
    bench.listener.tick(bench.reactor.now + 100)
    assert len(bench.reactor.asked) == 1


def test_close_accepts_what_has_queued_up(bench: Bench) -> None:
    bench.listener.start()
    clients = [bench.connect() for _ in range(3)]
    bench.listener.close()
    assert bench.peers == clients
    assert not any(sock.getblocking() for sock, _ in bench.accepted)
    assert bench.reactor.asked[-1] == ("unwatch", 0)
    assert bench.sock.fileno() == -1
    bench.listener.close()  # as Server.close does after Server.stop
    assert len(bench.reactor.asked) == 2


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EINTR])
def test_close_accepts_also_what_has_queued_behind_a_broken_connection(
    bench: Bench, number: int
) -> None:
    bench.listener.start()
    clients = [bench.connect() for _ in range(2)]
    bench.sock.faults = [number, number]
    bench.listener.close()
    assert bench.peers == clients
    assert bench.sock.fileno() == -1


def test_close_does_not_try_for_ever_where_the_listener_itself_is_broken(bench: Bench) -> None:
    bench.listener.start()
    bench.connect()
    bench.sock.faults = [errno.EINVAL] * 9  # somebody has shut it down
    bench.listener.close()
    assert bench.sock.calls == 1
    assert bench.sock.fileno() == -1


def test_close_ends_a_pause_for_good(bench: Bench) -> None:
    bench.listener.start()
    bench.sock.faults = [errno.EMFILE]
    bench.connect()
    bench.turn()
    bench.listener.close()
    assert not bench.paused()
    asked = bench.reactor.asked[:]
    bench.listener.tick(bench.reactor.now + 100)
    assert bench.reactor.asked == asked
    assert bench.sock.calls == 1
    assert bench.sock.fileno() == -1


def test_running_out_while_it_closes_starts_no_pause(bench: Bench) -> None:
    bench.listener.start()
    clients = [bench.connect() for _ in range(2)]
    bench.on_accepted = lambda: bench.sock.faults.append(errno.EMFILE)
    bench.listener.close()
    assert bench.peers == clients[:1]
    assert not bench.paused()
    assert bench.sock.fileno() == -1


def test_a_listener_that_never_started_closes_without_accepting(bench: Bench) -> None:
    bench.connect()
    bench.listener.close()
    assert bench.sock.calls == 0
    assert bench.sock.fileno() == -1
    assert bench.reactor.asked == []


def test_closed_by_the_connection_it_hands_on_it_does_not_queue_up_again(bench: Bench) -> None:
    bench.listener.start()
    bench.on_accepted = bench.listener.close
    clients = [bench.connect() for _ in range(2)]
    bench.turn()
    assert bench.peers == clients
    assert [what for what, _ in bench.reactor.asked] == ["watch", "unwatch"]


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process cannot open one more."""
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
