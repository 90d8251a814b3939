"""Looking for a connection's first request at once, or waiting for it."""

import errno
import os

import pytest
from fake_wire import GET, Recorder, Setting

from subsrv.early import Early
from subsrv.reactor import IN, OUT

CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Answering(Recorder):
    """It answers at once."""

    def begin(self) -> None:
        super().begin()
        self.respond(200, [], b"hello")


class New(Setting):
    """A connection that nobody has watched yet."""

    def __init__(self, kind: type[Recorder] = Recorder) -> None:
        super().__init__(kind)
        self.wire.mask = 0
        self.shared.connections.clear()
        self.connection = self.connect()


def looks(early: Early, found: bool, count: int) -> list[int]:
    """The numbers of those connections, of so many, whose request is looked for."""
    looked = []
    for number in range(count):
        if early.due():
            looked.append(number)
            early.tried(found=found)
    return looked


def test_it_looks_as_long_as_it_finds() -> None:
    assert looks(Early(), True, 5) == [0, 1, 2, 3, 4]


def test_in_vain_it_looks_ever_more_seldom_and_one_find_makes_up_for_that() -> None:
    early = Early()
    assert looks(early, False, 48) == [0, 2, 6, 14, 30, 46]
    assert looks(early, True, 16) == [14, 15]


def test_what_is_answered_and_over_is_never_watched() -> None:
    setting = New(Answering)
    setting.wire.incoming.append(CLOSE)
    setting.wire.watch = setting.wire.unwatch = None  # type: ignore[method-assign, assignment]
    assert setting.connection.read_early()
    assert setting.wire.sent.endswith(b"hello")
    assert not setting.shared.connections


def test_what_lives_on_is_watched() -> None:
    setting = New()
    setting.wire.incoming.append(GET)
    assert setting.connection.read_early()
    assert setting.wire.mask == IN
    setting.made[0].respond(200, [], b"hello")
    setting.receive(GET)
    assert len(setting.made) == 2


def test_what_the_client_does_not_take_waits() -> None:
    setting = New()
    setting.wire.incoming.append(CLOSE)
    setting.wire.takes = 0
    setting.connection.read_early()
    setting.made[0].respond(200, [], b"hello")
    assert setting.wire.mask == IN | OUT
    setting.wire.takes = 1000
    assert setting.wire.turn()
    assert setting.wire.sent.endswith(b"hello")
    assert not setting.shared.connections


def test_without_a_request_it_is_watched_and_was_in_vain() -> None:
    setting = New()
    assert not setting.connection.read_early()
    assert setting.wire.mask == IN
    setting.receive(GET)
    assert len(setting.made) == 1


@pytest.mark.parametrize("early", [False, True])
def test_where_it_cannot_be_watched_it_is_closed(
    early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    setting = New()
    monkeypatch.setattr(setting.wire, "watch", refuse)
    monkeypatch.setattr(setting.wire, "unwatch", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        setting.connection.read_early() if early else setting.connection.watch()
    assert not setting.shared.connections
