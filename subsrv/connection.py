"""One client's connection: what its exchanges send, how it ends, moves on, and runs out of time."""

import math
import socket
from collections.abc import Sequence

from subsrv.ending import LINGER
from subsrv.exchange import HIGH_WATER, Address
from subsrv.http1 import ProtocolError
from subsrv.incoming import Incoming
from subsrv.reactor import IN
from subsrv.shared import Shared

# Responses to pipelined requests that leave together, at the most.
_CORKED = 64

# What the reader keeps for speed alone is given up when a connection has idled for so long.
_RECENT = 1.0


class Connection(Incoming):
    """A client's. Lives from accept to close in the worker that accepted it.

    Whoever makes it calls `watch` next, or `read_early`.
    """

    __slots__ = ()

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        *,
        client: Address | None,
        server: Address | None,
    ) -> None:
        super().__init__(shared, sock, client=client, server=server)
        shared.connections.add(self)

    def watch(self) -> None:
        """Begin to read. OSError where epoll has no room; it is closed then."""
        try:
            self._watch()
        except OSError:
            self.close()
            raise

    def read_early(self) -> bool:
        """Read what may be here already, and watch it only if it lives on; whether any was here.

        A connection that ends with its first response is never watched: that spares it three
        system calls.
        """
        self.on_event(IN)
        if self._fd >= 0:
            self.watch()
        return not self._heading

    # Output.

    def send(self, data: bytes) -> None:
        """See Transport."""
        self._transmit(data)

    def send_parts(self, parts: Sequence[bytes]) -> None:
        """See Transport."""
        self._transmit_parts(parts)

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """See Transport."""
        self._exchange = None
        if self._in_flight:
            self._release()
        self._stamp = self._reactor.now
        if self._body_open:
            self._discard()
        if data and self._advancing and keep_alive and not (self._body_open or self.closing):
            # With those of the requests behind this one, and of other clients: see Reactor.outbox.
            corked = self._corked
            if corked is None:
                self._corked = [data]
            elif len(corked) < _CORKED:
                corked.append(data)
            else:
                self._transmit(data)
            return
        if data:  # nothing is left of a body that came in pieces, and ended with its length
            self._transmit(data)
        if not keep_alive or self.closing:
            self._close_after_flush()
        elif not self._advancing:
            self.resume()
            if self._reader.buffered or self._ended:
                self._advance()

    def _discard(self) -> None:
        """What is left of the body, nobody will read."""
        self._waited = 0.0
        if not self._reader.tunnels:
            self._shared.discarded_bodies += 1

    def abort(self) -> None:
        """See Transport."""
        self._release()
        self._shared.aborted += 1
        self.break_off()

    def _flush(self) -> None:
        """The socket is writable: go on with whatever waited for that."""
        self._send_pending()
        if self.closing and self._exchange is None and not self._out:
            self._close_after_flush()
        elif self.pending <= HIGH_WATER:
            if self._exchange is not None:
                self._exchange.drained()
            elif self._paused and not self._ended:
                self.resume()
            else:
                self._advance()

    # The end.

    def refuse(self, status: int, reason: str) -> None:
        """Answer whatever comes with this error, once, and close."""
        self._refuse(ProtocolError(status, reason))

    def _refuse(self, error: ProtocolError) -> None:
        """Answer a request that cannot be read, once, and close."""
        shared = self._shared
        shared.refused += 1
        shared.statuses[error.status] = shared.statuses.get(error.status, 0) + 1
        exchange = self._exchange
        self._release()
        if exchange is not None:
            # The body of a request under way is malformed or too large.
            answered = not exchange.open or exchange.started
            exchange.detach()
            exchange.disconnected()
            if answered:
                self.break_off()
                return
            bodiless = exchange.request.method == "HEAD"
        else:
            bodiless = error.bodiless or self._reader.asks_head
        self.send(self.encoder.error(error.status, error.reason, bodiless=bodiless))
        self._body_open = True  # so that whatever else comes is discarded, and never read
        self._close_after_flush()

    def _unread(self) -> bool:
        """See Ending."""
        return self._body_open or self._reader.buffered > 0

    def _under_way(self) -> bool:
        """See Ending."""
        return self._exchange is not None or self._body_open or self.pending > 0

    def _closed(self) -> None:
        """See Ending."""
        exchange = self._exchange
        self._release()
        if exchange is not None:
            exchange.detach()
            exchange.disconnected()

    def drain(self, *, parting: bool) -> None:
        """Finish what is under way, then close. A request that has arrived already counts.

        While `parting`, so does one that is still to come.
        """
        self.uncork()
        self._draining = self.closing = True
        if self._exchange is None and not (parting or self._paused or self._over):
            self.on_event(IN)
        if self._exchange is not None:
            self._exchange.drain()
        if parting:
            return
        idle = self._exchange is None and not self._out and not self._body_open
        if idle and not self._reader.buffered:
            self.close()

    # Another worker.

    @property
    def rests_since(self) -> float:
        """When its last response left, if it is between two requests; else minus infinity."""
        if (
            self._exchange is not None
            or self._heading
            or self._body_open
            or self._out
            or self._corked
            or self.closing
            or self._reader.buffered
        ):
            return -math.inf
        return self._stamp

    @property
    def socket(self) -> socket.socket:
        """For another worker to take over, while it rests; this one then calls `close`."""
        return self._sock

    def rest(self) -> None:
        """It has rested in another worker."""
        self._heading = False

    # Time.

    def check_timeouts(self, now: float) -> None:
        """Act on whichever time-out has run out; called at each coarse tick, once it is `due`."""
        shared, timeouts = self._shared, self._shared.timeouts
        age = now - self._stamp
        if self._out:
            if now - self._write_stamp > timeouts.write:
                shared.timed_out_write += 1
                self.close()
        elif self._lingering:
            if age > LINGER:
                shared.timed_out_linger += 1
                self.close()
        elif self._exchange is not None:
            if not self._body_open or not self._exchange.awaits_body:
                self.due = min(self._exchange.tick(now), shared.look_again)
            elif age > timeouts.body:
                shared.timed_out_body += 1
                self._time_out("the body does not come, or too slowly")
        elif self._body_open:
            if age > timeouts.body:
                shared.timed_out_body += 1
                self.close()
        elif self._heading:
            if age > timeouts.header:
                shared.timed_out_header += 1
                if self._reader.buffered:
                    self._time_out("the request head did not come")
                else:
                    self.close()
        elif age > timeouts.keep_alive:
            shared.timed_out_idle += 1
            self.close()
        elif age > _RECENT:
            self._reader.forget()
            # Most connections are idle, and most of those stay so.
            self.due = shared.look_again

    def _time_out(self, reason: str) -> None:
        self._refuse(ProtocolError(408, reason))
