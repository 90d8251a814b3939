"""One client's connection: bytes between its socket, the HTTP/1.1 reader and the exchanges."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from subsrv.exchange import HIGH_WATER, Address, Exchange, Transport
from subsrv.http1 import CONTINUE, Encoder, End, HeadParser, ProtocolError, Reader, Request
from subsrv.output import Output
from subsrv.reactor import IN, OUT, Reactor

_READ_SIZE = 65536

# A body that the application did not read is read to its end for the sake of the connection, up
# to so many bytes (Go's net/http does the same); beyond that it is cheaper to connect anew.
_DISCARDED_BODY = 256 * 1024

# After an early close, what the client still sends is read and thrown away for so long, or the
# kernel would reset the connection and the client lose the response (RFC 9112 section 9.6).
_LINGER = 2.0


class Timeouts(NamedTuple):
    """In seconds; infinity for none. See Config."""

    header: float
    body: float
    keep_alive: float
    write: float


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all connections of one worker share, and what they count. Of one worker only."""

    reactor: Reactor
    parser: HeadParser
    encoder: Encoder
    timeouts: Timeouts
    exchange: Callable[[Transport, Request], Exchange[Any]]
    connections: set["Connection"] = field(default_factory=set)
    emptied: Callable[[], None] | None = None
    """Called when the last connection closes, while somebody waits for that."""
    requests: int = 0
    refused: int = 0
    timed_out: int = 0


