"""A connection between a fake socket and a scripted application, under any client.

An input is a byte that says how long the script is, the script, and what the client sends. Each
byte of the script is a step: some more of the client's bytes arrive, the socket takes some more
of ours, time passes, the application does what it has put off, or the client or the server ends.
What a request's exchange does is said by its path, so that a mutation of the path changes it.
"""

import os
from collections.abc import Callable
from errno import EBADF
from typing import Any

import h11

from subsrv.connection import Connection
from subsrv.exchange import HIGH_WATER, Exchange, Transport
from subsrv.files import FileRange
from subsrv.http1 import Encoder, HeadParser, Limits, Request
from subsrv.reactor import IN, OUT, Held, uncork
from subsrv.shared import Shared, Timeouts

LIMITS = Limits(request_line=96, header_size=256, header_count=8, body=200)
_TIMEOUTS = Timeouts(
    header=10.0, body=10.0, keep_alive=5.0, write=10.0, body_pace=1 / 240, write_pace=1 / 240
)

_LARGE = b"x" * (HIGH_WATER + 1)
_FILE, _FILE_SIZE = os.memfd_create("fuzz"), HIGH_WATER + 1
os.truncate(_FILE, _FILE_SIZE)
# A response that has begun is not held back, and what leaves together is at most 64 of them.
_MOST_PENDING = 2 * HIGH_WATER + 64 * 1024


class FakeSocket:
    """Holds what has arrived and what was sent; takes only as much as it has room for."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self.ended = self.reset = self.closed = self.shut = False
        self.room = 1 << 30
        self.sent = bytearray()

    def fileno(self) -> int:
        return -1 if self.closed else 3

    def recv(self, size: int) -> bytes:
        if self.closed:
            raise OSError(EBADF, "closed")
        if self.reset:
            raise ConnectionResetError
        if self.arrived:
            return self.arrived.pop(0)
        if self.ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes | memoryview) -> int:
        if self.closed:
            raise OSError(EBADF, "closed")
        assert not self.shut, "a write after shutdown"
        if self.reset:
            raise BrokenPipeError
        taken = min(len(data), self.room)
        if not taken and data:
            raise BlockingIOError
        self.room -= taken
        self.sent += data[:taken]
        return taken

    def sendmsg(self, parts: list[bytes | memoryview]) -> int:
        return self.send(b"".join(parts))

    def shutdown(self, _how: int) -> None:
        if self.reset:
            raise OSError
        self.shut = True

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True


class FakeReactor:
    """Knows what is watched, and the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.mask: int | None = None
        self.outbox: list[Held] = []

    def watch(self, fd: int, mask: int, _callback: Callable[[int], None]) -> None:
        assert fd == 3
        assert self.mask is None
        self.mask = mask

    def rewatch(self, fd: int, mask: int) -> None:
        assert fd == 3
        assert self.mask is not None
        self.mask = mask

    def unwatch(self, fd: int) -> None:
        assert fd == 3
        assert self.mask is not None
        self.mask = None


class _Connection(Connection):
    """No kernel could send a file to its socket."""

    __slots__ = ()
    can_sendfile = False


class Scripted(Exchange["World"]):
    """Does what the second byte of its request's path says, at once or when the script says so."""

    body_size = 0
    done = False

    def begin(self) -> None:
        self.number = len(self._app.begun)
        self._app.begun.append(self)
        self.how = self.request.raw_path[1:2]
        if self.how == b"c":
            return  # later
        if self.how == b"b" and self.request.has_body and self._transport is not None:
            self._transport.want_body()
            return
        self.answer()

    def body_received(self, data: bytes) -> bool:
        self.body_size += len(data)
        return self.how != b"p"

    def body_ended(self) -> None:
        self.awaits_body = False
        if self.how == b"b":
            self.answer()

    def drained(self) -> None:
        if self.how == b"d" and not self.done:
            self.answer()

    def disconnected(self) -> None:
        if self.how == b"b" and self.awaits_body:
            self.abandon()

    def answer(self) -> None:
        """Answer, or go on to."""
        if self.done or not self.open:
            return
        fields = [("x-n", str(self.number))]
        match self.how:
            case b"d":  # in pieces, with respect for back-pressure
                if self._head is None:
                    self.start(200, fields)
                for _ in range(3):
                    if self.congested:
                        return
                    self.write(b"abc" * 9000)
                self.done = True
                self.finish(b"d")
            case b"e":
                self.done = True
                self.fail("it was told to")
            case b"f":
                self.done = True
                self.start(200, [*fields, ("content-length", "9")])
                self.write(b"short")
                self.fail("it was told to, late")
            case b"l":
                self.done = True
                self.respond(200, fields, _LARGE)
            case b"s":  # a file, too large to leave with its head
                self.done = True
                self.respond_file(200, fields, FileRange(os.dup(_FILE), 0, _FILE_SIZE))
            case b"n":
                self.done = True
                self.respond(204, fields, b"")
            case _:
                self.done = True
                self.respond(200, fields, b"ok")


