"""What a client sends: from its socket by way of the HTTP/1.1 reader to the exchanges."""

import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from subsrv.ending import Ending
from subsrv.exchange import HIGH_WATER, Address, Exchange, Transport
from subsrv.http1 import CONTINUE, End, ProtocolError, Reader, Request
from subsrv.interruption import Interrupted, dealing_with
from subsrv.reactor import IN, OUT
from subsrv.shared import Counters, Shared

_log = logging.getLogger("subsrv")

_READ_SIZE = 65536
# Of a body that comes faster than that is read (asyncio reads as much).
_LARGE_READ = 262144

# Reads of a body within one turn of the loop, beyond the one that epoll asked for: what one client
# may have before others have their turn.
_READS = 3

# A body that the application did not read is read to its end for the sake of the connection, up
# to so many bytes (Go's net/http does the same); beyond that it is cheaper to connect anew.
_DISCARDED_BODY = 256 * 1024

_BUSY = [("content-type", "text/plain; charset=utf-8"), ("retry-after", "1")]


class Incoming(Ending):
    """The reading side of a connection; its subclass is the Transport of the exchanges."""

    __slots__ = (
        "_advancing", "_arrived", "_body_open", "_discarded", "_draining", "_ended", "_exchange",
        "_heading", "_in_flight", "_more", "_owes_continue", "_read_size", "_reader", "_reads",
        "_recv", "_turn", "_waited", "client", "encoder", "peer", "scheme", "server", "trusted",
    )  # fmt: skip

    # Set, and looked at, only where proxies are trusted: see forwarded.py.
    peer: Address | None
    trusted: bool
    scheme: str

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        *,
        client: Address | None,
        server: Address | None,
    ) -> None:
        super().__init__(shared, sock)
        self._recv = sock.recv
        self._reader = Reader(shared.parser)
        self._exchange: Exchange[Any] | None = None
        self._in_flight = False  # the exchange is counted as such
        self._body_open = False  # the current request's body has not been read to its end
        self._owes_continue = False  # the client waits for 100 Continue before it sends that
        self._discarded = 0
        self._advancing = False
        self._more = False  # something stands behind the current request: another, or the end
        self._ended = False  # the client will send no more
        self._draining = False
        self._heading = True  # a head is due, or has begun to come
        self._arrived: float  # set and used by timing.py alone
        self._waited = 0.0  # how long the body has been waited for beyond what it is worth
        self._read_size = _READ_SIZE  # more of a body that comes as fast as it is read
        self._turn = 0.0  # of the reactor, by its clock; in which so many further reads may follow
        self._reads = 0
        self.encoder = shared.encoder
        self.client = client
        self.server = server

    # Of the subclass.

    def send(self, data: bytes) -> None:
        """See Transport."""
        raise NotImplementedError

    def send_parts(self, parts: Sequence[bytes]) -> None:
        """See Transport."""
        raise NotImplementedError

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """See Transport."""
        raise NotImplementedError

    def abort(self) -> None:
        """See Transport."""
        raise NotImplementedError

    def _flush(self) -> None:
        """The socket is writable."""
        raise NotImplementedError

    def _refuse(self, error: ProtocolError) -> None:
        """Answer a request that cannot be read, once, and close."""
        raise NotImplementedError

    # Input.

    def on_event(self, mask: int) -> None:
        """The socket is ready: the reactor's callback."""
        wanted = self._mask
        if mask != IN and mask & OUT:
            self._flush()
            if not mask & ~OUT or self._fd < 0:
                return
        if self._paused:
            if wanted & IN and not mask & ~(IN | OUT):
                # Only now, for mostly nothing comes until it is read again: that spares two
                # system calls for each piece of a body that is read as fast as it comes.
                self._watch()
            else:
                # Not asked for, so this is an error or a hang-up; the rest is of no use to anyone.
                self._lost()
            return
        try:
            data = self._recv(self._read_size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lost()
            return
        if not data:
            self._end_of_input()
        elif self._over:
            pass
        elif self._exchange is not None and not self._body_open:
            self._reader.feed(data)
            if self._reader.buffered > HIGH_WATER:
                self._hold()
        elif self.pending > HIGH_WATER:
            # The client asks for more and more without reading any of it.
            self._reader.feed(data)
            self._hold()
        else:
            self._take(data)

    def _hold(self) -> None:
        """Read no more until what has come is dealt with."""
        if not self._paused:
            self._shared.read_pauses += 1
            self._paused = True

    def _advance(self) -> None:
        """Go on with what has been read, if it is its turn."""
        if self._over or (self._exchange is not None and not self._body_open):
            return
        if self.pending > HIGH_WATER:
            self._hold()
        else:
            self._take(b"")

    def _take(self, data: bytes) -> None:
        """Turn what has been read, and this, into exchanges, one after the other."""
        reader = self._reader
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
        except (Exception, Interrupted) as error:
            # An application's errors are caught where it is called; this is one of the server, of
            # the machine, or the end of a hang, and costs one connection, not the worker.
            self._fail(error)
        finally:
            self._advancing = False
            if self._corked:
                self._reactor.outbox.append(self)

    def uncork(self) -> None:
        """See Held: send the responses that have waited for others."""
        corked = self._corked
        if not corked:
            return
        self._corked = None
        data = corked[0] if len(corked) == 1 else b"".join(corked)
        try:
            if self._out:
                self._transmit(data)
                return
            # What _transmit does then, with a call less for each request.
            try:
                sent = self._send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._lost()
                return
            if sent != len(data):
                self._keep(data, sent)
        except (Exception, Interrupted) as error:
            self._fail(error)  # as above

    def _begin(self, request: Request) -> None:
        shared = self._shared
        shared.requests += 1
        self._heading = False
        self._body_open = request.has_body
        self._more = self._ended or len(self._reader.buffer) > 0
        make = self._special(request) if request.special else shared.exchange
        if shared.in_flight >= shared.most_in_flight and self._declined(request):
            return
        self._exchange = exchange = make(self, request)
        if not self._body_open:
            exchange.run()
        elif request.special or (body := self._reader.take_body()) is None:
            exchange.begin()
        else:
            self._body_open = False
            self._more = self._reader.buffered > 0 or self._ended
            exchange.begin_whole(body)
        if self._exchange is not None:
            self._in_flight = True
            shared.in_flight += 1

    def _special(self, request: Request) -> Callable[[Transport, Request], Exchange[Any]]:
        """Prepare for what is not just a request and its response; what makes its exchange."""
        if request.framing.websocket:
            # From here on the client sends something else, and reads at most this response.
            self._reader.tunnel()
            self._body_open = self.closing = True
            return self._shared.websocket
        # Until it is settled whether the body comes, a response would be the last.
        self._owes_continue = self.closing = True
        return self._shared.exchange

    def _declined(self, request: Request) -> bool:
        """Answer 503 if there is no room for a request, or if it has waited for too long.

        It can be made again, perhaps on this connection.
        """
        shared = self._shared
        queue = shared.queue
        if queue is None or shared.in_flight >= queue.most_in_flight:
            shared.overloaded += 1
        elif queue.too_old(self._sock):
            shared.expired += 1
        else:
            return False
        body = b"503 Service Unavailable: too many requests\n"
        data, keep_alive = self.encoder.complete(503, _BUSY, body, request, self.closing)
        self.finish(data, keep_alive)
        return True

    def _fail(self, error: BaseException) -> None:
        exchange = self._exchange
        if exchange is None or not exchange.open:
            with dealing_with(error):
                _log.error("a connection failed", exc_info=error)
                self.close()
        else:
            exchange.fail("the request failed", error)

    def _release(self) -> None:
        """The exchange is over, or given up."""
        self._exchange = None
        if self._in_flight:
            self._in_flight = False
            self._shared.in_flight -= 1

    def _out_of_input(self) -> None:
        """What has been read holds no further event."""
        if self._ended and self._exchange is None:
            self._close_after_flush()
        elif self._reader.buffered and not self._heading and not self._body_open:
            self._heading = True
            self._stamp = self._reactor.now
        elif (
            self._read_size > _READ_SIZE
            and (exchange := self._exchange) is not None
            and exchange.awaits_body
            and not self._paused
        ):
            self._read_on()  # of a body that is wanted whole

    def _body_event(self, event: bytes | End) -> None:
        exchange = self._exchange
        if self._owes_continue:
            self._settle_continue()  # it comes unasked
        if isinstance(event, End):
            self._body_open = False
            self._read_size = _READ_SIZE
            self._discarded = 0
            self._waited = 0.0
            self._stamp = self._reactor.now
            self._more = self._reader.buffered > 0 or self._ended
            if exchange is not None:
                exchange.body_ended()
            return
        # Each byte buys the client some time, but none in advance: one that sends so little that
        # nobody would wait for it runs out of time, however steadily it comes.
        size, now = len(event), self._reactor.now
        if exchange is None or exchange.awaits_body:
            self._waited = now - self._stamp
        waited = self._waited - size * self._shared.timeouts.body_pace
        self._waited = waited = waited if waited > 0.0 else 0.0
        self._stamp = now - waited
        self._read_size = _LARGE_READ if size > _READ_SIZE // 2 else _READ_SIZE
        if exchange is not None:
            if not exchange.body_received(event) and self._exchange is exchange:
                self._hold()
        else:
            self._discarded += size
            if self._discarded > _DISCARDED_BODY:
                self._close_after_flush()

    def _end_of_input(self) -> None:
        """The client has finished sending. It may still read: what it has asked for is answered."""
        exchange = self._exchange
        if exchange is None and not self.pending:
            if not self._over and (self._body_open or self._reader.buffered):
                self._shared.disconnects += 1
            self.close()
            return
        self._ended = True
        self.closing = self.closing or not self._reader.buffered
        self._paused = True
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
            self._stamp = self._reactor.now - self._waited
        self.resume()
        flows = self._read_size > _READ_SIZE
        if flows and exchange.awaits_body and not (self._advancing or self._over):
            self._read_on()

    def _read_on(self) -> None:
        """The application waits for what may well be here: spare it a turn of the loop."""
        now = self._reactor.now
        if self._turn != now:
            self._turn = now
            self._reads = _READS
        if self._reads:
            self._reads -= 1
            self.on_event(IN)

    def _settle_continue(self) -> None:
        self._owes_continue = False
        self.closing = self._draining or self._ended

    def resume(self) -> None:
        """See Transport."""
        if self._paused and not self._ended:
            self._paused = False
            self._watch()
            if not self._advancing:
                self._advance()

    @property
    def counters(self) -> Counters:
        """See Transport."""
        return self._shared
