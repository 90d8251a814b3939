"""How a connection ends: after all that is to be sent, and so that the client gets to see it."""

import socket

from subsrv.files import FileRange
from subsrv.output import Output
from subsrv.shared import Shared

# After an early close, what the client still sends is read and thrown away for so long, or the
# kernel would reset the connection and the client lose the response (RFC 9112 section 9.6).
LINGER = 2.0


class Ending(Output):
    """A socket that closes in good order; what the subclass has under way decides when."""

    __slots__ = ("_lingering", "_over", "_stamp", "closing", "due")

    def __init__(self, shared: Shared, sock: socket.socket) -> None:
        super().__init__(shared, sock)
        self._over = False  # whatever else comes is thrown away
        self._lingering = False
        self._stamp = shared.reactor.now  # when what it does now began
        #: When to look at its time-outs again, by the reactor's clock.
        self.due = 0.0
        #: The connection closes when the current response has left.
        self.closing = False

    def _unread(self) -> bool:
        """Whether there is more of the client's than has been read."""
        raise NotImplementedError

    def _under_way(self) -> bool:
        """Whether the client is in the middle of something."""
        raise NotImplementedError

    def _closed(self) -> None:
        """Called once, when the socket has been closed."""
        raise NotImplementedError

    def _close_after_flush(self) -> None:
        self.closing = self._over = True
        if self._corked:
            self._transmit(b"")
        if self._out or self._fd < 0:
            return
        if self._unread():
            self._linger()
        else:
            self.close()

    def _linger(self) -> None:
        """Say that nothing more will come, and wait for the client to close."""
        if self._lingering:
            return
        self._lingering = True
        self._shared.lingering += 1
        self._stamp = self._reactor.now
        self.due = 0.0
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        if self._paused:
            self._paused = False
            self._watch()

    def _lost(self) -> None:
        """The connection broke."""
        if self._fd >= 0:
            self._shared.resets += 1
            if self._under_way():
                self._shared.disconnects += 1
            self.close()

    def break_off(self) -> None:
        """Close at once, so that the client sees if anything is missing.

        A plain connection has no means to show that, and HTTP/1.1 does not need it. In HTTP/1.0
        the end of the connection may be the end of the body: TLS tells the one from the other.
        """
        if self.tls is not None:
            self.tls.silent = True
        self.close()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        if self._fd < 0:
            return
        if self.watched:
            self._reactor.unwatch(self._fd)
        self._fd = -1
        self._sock.close()
        shared = self._shared
        shared.connections.discard(self)
        if self._lingering:
            shared.lingering -= 1
        if shared.emptied is not None and not shared.connections:
            shared.emptied()
        for piece in self._out or ():
            if isinstance(piece, FileRange):
                piece.close()
        self._out = self._corked = None
        self.pending = 0
        self.closing = self._over = True
        self._closed()
