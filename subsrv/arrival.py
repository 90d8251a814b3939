"""What may stand between accept and a connection: an arrival, which has to be over in time."""

import socket
from collections.abc import Callable
from typing import Any

from subsrv.ending import LINGER
from subsrv.exchange import Address
from subsrv.reactor import IN
from subsrv.shared import Client, Shared

type Next = Callable[[Any, Address | None, Address | None], Client]
"""Goes on with a socket, its client's address and the server's."""


class Arrival:
    """A client that has to say something before it is let in, as TLS's handshake.

    It is one of the worker's connections while it lasts, and is bounded by --timeout-header. Of
    what the client sends, a subclass reads only what is its own.
    """

    __slots__ = (
        "_begun", "_client", "_deadline", "_draining", "_fd", "_lingering", "_next", "_parting",
        "_reactor", "_server", "_shared", "_sock", "due",
    )  # fmt: skip

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        client: Address | None,
        server: Address | None,
        *,
        then: Next,
    ) -> None:
        self._shared = shared
        self._reactor = shared.reactor
        self._sock = sock
        self._fd = sock.fileno()
        self._client = client
        self._server = server
        self._next = then
        self._deadline = shared.reactor.now + shared.timeouts.header
        self._begun = False  # the client has sent something
        self._draining = self._parting = False
        self._lingering = False
        #: See Client. It is looked at in every tick.
        self.due = 0.0
        shared.reactor.watch(self._fd, IN, self.on_event)
        shared.connections.add(self)

    def _step(self, mask: int) -> None:
        """Take in what has come. OSError where the connection broke."""
        raise NotImplementedError

    def _timed_out(self) -> None:
        """Count that the client was too slow."""
        raise NotImplementedError

    def on_event(self, mask: int) -> None:
        """The socket is ready: the reactor's callback."""
        try:
            if self._lingering:
                if not self._sock.recv(65536):
                    self.close()
            else:
                self._step(mask)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            if self._fd >= 0:
                self._shared.resets += 1
                self.close()

    def _let_in(self, sock: Any) -> Client:
        """Go on with this socket, which stands for the one it had. Returns what goes on."""
        self._reactor.unwatch(self._fd)
        self._fd = -1
        self._shared.connections.discard(self)
        try:
            connection = self._next(sock, self._client, self._server)
        except OSError:  # it cannot be watched: epoll needs memory, too
            sock.close()
            raise
        if self._draining:
            connection.drain(parting=self._parting)
        return connection

    def _turn_away(self) -> None:
        """Send no more, and close when the client has: it is to see why, and no reset instead."""
        self._lingering = True
        self._shared.lingering += 1
        self._deadline = self._reactor.now + LINGER
        self._sock.shutdown(socket.SHUT_WR)
        self._reactor.rewatch(self._fd, IN)

    def refuse(self, _status: int, _reason: str) -> None:
        """There is no room for it, and no way yet to say so."""
        self._shared.turned_away += 1
        self.close()

    def drain(self, *, parting: bool) -> None:
        """One that has begun may still bring a request; it gets a little time to."""
        self._draining, self._parting = True, parting
        if parting:
            return
        if not self._begun:
            self.on_event(IN)  # perhaps it has, and nobody has looked yet
        if not self._begun:
            self.close()
        else:
            self._deadline = min(self._deadline, self._reactor.now + LINGER)

    def check_timeouts(self, now: float) -> None:
        """See Client."""
        if now > self._deadline:
            if self._lingering:
                self._shared.timed_out_linger += 1
            else:
                self._timed_out()
            self.close()

    def break_off(self) -> None:
        """See Client."""
        self.close()

    def close(self) -> None:
        """See Client."""
        if self._fd < 0:
            return
        self._reactor.unwatch(self._fd)
        self._fd = -1
        self._sock.close()
        shared = self._shared
        shared.connections.discard(self)
        if self._lingering:
            shared.lingering -= 1
        if shared.emptied is not None and not shared.connections:
            shared.emptied()
