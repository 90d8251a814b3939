"""Responses to requests that came together leave together, and none is kept for long or lost."""

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fake_wire import GET, Setting

from subsrv import reactor as module
from subsrv.connection import Connection
from subsrv.exchange import Exchange
from subsrv.reactor import IN, Reactor, uncork

KINDS = ["epoll", "portable"]


class Answering(Exchange[list[Any]]):
    """Answers at once."""

    def begin(self) -> None:
        self._app.append(self)
        self.respond(200, [("x-n", str(len(self._app)))], b"body")

    def disconnected(self) -> None:
        pass


class Clock:
    """time.monotonic(), as the reactor sees it."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Ready:
    """What watches a socket on which something has come: when its callback ran, and its output."""

    def __init__(self, reactor: Reactor, ours: socket.socket, story: list[str], name: str) -> None:
        self.reactor, self.story, self.name = reactor, story, name
        self.raises: BaseException | None = None
        self.takes = 0.0
        self.clock = Clock()
        reactor.watch(ours.fileno(), IN, self.on_event)

    def on_event(self, _mask: int) -> None:
        self.story.append(f"{self.name} in")
        self.reactor.outbox.append(self)
        self.clock.now += self.takes
        if self.raises is not None:
            raise self.raises

    def uncork(self) -> None:
        self.story.append(f"{self.name} out")


@pytest.fixture(params=KINDS)
def reactor(request: pytest.FixtureRequest) -> Iterator[Reactor]:
    made = Reactor(request.param)
    yield made
    made.close()


@pytest.fixture
def story() -> list[str]:
    return []


@pytest.fixture
def three(reactor: Reactor, story: list[str]) -> Iterator[list[Ready]]:
    """In whatever order the system tells of them."""
    with ExitStack() as stack:
        made = []
        for name in "abc":
            ours, theirs = map(stack.enter_context, socket.socketpair())
            theirs.send(b"x")
            made.append(Ready(reactor, ours, story, name))
        yield made


def steps(story: list[str]) -> list[str]:
    return [line.split()[1] for line in story]


def test_what_comes_together_leaves_together(
    reactor: Reactor, three: list[Ready], story: list[str]
) -> None:
    reactor.select(0)
    assert steps(story) == ["in"] * len(three) + ["out"] * len(three)
    # In the order in which it came.
    assert [line[0] for line in story[:3]] == [line[0] for line in story[3:]]
    assert reactor.outbox == []


@pytest.mark.parametrize(
    ("takes", "expected"),
    [(0.001, "in out in out in out"), (0.0003, "in in out out in out")],
    ids=["what takes long", "half a millisecond"],
)
def test_the_first_waits_for_so_long_at_the_most(
    takes: float,
    expected: str,
    reactor: Reactor,
    three: list[Ready],
    story: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    for each in three:
        each.clock, each.takes = clock, takes
    reactor.select(0)
    assert steps(story) == expected.split()


def test_what_was_answered_leaves_though_the_worker_ends(
    reactor: Reactor, three: list[Ready], story: list[str]
) -> None:
    for each in three:
        each.raises = SystemExit()
    with pytest.raises(SystemExit):
        reactor.select(0)
    assert steps(story) == ["in", "out"]


def test_what_comes_outside_of_a_callback_leaves_before_the_next_wait(
    reactor: Reactor, story: list[str]
) -> None:
    class Late:
        def uncork(self) -> None:
            story.append("out")

    reactor.outbox.append(Late())
    reactor.select(0)
    assert story == ["out"]


# A connection.


def cork(setting: Setting) -> None:
    """Have it answer, within a turn that is not over."""
    setting.wire.incoming.append(GET)
    setting.wire.callback(IN)
    assert len(setting.made) == 1
    assert not setting.wire.sent


def test_a_response_waits_for_the_end_of_the_turn() -> None:
    setting = Setting(Answering)
    cork(setting)
    uncork(setting.wire.outbox)
    assert setting.wire.sent.startswith(b"HTTP/1.1 200")
    assert setting.wire.sends == 1
    # And is not sent again.
    setting.wire.outbox.append(setting.connection)
    uncork(setting.wire.outbox)
    assert setting.wire.sends == 1


def test_what_the_socket_does_not_take_waits_for_it() -> None:
    setting = Setting(Answering)
    cork(setting)
    setting.wire.takes = 10
    uncork(setting.wire.outbox)
    assert len(setting.wire.sent) == 10
    assert setting.connection.pending > 0
    setting.wire.takes = 1 << 20
    assert setting.wire.turn()
    assert setting.wire.sent.endswith(b"body")


def test_a_drain_sends_what_waits() -> None:
    setting = Setting(Answering)
    cork(setting)
    setting.connection.drain(parting=False)
    assert setting.wire.sent.endswith(b"body")
    assert not setting.shared.connections
    uncork(setting.wire.outbox)
    assert setting.wire.sends == 1


def test_a_drain_sends_what_waits_to_a_client_that_sends_no_more() -> None:
    setting = Setting(Answering)
    cork(setting)
    setting.wire.incoming.append(b"")
    setting.connection.drain(parting=False)
    assert setting.wire.sent.endswith(b"body")
    assert not setting.shared.connections


def test_a_request_that_a_drain_finds_is_answered_and_the_connection_closed() -> None:
    setting = Setting(Answering)
    setting.wire.incoming.append(GET)
    setting.connection.drain(parting=False)
    assert b"connection: close\r\n" in setting.wire.sent
    assert setting.wire.sent.endswith(b"body")
    assert not setting.shared.connections


def test_while_it_waits_no_other_worker_takes_the_connection() -> None:
    setting = Setting(Answering)
    cork(setting)
    assert setting.connection.rests_since < 0
    uncork(setting.wire.outbox)
    assert setting.connection.rests_since == setting.wire.now


def test_a_client_that_is_gone_by_then_costs_nobody_else_anything() -> None:
    gone, there = Setting(Answering), Setting(Answering)
    cork(gone)
    cork(there)
    gone.wire.broken = 104
    uncork([gone.connection, there.connection])
    assert not gone.shared.connections
    assert gone.shared.resets == 1
    assert there.wire.sent.endswith(b"body")


def test_an_error_of_the_servers_own_costs_one_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_connection: Connection, _data: bytes, _sent: int) -> None:
        raise MemoryError

    setting = Setting(Answering)
    cork(setting)
    setting.wire.takes = 0
    monkeypatch.setattr(Connection, "_keep", broken)
    with caplog.at_level(logging.ERROR):
        uncork(setting.wire.outbox)
    assert "a connection failed" in caplog.text
    assert not setting.shared.connections
