"""When a worker that hangs may be interrupted, and when it may not."""

import threading

import pytest

from subsrv import interruption
from subsrv.interruption import Interrupted, dealing_with, due

HERE = threading.get_ident()


class Clock:
    """time.monotonic(), as this module sees it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(interruption, "time", made)
    monkeypatch.setattr(interruption, "_quiet_until", {})
    return made


def test_not_twice_at_once(clock: Clock) -> None:
    assert due(HERE)
    assert not due(HERE)
    assert due(HERE + 1)
    clock.now += 1.0
    assert due(HERE)


def test_not_while_it_is_dealt_with_nor_at_once_after_that(clock: Clock) -> None:
    with dealing_with(Interrupted()):
        clock.now += 60.0
        assert not due(HERE)
        assert due(HERE + 1)
    assert not due(HERE)
    clock.now += 1.0
    assert due(HERE)


def test_whatever_else_is_dealt_with_may_hang(clock: Clock) -> None:
    for error in (None, RuntimeError("boom")):
        with dealing_with(error):
            clock.now += 1.0
            assert due(HERE)


def test_an_error_meanwhile_leaves_none_undisturbed_for_ever(clock: Clock) -> None:
    with pytest.raises(RuntimeError, match="boom"), dealing_with(Interrupted()):
        raise RuntimeError("boom")
    clock.now += 1.0
    assert due(HERE)
