"""Accepting when the machine has run out of something."""

import errno
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from subsrv.listener import Listener
from subsrv.reactor import IN


class Sock:
    """A socket: listening, with what its accepts lead to, or accepted."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.closed = False

    def fileno(self) -> int:
        return 3

    def accept(self) -> Any:
        outcome = self.outcomes.pop(0) if self.outcomes else errno.EAGAIN
        if isinstance(outcome, int):
            raise OSError(outcome, os.strerror(outcome))
        return outcome, ("127.0.0.1", 1)

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Reactor:
    """Only what a listener uses."""

    now = 100.0
    exclusive = 0
    ticking = False
    callback: Callable[[int], None] | None = None

    def watch(self, _fd: int, _mask: int, callback: Callable[[int], None]) -> None:
        self.callback = callback

    def unwatch(self, _fd: int) -> None:
        self.callback = None

    @property
    def watched(self) -> bool:
        return self.callback is not None

    def ready(self) -> None:
        assert self.callback is not None
        self.callback(IN)


def listen(
    sock: Sock, accepted: Callable[[Any, object], None]
) -> tuple[Listener, Reactor, SimpleNamespace]:
    reactor = Reactor()
    shared = SimpleNamespace(reactor=reactor, accept_pauses=0, accept_errors=0)
    listener = Listener(shared, sock, accepted)  # type: ignore[arg-type]
    listener.start()
    return listener, reactor, shared


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_running_out_pauses_is_logged_once_and_passes(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Sock()
    got: list[Any] = []
    sock = Sock(number, number, number, connection, number)
    listener, reactor, shared = listen(sock, lambda accepted, _: got.append(accepted))
    for pause in range(1, 4):
        reactor.ready()
        assert listener.paused
        assert not reactor.watched  # or a level-triggered epoll would spin
        assert reactor.ticking
        assert shared.accept_pauses == pause
        listener.tick(reactor.now)
        assert listener.paused
        reactor.now += 1
        listener.tick(reactor.now)
        assert not listener.paused
    assert len(caplog.records) == 1
    reactor.ready()
    assert got == [connection]
    reactor.ready()
    assert len(caplog.records) == 2  # it had passed, and begins again


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_what_cannot_be_watched_is_closed(number: int) -> None:
    def accepted(_sock: Any, _peer: object) -> None:
        raise OSError(number, os.strerror(number))

    connection = Sock()
    listener, reactor, shared = listen(Sock(connection), accepted)
    reactor.ready()
    assert connection.closed
    assert listener.paused
    assert shared.accept_pauses == 1


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM])
def test_a_connection_that_failed_before_it_began_is_passed_over(number: int) -> None:
    listener, reactor, shared = listen(Sock(number), lambda *_: None)
    reactor.ready()
    assert not listener.paused
    assert (shared.accept_pauses, shared.accept_errors) == (0, 1)
