"""Signals as something a selector can wait for, and everything restored afterwards."""

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Self


class BrokenOffError(BaseException):
    """A signal came; see `SignalWakeup.raising`. No Exception, so that nothing takes it for one."""


class SignalWakeup:
    """While entered, the given signals make this object readable instead of doing what they did.

    Only the main thread of the main interpreter may enter it (ValueError elsewhere).
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._signals = tuple(signals)
        self._raising: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        # The buffer holds hundreds of signals; those beyond say nothing new.
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._previous = {number: signal.signal(number, self._handle) for number in self._signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            # None is a handler that C code installed: Python cannot put it back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._previous_fd)
        self.close()

    def fileno(self) -> int:
        """Readable when a signal came."""
        return self._reader.fileno()

    def take(self) -> set[int]:
        """The signals since the last call; one that came twice is there once."""
        try:
            return set(self._reader.recv(4096))
        except BlockingIOError:
            return set()

    @contextlib.contextmanager
    def raising(self, signals: Iterable[signal.Signals]) -> Iterator[None]:
        """Within, these signals raise BrokenOffError, to break off code that does not look.

        Not KeyboardInterrupt, which that code may raise by itself.
        """
        self._raising = frozenset(signals)
        try:
            yield
        finally:
            self._raising = frozenset()

    def close(self) -> None:
        """Close the descriptors alone: for a forked child, which shares them with its parent."""
        self._reader.close()
        self._writer.close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number in self._raising:
            raise BrokenOffError
