"""The file that access logs go to: whole lines, from several workers at once.

Each worker has a descriptor of its own, opened for appending, and passes only whole lines to
`write`: to a file, all lines of one turn of the loop at once; to a pipe, a terminal or a socket at
most PIPE_BUF bytes at a time, as no more than that is written in one piece (pipe(7)). So no line is
ever torn by another's, whatever kind of isolate wrote it, and nobody needs a lock.
"""

import asyncio
import logging
import os
import select
import stat
import time
from collections import deque

from subsrv.errors import ConfigError

STDOUT = "-"

# Bytes that may wait for a pipe whose reader is slow. Beyond them the worker waits as well: a line
# that has been promised is not dropped.
_WAITING_MOST = 1 << 20

# Bytes for a file that are put together, at the most.
_AT_ONCE = 1 << 18

_log = logging.getLogger("subsrv")


class LogFile:
    """Appends lines to `path`, or to standard output for STDOUT. ConfigError if it cannot be."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._lines: deque[bytes] = deque()
        self._waiting = 0  # bytes in them
        self._called = False  # a flush will come
        self._stalled = False  # the reader is slow; the loop watches for room
        #: Lines that could not be written, since it last could.
        self._lost = 0
        try:
            self._open()
        except OSError as error:
            raise ConfigError(f"cannot open the access log {path}: {error.strerror}") from None

    @staticmethod
    def absolute(path: str) -> str:
        """The same path for those that may be elsewhere by then."""
        return path if path == STDOUT else os.path.abspath(path)

    def _open(self) -> None:
        if self._path == STDOUT:
            self._fd = os.dup(1)
        else:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLOUT)

    def write(self, line: bytes) -> None:
        """Write this line, which ends with a newline, with others of this turn of the loop."""
        self._lines.append(line)
        self._waiting += len(line)
        while self._waiting > _WAITING_MOST:
            self._put()  # and wait for room
        if not self._called and not self._stalled:
            self._called = True
            self._loop.call_soon(self._turn)

    def reopen(self) -> None:
        """Go on in a new file of the same name, after the old one has been moved away."""
        if self._path == STDOUT:
            return
        self._flush(0)
        before = self._fd
        try:
            self._open()
        except OSError as error:
            _log.error("cannot reopen the access log %s: %s", self._path, error.strerror)
            return
        self._unstall(before)
        os.close(before)
        if self._lines:
            self._turn()

    def close(self, timeout: float) -> None:
        """Write what is left, waiting so many seconds for a slow reader, and close."""
        self._flush(timeout)
        if self._lines:
            _log.error("the access log is not read: %d lines are lost", len(self._lines))
            self._lines.clear()
        self._unstall(self._fd)
        os.close(self._fd)

    def _turn(self) -> None:
        """The loop's callback: at the end of the turn in which lines came, or when there is room"""
        self._called = False
        self._flush(0)
        if self._lines and not self._stalled:
            self._stalled = True
            self._loop.add_writer(self._fd, self._turn)
        elif not self._lines:
            self._unstall(self._fd)

    def _unstall(self, fd: int) -> None:
        if self._stalled:
            self._stalled = False
            self._loop.remove_writer(fd)

    def _flush(self, timeout: float) -> None:
        """Write as much as the file takes; wait for it so many seconds."""
        deadline = time.monotonic() + timeout
        while self._lines and self._has_room(deadline):
            self._put()

    def _has_room(self, deadline: float) -> bool:
        """Whether the reader keeps up: there is room for PIPE_BUF bytes, by then."""
        if self._is_file:
            return True
        return bool(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def _put(self) -> None:
        """Write what goes in one piece."""
        lines = self._batch()
        data = b"".join(lines)
        try:
            self._write(data)
        except OSError as error:
            if not self._lost:
                _log.error("the access log cannot be written: %s", error.strerror)
            self._lost += len(lines)
        else:
            if self._lost:
                _log.error("the access log is written again: %d lines were lost", self._lost)
                self._lost = 0
        self._waiting -= len(data)
        for _ in lines:
            self._lines.popleft()

    def _batch(self) -> list[bytes]:
        """The lines to write in one piece."""
        most = _AT_ONCE if self._is_file else select.PIPE_BUF
        if self._waiting <= most:
            return list(self._lines)
        batch: list[bytes] = []
        size = 0
        for line in self._lines:
            size += len(line)
            if size > most and batch:
                break
            batch.append(line)
        return batch

    def _write(self, data: bytes) -> None:
        while data:
            try:
                # Less than all of it only where a disk is full, or nearly.
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # whoever shares the pipe has made it so, and filled it
                self._poll.poll()
