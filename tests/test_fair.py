"""Fair accepting without a server: what workers know of each other, and how connections cross."""

import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from subsrv import loads
from subsrv.config import Config
from subsrv.entrance import Entrance
from subsrv.errors import ConfigError
from subsrv.fair import Accepted, Fairness
from subsrv.loads import Loads
from subsrv.reactor import Reactor


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def table(stack: ExitStack) -> list[Loads]:
    """The views of four workers, all of which accept."""
    fd = loads.create(4)
    stack.callback(os.close, fd)
    views = [Loads(fd, place) for place in range(4)]
    for view in views:
        stack.callback(view.close)
        view.open(accepting=True)
    return views


@pytest.mark.parametrize(
    ("counts", "own", "found"),
    [
        ((0, 0, 0, 0), 0, None),
        ((1, 0, 2, 2), 1, 1),
        ((9, 3, 2, 5), 9, 2),
        ((5, 5, 5, 4), 5, 3),
        # A sixteenth more or less is no difference.
        ((32, 30, 30, 30), 32, None),
        ((32, 30, 29, 30), 32, 2),
    ],
)
def test_the_lightest_is_the_one_with_clearly_the_fewest(
    table: list[Loads], counts: tuple[int, ...], own: int, found: int | None
) -> None:
    for view, count in zip(table, counts, strict=True):
        view.count(count)
    assert table[0].lightest(own) == found


def test_who_drains_or_is_away_is_passed_over(
    table: list[Loads], monkeypatch: pytest.MonkeyPatch
) -> None:
    table[1].open(accepting=False)
    now = 10**18
    monkeypatch.setattr(time, "monotonic_ns", lambda: now)
    table[2].begin()
    now += 11_000_000
    table[3].count(7)
    assert table[0].lightest(9) == 3
    table[2].end()
    assert table[2].busy == 11_000_000
    assert table[0].lightest(9) == 2


def test_what_is_on_its_way_counts(table: list[Loads]) -> None:
    for _ in range(3):
        table[0].send(1)
    assert table[0].lightest(4) == 2
    table[2].count(3)
    table[3].count(3)
    assert table[0].lightest(4) == 1
    assert table[0].lightest(3) is None


def test_the_idlest_is_below_a_bound(table: list[Loads]) -> None:
    for view, permille in zip(table, (1000, 700, 600, 990), strict=True):
        view.tell(permille)
    assert table[0].idlest(below=750) == (2, 600)
    assert table[0].idlest(below=600) is None
    assert table[2].idlest(below=750) == (1, 700)


@dataclass
class Worker:
    """One worker's side: what it serves, and what it has taken over."""

    fair: Fairness
    reactor: Reactor
    came: list[tuple[str, socket.socket, object]]
    accepted: Accepted


class Resting:
    """A connection between two requests."""

    def __init__(self, sock: socket.socket, since: float) -> None:
        self.socket = sock
        self.rests_since = since
        self.close = sock.close


def start(stack: ExitStack, entrance: Entrance, place: int) -> Worker:
    reactor = Reactor()
    copies = [os.dup(fd) for fd in entrance.handover(place)]
    fair = stack.enter_context(Fairness(copies, place, reactor))
    came: list[tuple[str, socket.socket, object]] = []

    def take(how: str) -> Accepted:
        def accepted(sock: socket.socket, peer: object) -> None:
            stack.enter_context(sock)
            came.append((how, sock, peer))
            fair.connections.add(sock)

        return accepted

    accepted = fair.door(take("new"))
    fair.start(take("resting"))
    stack.callback(reactor.close)
    stack.callback(fair.end)
    return Worker(fair, reactor, came, accepted)


@pytest.fixture
def two(stack: ExitStack) -> list[Worker]:
    """Two workers of one entrance."""
    config = Config(accept="fair", bind=("127.0.0.1:0",))
    entrance = stack.enter_context(Entrance(config, 2))
    return [start(stack, entrance, place) for place in range(2)]