class World:
    """All there is in one execution."""

    def __init__(self, *, cache: int) -> None:
        self.begun: list[Scripted] = []
        self.sock = FakeSocket()
        self.reactor = FakeReactor()
        # Whatever may cut an answer short, and so excuses it.
        self.broken = False
        # Some request may be a HEAD, whose refusal has no body.
        self.asks_head = False
        reactor: Any = self.reactor
        sock: Any = self.sock
        self.shared = Shared(
            reactor=reactor,
            parser=HeadParser(LIMITS, cache=cache),
            encoder=Encoder(server=None, date=False, cache=cache),
            timeouts=_TIMEOUTS,
            exchange=self.exchange,
            websocket=self.exchange,
        )
        self.connection = _Connection(self.shared, sock, client=None, server=None)
        self.connection.watch()

    def exchange(self, transport: Transport, request: Request) -> Scripted:
        """What the connection makes for each request."""
        return Scripted(self, transport, request)

    def ready(self) -> None:
        """Call back for what is both ready and watched, as the reactor does."""
        sock = self.sock
        uncork(self.reactor.outbox)
        for _ in range(4):
            mask = self.reactor.mask
            if mask is None:
                return
            found = 0
            if sock.arrived or sock.ended:
                found |= IN & mask
            if sock.room:
                found |= OUT & mask
            if sock.reset:
                found |= IN | OUT
            if not found:
                return
            self.connection.on_event(found)
            uncork(self.reactor.outbox)
            assert self.connection.pending <= _MOST_PENDING, "pending is not bounded"

    def tick(self, seconds: float) -> None:
        """Time passes, and the worker's clock looks at the connection."""
        self.reactor.now += seconds
        if self.connection in self.shared.connections:
            timed_out = self._timed_out()
            self.connection.check_timeouts(self.reactor.now)
            # A client that does not read loses what it was sent.
            self.broken |= self._timed_out() > timed_out

    def _timed_out(self) -> int:
        shared = self.shared
        # One that idled had nothing to lose, nor one that was waited for at the end.
        return shared.timed_out_header + shared.timed_out_body + shared.timed_out_write

    def put_off(self) -> None:
        """The application does what it has put off."""
        for exchange in self.begun:
            exchange.answer()


def check(data: bytes) -> None:
    """AssertionError, or whatever exception escapes, where the connection breaks a promise."""
    if not data:
        return
    length = min(data[0] & 15, len(data) - 1)
    script, stream = data[1 : 1 + length], data[1 + length :]
    world = World(cache=data[0] >> 6)
    world.asks_head = b"HEAD " in stream
    sock = world.sock
    for step in script:
        what, much = step & 7, step >> 3
        if what <= 1 and not sock.ended:
            piece, stream = stream[: 1 + much * 4], stream[1 + much * 4 :]
            sock.arrived += [piece] * bool(piece)
        elif what == 2:
            sock.room = much * much * 128
        elif what == 3:
            world.tick(much / 2)
        elif what == 4:
            world.put_off()
        elif what == 5 and much & 1:
            sock.ended = True
        elif what == 6 and much & 1:
            sock.reset = world.broken = True
        elif what == 7 and much & 1 and world.reactor.mask is not None:
            world.connection.drain(parting=False)
        world.ready()
    _finish(world, stream)


def _finish(world: World, stream: bytes) -> None:
    """All that is left arrives, all is sent, all is answered; the client leaves; then look."""
    sock = world.sock
    if stream and not sock.ended:
        sock.arrived.append(stream)
    for _ in range(20):
        sock.room = 1 << 30
        world.ready()
        world.put_off()
    sock.ended = True
    for _ in range(6):
        sock.room = 1 << 30
        world.ready()
        world.put_off()
        world.tick(4.0)
    assert sock.closed, "it is still open"
    assert not world.shared.connections, "a connection is left"
    assert world.reactor.mask is None, "its descriptor is still watched"
    assert world.connection.pending == 0
    _check_answers(world)


def _check_answers(world: World) -> None:
    """What was sent is, to h11, the responses to the requests in their order."""
    rest = bytes(world.sock.sent)
    for number, exchange in enumerate(world.begun):
        client, complete = h11.Connection(h11.CLIENT), False
        method = exchange.request.method
        client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        client.receive_data(b"")
        status = 0
        while True:
            try:
                event = client.next_event()
            except h11.RemoteProtocolError:
                assert _may_be_cut(world, exchange), (number, rest[:300])
                return
            if isinstance(event, h11.Response):
                status = event.status_code
                fields = dict(event.headers)
                mine = fields.get(b"x-n") == b"%d" % number
                assert mine or status >= 400, (number, rest[:300])
                if not mine:
                    assert fields.get(b"connection") == b"close"
            elif isinstance(event, h11.EndOfMessage):
                complete = True
                break
            elif not isinstance(event, (h11.InformationalResponse, h11.Data)):
                break
        assert complete or _may_be_cut(world, exchange), (number, rest[:300])
        rest = client.trailing_data[0]
        if client.their_state is not h11.DONE:
            assert rest == b"", "something behind the last response"
        if status >= 400:
            break
    if rest and not world.broken:
        # At most one refusal of what was no request.
        client = h11.Connection(h11.CLIENT)
        method = "HEAD" if world.asks_head and rest.endswith(b"\r\n\r\n") else "GET"
        client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        client.receive_data(b"")
        refusal = client.next_event()
        assert isinstance(refusal, h11.Response), rest[:300]
        assert 400 <= refusal.status_code < 600, rest[:300]
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data)
        assert client.trailing_data[0] == b"", rest[:300]


def _may_be_cut(world: World, exchange: Scripted) -> bool:
    """A client that is gone or stopped, an application that failed late, a body that was wrong."""
    return world.broken or exchange.how == b"f" or exchange.request.has_body or not exchange.done
