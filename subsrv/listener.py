"""Accepting from a socket that all workers share."""

import errno
import logging
import socket
from collections.abc import Callable

from subsrv.early import Early
from subsrv.reactor import IN
from subsrv.shared import Shared

_log = logging.getLogger("subsrv")

# accept(), and epoll with what was accepted, fail thus when this process or the machine is out of
# something: wait, and try again.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC}
_PAUSE = 1.0
# ... and thus when it takes a connection from the queue that has broken already: accept(2) says to
# treat network errors like EAGAIN, and the next one may be whole.
_BROKEN = {
    *(errno.ECONNABORTED, errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN),
    *(errno.ENONET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT),
}

# Connections that take the places of others, which a worker accepts before it leaves the next to
# the others; and those that are over at once, in one wake-up. With more, others would wait: for
# their share, and for what else is ready here.
_TURN = 4

# Of so many connections, one may come or go without being more, or fewer.
_MANY = 16


class Listener:
    """Accepts a connection a wake-up and hands it on; a few, if they end at once. Owns its socket.

    All workers wait on the same listening socket with EPOLLEXCLUSIVE. The kernel then wakes the
    first idle waiter in its queue, always the same one; taking the listener out of epoll and
    adding it again puts this worker at the end of that queue, which makes the turns go round.
    (EPOLL_CTL_MOD is refused together with EXCLUSIVE.) It does so when it has got more connections
    than before. One that only stands for another that has closed may be followed by a few more,
    for those are short, and two system calls are much to them.
    """

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        accepted: Callable[[socket.socket, object], None],
    ) -> None:
        self._shared = shared
        self._reactor = shared.reactor
        self._sock = sock
        self._accepted = accepted
        self._watched = False
        self._most = 0  # connections that are no more than it had before
        self._left = 0  # of its turn, as long as there are no more than those
        self._early = Early()
        self._failing = False  # since the last accept, it has run out of something
        #: time.monotonic() before which it does not try again, after running out of descriptors.
        self._paused_until = 0.0

    def start(self) -> None:
        """Begin to accept."""
        self._reactor.watch(self._sock.fileno(), IN | self._reactor.exclusive, self._on_event)
        self._watched = True

    def tick(self, now: float) -> None:
        """Accept again, if a pause is over."""
        if self._paused_until and now >= self._paused_until:
            self._paused_until = 0.0
            self.start()

    @property
    def paused(self) -> bool:
        """Whether it waits for the machine to recover; it needs ticks to go on."""
        return self._paused_until > 0

    def close(self) -> None:
        """Accept what has queued up already, then close this worker's descriptor of the socket."""
        if self._watched:
            self._stop()
            while self._accept() is not False:
                pass
        self._paused_until = 0.0
        self._sock.close()

    def _stop(self) -> None:
        self._reactor.unwatch(self._sock.fileno())
        self._watched = False

    def _on_event(self, _mask: int) -> None:
        connections = self._shared.connections
        before = len(connections)
        accepted = self._accept()
        more = _TURN - 1
        while accepted and self._watched:
            if self._reactor.exclusive and self._turn_is_over():
                self._stop()
                self.start()
                return
            if len(connections) > before or not more or not self._early.due():
                return
            # It is over already, or another worker's. Most likely there are more like it.
            more -= 1
            accepted = self._accept()
            self._early.tried(found=accepted is True)

    def _turn_is_over(self) -> bool:
        """Whether the next connection should be another worker's."""
        held = len(self._shared.connections)
        if held > self._most or not self._left:
            self._most = max(self._most, held)
            self._left = _TURN - 1
            return True
        self._left -= 1
        # One or, of many, some come and go at all times. Where more have gone, these are new ones.
        most = held + held // _MANY
        if most + 1 < self._most:
            self._most = most
        return False

    def _accept(self) -> bool | None:
        """Whether it has accepted. None: not this time, but there may be more in the queue."""
        try:
            sock, peer = self._sock.accept()
        except BlockingIOError:
            return False
        except InterruptedError:
            return None
        except OSError as error:
            self._failed(error)
            return None if error.errno in _BROKEN else False
        try:
            sock.setblocking(False)
            self._accepted(sock, peer)
        except OSError as error:  # it cannot be watched: epoll needs memory, too
            sock.close()
            self._failed(error)
            return False
        self._failing = False
        return True

    def _failed(self, error: OSError) -> None:
        if error.errno not in _EXHAUSTED:
            # Of the connection that was to be, not of the listener.
            self._shared.accept_errors += 1
            _log.debug("accept failed: %s", error)
            return
        self._shared.accept_pauses += 1
        if not self._failing:
            # Once, however long it lasts.
            self._failing = True
            _log.error("cannot accept: %s; trying again every %g s", error.strerror, _PAUSE)
        if self._watched:
            self._stop()
            self._paused_until = self._reactor.now + _PAUSE
            self._reactor.ticking = True