@pytest.fixture
def pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """A client, and what the server has accepted of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = stack.enter_context(socket.create_connection(server.getsockname()))
        accepted = stack.enter_context(server.accept()[0])
    return client, accepted


def test_a_connection_goes_to_the_worker_with_fewer(
    two: list[Worker], pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    first, second = two
    first.fair.connections.add("one")
    first.accepted(accepted, client.getsockname())
    assert accepted.fileno() == -1
    assert (first.came, first.fair.passed) == ([], 1)
    second.reactor.select(10)
    [(how, sock, peer)] = second.came
    assert (how, peer) == ("new", client.getsockname())
    assert not sock.getblocking()
    client.sendall(b"hello")
    sock.settimeout(10)
    assert sock.recv(5) == b"hello"


@pytest.mark.parametrize("stop", [0, 1])
def test_nothing_is_passed_on_once_either_stops(
    two: list[Worker], pair: tuple[socket.socket, socket.socket], stop: int
) -> None:
    client, accepted = pair
    two[0].fair.connections.add("one")
    two[stop].fair.stop()
    two[0].accepted(accepted, client.getsockname())
    assert two[0].came == [("new", accepted, client.getsockname())]


def test_what_was_on_its_way_when_a_worker_stopped_is_served(
    two: list[Worker], pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    two[0].fair.connections.add("one")
    two[0].accepted(accepted, client.getsockname())
    two[1].fair.stop()
    assert [how for how, *_ in two[1].came] == ["new"]


def test_a_client_that_left_on_the_way_is_no_trouble(
    two: list[Worker], pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    two[0].fair.connections.add("one")
    two[0].accepted(accepted, client.getsockname())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    two[1].reactor.select(10)
    assert two[1].came == []
    assert two[1].fair.taken == 1


def test_a_full_inbox_leaves_a_connection_where_it_is(
    two: list[Worker], stack: ExitStack, pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    first = two[0].fair
    first.connections.update(range(1 << 20))
    for _ in range(1 << 16):
        two[0].accepted(accepted.dup(), client.getsockname())
        if two[0].came:
            break
    assert first.passed > 10
    assert len(two[0].came) == 1
    two[1].reactor.select(10)
    assert len(two[1].came) == first.passed


def test_a_worker_with_too_much_to_do_gives_away_what_rests(
    two: list[Worker],
    pair: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, accepted = pair
    first, second = two
    now = first.reactor.now
    for since in (now, now, now - 60, -math.inf):
        first.fair.connections.add(Resting(accepted, since))
    clock = time.monotonic_ns()
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock)
    second.fair.tick()
    first.fair.tick()
    first.fair._loads.begin()
    clock += 1_000_000_000
    first.fair._loads.end()
    first.fair.tick()
    # Half of the two that were used a moment ago.
    assert first.fair.moved == 1
    assert accepted.fileno() == -1
    second.reactor.select(10)
    assert [how for how, *_ in second.came] == ["resting"]


def test_reuseport_gives_each_place_a_socket_on_one_port() -> None:
    with Entrance(Config(accept="reuseport", bind=("127.0.0.1:0",)), 3) as entrance:
        fds = {entrance.listeners(place) for place in range(3)}
        assert len(fds) == 3
        names = {socket.socket(fileno=os.dup(fd)) for (fd,) in fds}
        assert len({sock.getsockname() for sock in names}) == 1
        for sock in names:
            sock.close()
        entrance.leave_to(1)
        os.fstat(entrance.listeners(1)[0])
        assert entrance.listeners(0) == (-1,)


@pytest.mark.parametrize("address", ["unix:here.sock", "fd://3"])
def test_reuseport_refuses_what_cannot_be_bound_twice(address: str) -> None:
    with pytest.raises(ConfigError, match="--accept reuseport needs HOST:PORT, not "):
        Entrance(Config(accept="reuseport", bind=(address,)), 2)


@pytest.mark.parametrize("accept", ["shared", "fair"])
def test_one_worker_needs_no_fairness(accept: str) -> None:
    with Entrance(Config(accept=accept, bind=("127.0.0.1:0",)), 1) as entrance:
        assert entrance.handover(0) == ()
