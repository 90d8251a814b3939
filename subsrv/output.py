"""The sending half of a connection: what the socket takes now, and what it takes later."""

import logging
import os
import socket
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeIs

from subsrv.files import FileRange
from subsrv.reactor import IN, OUT
from subsrv.shared import Shared

if TYPE_CHECKING:
    from subsrv.tls_session import Session

_log = logging.getLogger("subsrv")

# Smaller pieces are put together while they wait: each that waits on its own costs some 200 bytes
# and a system call, which an application that sends byte by byte would turn into megabytes.
_SMALL = 4096

# What waits leaves in so many pieces a system call, at the most.
_GATHERED = 16

_NOT_YET = -1  # no mask of epoll's


class Output:
    """A non-blocking socket to send to, and whether it is read from.

    A subclass reads from the socket, and closes it when told that it is lost.
    """

    __slots__ = (
        "_corked", "_fd", "_mask", "_out", "_paused", "_reactor", "_send", "_shared", "_sock",
        "_write_stamp", "pending",
    )  # fmt: skip

    #: Whether the kernel may send from a file past us. Past TLS it never may: there, and where it
    #: cannot, files are read and sent like all else.
    can_sendfile = hasattr(os, "sendfile")

    def __init__(self, shared: Shared, sock: socket.socket) -> None:
        self._shared = shared
        self._reactor = shared.reactor
        self._sock = sock
        self._fd = sock.fileno()
        self._send = sock.send
        self._paused = False  # nothing is to be read
        self._mask = _NOT_YET  # what the reactor watches for
        self._corked: list[bytes] | None = None  # responses to leave together
        # What the socket did not take, and files.
        self._out: deque[memoryview | bytearray | FileRange] | None = None
        self._write_stamp = 0.0  # how long it has taken less of that than it should; see _taken
        #: Bytes that wait for the socket.
        self.pending = 0

    @property
    def tls(self) -> "Session | None":
        """What TLS has agreed on with the client; None where there is no TLS."""
        return getattr(self._sock, "tls", None)

    def _lost(self) -> None:
        """The connection broke: close it."""
        raise NotImplementedError

    def close(self) -> None:
        """Close at once, whatever is under way."""
        raise NotImplementedError

    def _transmit(self, data: bytes) -> None:
        """Send, after what has been corked, and keep what the socket does not take."""
        if self._corked:
            self._corked.append(data)
            data = b"".join(self._corked)
            self._corked = None
        if self._out:
            self._queue(self._out, data)
            return
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._lost()
            return
        if sent != len(data):
            self._keep(data, sent)

    def _transmit_parts(self, parts: Sequence[bytes]) -> None:
        """Send them one behind the other, like `_transmit`, but without a copy of them all."""
        if self._corked:
            parts = (*self._corked, *parts)
            self._corked = None
        if self.tls is not None:
            # It seals all in records of its own; a part that is short would get one to itself.
            self._transmit(b"".join(parts))
            return
        sent = 0
        if not self._out:
            try:
                sent = self._sock.sendmsg(parts)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                self._lost()
                return
        for part in parts:
            size = len(part)
            if sent >= size:
                sent -= size
            elif self._out:
                self._queue(self._out, part)
            else:
                self._keep(part, sent)
                sent = 0

    def _keep(self, data: bytes, sent: int) -> None:
        """Keep what the socket has not taken, as the first that waits."""
        self._out = deque([memoryview(data)[sent:]])
        self.pending = len(data) - sent
        self._write_stamp = self._reactor.now
        self._shared.write_stalls += 1
        self._watch()

    def send_file(self, file: FileRange) -> None:
        """Send a file behind what waits already, whenever the socket is writable. It is ours now.

        All of it counts as pending. One that turns out to be shorter ends the connection.
        """
        if self._fd < 0:
            file.close()
            return
        self.pending += file.left
        if self._out:
            self._out.append(file)
        else:
            self._out = deque([file])
            self._write_stamp = self._reactor.now
            self._watch()

    def _queue(self, out: deque[memoryview | bytearray | FileRange], data: bytes) -> None:
        """Put data behind what waits already."""
        if not data:
            return
        self.pending += len(data)
        if len(data) >= _SMALL:
            out.append(memoryview(data))
            return
        last = out[-1]
        if type(last) is bytearray and len(last) < _SMALL:
            last += data
        else:
            out.append(bytearray(data))

    def _send_pending(self) -> None:
        """The socket is writable: send as much as it takes."""
        out = self._out
        while out:
            piece = out[0]
            try:
                if isinstance(piece, FileRange):
                    if not self._send_from(piece, out):
                        return
                    continue
                # Past TLS, what is sent next must begin with what has not been taken.
                if len(out) > 1 and self.tls is None:
                    sent = self._sock.sendmsg(_gathered(out))
                else:
                    sent = self._send(piece)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._lost()
                return
            self.pending -= sent
            self._taken(sent)
            if not _drop(out, sent):
                return
        self._out = None
        self._watch()

    def _send_from(self, file: FileRange, out: deque[memoryview | bytearray | FileRange]) -> bool:
        """Send some of the file that is next; whether it is done with.

        One step at a time, however much the socket would take: the others have their turn, too.
        """
        past_us = self.can_sendfile and self.tls is None
        sent = file.send(self._fd) if past_us else None
        if sent:
            self.pending -= sent
            self._taken(sent)
        elif sent is None and (data := file.read()):
            # What has been read is sent as it is, even if the file changes meanwhile.
            out.appendleft(memoryview(data))
        else:
            _log.error("a file has become shorter while it was sent")
            self._shared.aborted += 1
            self.close()
            return False
        if file.left:
            return False
        out.remove(file)
        file.close()
        return True

    def _taken(self, size: int) -> None:
        """Each byte that the socket takes buys the client some time, but none in advance."""
        stamp = self._write_stamp + size * self._shared.timeouts.write_pace
        now = self._reactor.now
        self._write_stamp = stamp if stamp < now else now

    def on_event(self, mask: int) -> None:
        """The socket is ready: the reactor's callback."""
        raise NotImplementedError

    @property
    def watched(self) -> bool:
        """Whether the reactor tells of events, as it does from the first `_watch` on."""
        return self._mask != _NOT_YET

    def _watch(self) -> None:
        """Watch for what is of interest now."""
        mask = (0 if self._paused else IN) | (OUT if self._out else 0)
        if mask == self._mask:
            return
        if self._mask == _NOT_YET:
            self._reactor.watch(self._fd, mask, self.on_event)
        else:
            self._reactor.rewatch(self._fd, mask)
        self._mask = mask


def _is_data(piece: memoryview | bytearray | FileRange) -> TypeIs[memoryview | bytearray]:
    return not isinstance(piece, FileRange)


def _gathered(out: deque[memoryview | bytearray | FileRange]) -> list[memoryview | bytearray]:
    """The first pieces that wait, up to a file."""
    found: list[memoryview | bytearray] = []
    for piece in islice(out, _GATHERED):
        if not _is_data(piece):
            break
        found.append(piece)
    return found


def _drop(out: deque[memoryview | bytearray | FileRange], size: int) -> bool:
    """Take so many bytes off what waits; whether that leaves no piece of which some has gone."""
    while True:
        piece = out[0]
        assert _is_data(piece)
        if size < len(piece):
            if type(piece) is bytearray:
                del piece[:size]
            else:
                out[0] = piece[size:]
            return False
        out.popleft()
        size -= len(piece)
        if not size:
            return True