class Connection(Output):
    """See the module. Lives from accept to close in the worker that accepted it."""

    __slots__ = (
        "_advancing", "_body_open", "_discarded", "_draining", "_ended", "_exchange", "_heading",
        "_lingering", "_more", "_over", "_owes_continue", "_reader", "_recv", "_shared", "_stamp",
        "client", "closing", "encoder", "server",
    )  # fmt: skip

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        *,
        client: Address | None,
        server: Address | None,
    ) -> None:
        super().__init__(shared.reactor, sock)
        self._shared = shared
        self._recv = sock.recv
        self._reader = Reader(shared.parser)
        self._exchange: Exchange[Any] | None = None
        self._body_open = False  # the current request's body has not been read to its end
        self._owes_continue = False  # the client waits for 100 Continue before it sends that
        self._discarded = 0
        self._advancing = False
        self._more = False  # something stands behind the current request: another, or the end
        self._over = False  # whatever else comes is thrown away
        self._lingering = False
        self._ended = False  # the client will send no more
        self._draining = False
        self._heading = True  # a head is due, or has begun to come
        self._stamp = shared.reactor.now  # when what it does now began
        #: The connection closes when the current response has left.
        self.closing = False
        self.encoder = shared.encoder
        self.client = client
        self.server = server
        shared.connections.add(self)
        shared.reactor.watch(self._fd, IN, self.on_event)

    # Input.

    def on_event(self, mask: int) -> None:
        """The socket is ready: the reactor's callback."""
        if mask & OUT:
            self._flush()
            if not mask & ~OUT:
                return
        if self._paused:
            # Not asked for, so this is an error or a hang-up; the rest is of no use to anyone.
            self._lost()
            return
        try:
            data = self._recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lost()
            return
        if not data:
            self._end_of_input()
        elif not self._over:
            if self._exchange is None or self._body_open:
                self._advance(data)
            else:
                self._reader.feed(data)
                if self._reader.buffered > HIGH_WATER:
                    self._pause()

    def _advance(self, data: bytes = b"") -> None:
        """Turn what has been read into exchanges, one after the other."""
        reader = self._reader
        if self._over or (self._exchange is not None and not self._body_open):
            return
        if self.pending > HIGH_WATER:
            # The client asks for more and more without reading any of it.
            reader.feed(data)
            self._pause()
            return
        self._advancing = True
        try:
            event = reader.receive(data)
            while event is not None:
                if type(event) is Request:
                    self._begin(event)
                else:
                    assert not isinstance(event, Request)
                    self._body_event(event)
                if not self._body_open and (self._exchange is not None or not self._more):
                    return
                if self._over or self.pending > HIGH_WATER or (self._paused and not self._ended):
                    return
                event = reader.next()
            self._out_of_input()
        except ProtocolError as error:
            self._refuse(error)
        finally:
            self._advancing = False
            if self._corked:
                self._transmit(b"")

    def _begin(self, request: Request) -> None:
        shared = self._shared
        shared.requests += 1
        self._heading = False
        self._body_open = request.has_body
        self._more = self._reader.buffered > 0 or self._ended
        if request.expects_continue:
            # Until that is settled, nobody knows whether the body comes, and a response would be
            # the last.
            self._owes_continue = self.closing = True
        self._exchange = exchange = shared.exchange(self, request)
        exchange.begin()

    def _out_of_input(self) -> None:
        """What has been read holds no further event."""
        if self._ended and self._exchange is None:
            self._close_after_flush()
        elif self._reader.buffered and not self._heading and not self._body_open:
            self._heading = True
            self._stamp = self._reactor.now

    def _body_event(self, event: bytes | End) -> None:
        self._stamp = self._reactor.now
        if self._owes_continue:
            self._settle_continue()  # it comes unasked
        exchange = self._exchange
        if isinstance(event, End):
            self._body_open = False
            self._discarded = 0
            self._more = self._reader.buffered > 0 or self._ended
            if exchange is not None:
                exchange.body_ended()
        elif exchange is not None:
            if not exchange.body_received(event) and self._exchange is exchange:
                self._pause()
        else:
            self._discarded += len(event)
            if self._discarded > _DISCARDED_BODY:
                self._close_after_flush()

    def _end_of_input(self) -> None:
        """The client has finished sending. It may still read: what it has asked for is answered."""
        exchange = self._exchange
        if exchange is None and not self.pending:
            self.close()
            return
        self._ended = True
        self.closing = self.closing or not self._reader.buffered
        self._pause()
        if exchange is not None:
            exchange.disconnected()

    def want_body(self) -> None:
        """See Transport."""
        exchange = self._exchange
        if exchange is None or not self._body_open:
            return
        if self._owes_continue:
            self._settle_continue()
            if not exchange.started:
                self.send(CONTINUE)
        if not exchange.awaits_body:
            exchange.awaits_body = True
            self._stamp = self._reactor.now
        self._resume()

    def _settle_continue(self) -> None:
        self._owes_continue = False
        self.closing = self._draining or self._ended

    def _resume(self) -> None:
        if self._paused and not self._ended:
            self._paused = False
            self._watch()
            if not self._advancing:
                self._advance()

    # Output.

    def send(self, data: bytes) -> None:
        """See Transport."""
        self._transmit(data)

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """See Transport."""
        self._exchange = None
        self._stamp = self._reactor.now
        if self._advancing and self._more and keep_alive and not self._body_open:
            # More requests stand behind this one: their responses leave together.
            self._cork(data)
            return
        self._transmit(data)
        if not keep_alive or self.closing:
            self._close_after_flush()
        elif not self._advancing:
            self._resume()
            if self._reader.buffered or self._ended:
                self._advance()

    def abort(self) -> None:
        """See Transport."""
        self._exchange = None
        self.close()

    def _flush(self) -> None:
        """The socket is writable: go on with whatever waited for that."""
        self._send_pending()
        if self.closing and self._exchange is None and not self._out:
            self._close_after_flush()
        elif self.pending <= HIGH_WATER:
            if self._exchange is not None:
                self._exchange.drained()
            elif self._paused and not self._ended:
                self._resume()
            else:
                self._advance()

    # The end.

    def refuse(self, status: int, reason: str) -> None:
        """Answer whatever comes with this error, once, and close."""
        self._refuse(ProtocolError(status, reason))

    def _refuse(self, error: ProtocolError) -> None:
        """Answer a request that cannot be read, once, and close."""
        self._shared.refused += 1
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            # The body of a request under way is malformed or too large.
            answered = not exchange.open or exchange.started
            exchange.detach()
            exchange.disconnected()
            if answered:
                self.close()
                return
        body = exchange is None or exchange.request.method != "HEAD"
        self.send(self.encoder.error(error.status, error.reason, body=body))
        self._body_open = True  # so that whatever else comes is discarded, and never read
        self._close_after_flush()

    def _close_after_flush(self) -> None:
        self.closing = self._over = True
        if self._corked:
            self._transmit(b"")
        if self._out or self._fd < 0:
            return
        if self._body_open or self._reader.buffered:
            self._linger()
        else:
            self.close()

    def _linger(self) -> None:
        """Say that nothing more will come, and wait for the client to close."""
        if self._lingering:
            return
        self._lingering = True
        self._stamp = self._reactor.now
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
        self.close()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        if self._fd < 0:
            return
        self._reactor.unwatch(self._fd)
        self._fd = -1
        self._sock.close()
        shared = self._shared
        shared.connections.discard(self)
        if shared.emptied is not None and not shared.connections:
            shared.emptied()
        self._out = None
        self._corked.clear()
        self.pending = 0
        self.closing = self._over = True
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.detach()
            exchange.disconnected()

    def drain(self) -> None:
        """Finish what is under way, then close. A request that has arrived already counts."""
        self._draining = self.closing = True
        if self._exchange is None and not self._paused and not self._over:
            self.on_event(IN)
        idle = self._exchange is None and not self._out and not self._body_open
        if idle and not self._reader.buffered:
            self.close()

    # Time.

    def check_timeouts(self, now: float) -> None:
        """Act on whichever time-out has run out; called at each coarse tick."""
        timeouts = self._shared.timeouts
        age = now - self._stamp
        if self._out:
            if now - self._write_stamp > timeouts.write:
                self._time_out(None)
        elif self._lingering:
            if age > _LINGER:
                self.close()
        elif self._exchange is not None:
            if self._body_open and self._exchange.awaits_body and age > timeouts.body:
                self._time_out("the body stopped coming")
        elif self._body_open:
            if age > timeouts.body:
                self._time_out(None)
        elif self._heading:
            if age > timeouts.header:
                self._time_out("the request head did not come" if self._reader.buffered else None)
        elif age > timeouts.keep_alive:
            self.close()
        elif age > 1.0:
            self._reader.forget()

    def _time_out(self, reason: str | None) -> None:
        self._shared.timed_out += 1
        if reason is None:
            self.close()
        else:
            self._refuse(ProtocolError(408, reason))
