"""Signals in a selector."""

import os
import select
import signal
from types import FrameType

import pytest

from subsrv.signals import BrokenOffError, SignalWakeup

USR = (signal.SIGUSR1, signal.SIGUSR2)


def test_a_signal_makes_it_readable_once() -> None:
    with SignalWakeup(USR) as wakeup:
        assert wakeup.take() == set()
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert select.select([wakeup], [], [], 10)[0]
        assert wakeup.take() == set(USR)
        assert wakeup.take() == set()


def test_everything_is_as_it_was_afterwards() -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        pass

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with SignalWakeup(USR) as wakeup:
            assert signal.getsignal(signal.SIGUSR1) is not handler
            fd = wakeup.fileno()
        assert signal.getsignal(signal.SIGUSR1) is handler
        assert signal.set_wakeup_fd(-1) == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_raising_breaks_off_only_within_and_only_for_its_signals() -> None:
    with SignalWakeup(USR) as wakeup:
        with wakeup.raising([signal.SIGUSR1]):
            os.kill(os.getpid(), signal.SIGUSR2)
            with pytest.raises(BrokenOffError):
                os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert wakeup.take() == set(USR)
