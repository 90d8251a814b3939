"""What serves in one worker: its listeners, its connections and their common clock."""

import asyncio
import logging
import math
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from subsrv import sockets
from subsrv.connection import Connection
from subsrv.early import Early
from subsrv.exchange import Address, Exchange, Transport
from subsrv.http1 import Encoder, HeadParser, Limits, Request
from subsrv.listener import Listener
from subsrv.reactor import Reactor
from subsrv.shared import COUNTLESS, UNBOUNDED, Client, Shared, Timeouts
from subsrv.ways_in import ways_in

if TYPE_CHECKING:
    from subsrv.access import AccessLog
    from subsrv.certificates import Certificates
    from subsrv.config import Config
    from subsrv.fair import Fairness
    from subsrv.histogram import Histogram

_log = logging.getLogger("subsrv")

# An idle connection is not looked at in every tick: seconds, where time-outs allow so many.
_LOOK_AGAIN = 5.0

# Connections beyond the limit that are told so, and then linger; more are closed without a word.
_TURNED_AWAY = 64


class App(Protocol):
    """An application behind one of the interfaces."""

    @property
    def exchange(self) -> Callable[[Transport, Request], Exchange[Any]]:
        """Makes the exchange of a request."""

    @property
    def websocket(self) -> Callable[[Transport, Request], Exchange[Any]]:
        """Makes that of a request for a WebSocket."""

    async def startup(self) -> None:
        """Prepare it, before the first accept."""

    async def shutdown(self) -> None:
        """Let it clean up, after the last response."""


class Server:
    """Accepts, serves and drains, on a loop whose selector is `reactor`."""

    def __init__(
        self,
        config: "Config",
        app: App,
        reactor: Reactor,
        *,
        fair: "Fairness | None" = None,
        certificates: "Certificates | None" = None,
        access: "AccessLog | None" = None,
    ) -> None:
        self._reactor = reactor
        self._tick_due = math.inf
        self._most_connections = config.limit_connections or UNBOUNDED
        self._listeners: list[Listener] = []
        self._second = 0
        self._patience: asyncio.Timeout | None = None
        self._fair = fair
        self._stopping = False
        self._parting = False
        self._early = Early()
        self._shared = Shared(
            reactor=reactor,
            parser=HeadParser(_limits(config), cache=config.header_cache),
            encoder=Encoder(
                server=b"subsrv" if config.server_header else None,
                date=config.date_header,
                cache=config.header_cache,
                extra=map(_field, config.header),
            ),
            timeouts=Timeouts(
                header=config.timeout_header or math.inf,
                body=config.timeout_body or math.inf,
                keep_alive=config.timeout_keep_alive or math.inf,
                write=config.timeout_write or math.inf,
                body_pace=1 / config.min_body_rate if config.min_body_rate else math.inf,
                write_pace=1 / config.min_write_rate if config.min_write_rate else math.inf,
            ),
            exchange=app.exchange,
            websocket=app.websocket,
            access=access,
            most_in_flight=config.limit_concurrency or COUNTLESS,
        )
        if config.limit_queue_age:
            from subsrv.overload import LoopQueue

            self._shared.queue = LoopQueue(config.limit_queue_age, self._shared)
            reactor.observe(self._shared.queue.watch)
        if fair is not None:
            self._shared.connections = fair.connections
        if config.control:
            from subsrv.histogram import Histogram

            self._shared.latency, self._shared.lag = Histogram(), Histogram()
        self._connection = _kind(access, self._shared.latency)
        times = self._shared.timeouts
        shortest = min(times.header, times.body, times.keep_alive, times.write)
        self._look_again = min(shortest / 4, _LOOK_AGAIN)
        self._connect, self._arrive = ways_in(config, self._shared, self._make, certificates)
        if fair is not None and (certificates is not None or config.proxy_protocol):
            fair.movable = False
        reactor.on_tick = self._tick

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept from these listening sockets, which are the server's from now on."""
        self._tick(self._reactor.now)
        for sock in sockets:
            accepted: Callable[[socket.socket, object], None] = _Door(self, sock).accepted
            if self._fair is not None:
                accepted = self._fair.door(accepted)
            listener = Listener(self._shared, sock, accepted)
            self._listeners.append(listener)
            listener.start()
        if self._fair is not None:
            self._fair.start(self._readmit)

    def stop(self, parting: float = 0.0, *, succeeded: bool = False) -> None:
        """Accept no more, and let what is under way finish; see `drained`.

        An idle connection is closed after `parting` seconds, unless a request comes meanwhile: its
        client cannot know, and one that is just being sent would be lost. `succeeded`: another
        worker has this one's place.
        """
        self._stopping = True
        self._parting = parting > 0
        if self._fair is not None:
            self._fair.stop(succeeded=succeeded)
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._shared.connections):
            connection.drain(parting=self._parting)
        if parting > 0:
            asyncio.get_running_loop().call_later(parting, partial(self.stop, succeeded=succeeded))

    async def drained(self, deadline: float) -> bool:
        """Wait until no connection is left; False if some are at `deadline` (the loop's clock)."""
        empty = asyncio.Event()
        self._shared.emptied = empty.set
        if not self._shared.connections:
            return True
        try:
            async with asyncio.timeout_at(deadline) as self._patience:
                await empty.wait()
        except TimeoutError:
            _log.warning("%d connections did not finish in time", len(self._shared.connections))
            return False
        finally:
            self._patience = None
        return True

    def hurry(self, deadline: float, *, succeeded: bool) -> None:
        """Close what is idle, and have `drained` wait no longer than until then."""
        self.stop(succeeded=succeeded)
        if self._patience is not None:
            self._patience.reschedule(deadline)

    def close(self) -> None:
        """Close whatever is still open."""
        for listener in self._listeners:
            listener.close()
        if self._fair is not None:
            self._fair.end()
        for connection in tuple(self._shared.connections):
            connection.break_off()

    def stats(self) -> dict[str, int]:
        """The worker's counters, and how many connections and requests there are now."""
        shared, fair = self._shared, self._fair
        stats = {
            "connections": len(shared.connections),
            "in_flight": shared.in_flight,
            **shared.snapshot(),
        }
        if fair is not None:
            stats |= {"passed": fair.passed, "taken": fair.taken, "moved": fair.moved}
        return stats

    def histograms(self) -> dict[str, object]:
        """How long requests took, and how late the loop was; nothing where nobody is to ask."""
        found = {"latency": self._shared.latency, "lag": self._shared.lag}
        return {name: each.snapshot() for name, each in found.items() if each is not None}

    def admit(self, sock: socket.socket, client: Address | None, server: Address | None) -> None:
        """Serve an accepted connection, or answer 503 where there are too many."""
        shared = self._shared
        shared.accepts += 1
        self._start_clock()
        connection: Client
        if self._arrive is not None:
            connection = self._arrive(sock, client, server)
        else:
            connection = new = self._connect(sock, client, server)
            if not self._stopping and not self._is_full() and self._early.due():
                self._early.tried(found=new.read_early())
                return
            new.watch()
        if self._is_full():
            if shared.lingering < _TURNED_AWAY:
                connection.refuse(503, "too many connections")
            else:
                shared.turned_away += 1
                connection.close()
        elif self._stopping:
            connection.drain(parting=self._parting)

    def _is_full(self) -> bool:
        # Those that linger are over: they must not keep others out.
        shared = self._shared
        return len(shared.connections) - shared.lingering > self._most_connections

    def _readmit(self, sock: socket.socket, peer: object) -> None:
        """Serve a connection that another worker has served until now."""
        self._start_clock()
        connection = self._connect(sock, _address(peer), _address(sock.getsockname()))
        connection.rest()
        connection.watch()
        if self._stopping:
            connection.drain(parting=self._parting)

    def _make(
        self, sock: socket.socket, client: Address | None, server: Address | None
    ) -> Connection:
        return self._connection(self._shared, sock, client=client, server=server)

    def _start_clock(self) -> None:
        if not self._reactor.ticking:
            self._tick(self._reactor.now)  # it has stood still
            self._reactor.ticking = True

    def _tick(self, now: float) -> None:
        """The coarse clock: time-outs, the Date header, and paused listeners."""
        if now >= self._tick_due and self._shared.lag is not None:
            self._shared.lag.add(now - self._tick_due)
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._shared.encoder.set_time(second)
        shared = self._shared
        shared.look_again = now + self._look_again
        connections = shared.connections
        for connection in [each for each in connections if each.due <= now]:
            connection.check_timeouts(now)
        for listener in self._listeners:
            listener.tick(now)
        if self._fair is not None:
            self._fair.tick()
        if not connections:
            self._reactor.ticking = any(listener.paused for listener in self._listeners)
        # Where it stands still, it is never late.
        self._tick_due = now + self._reactor.tick if self._reactor.ticking else math.inf


class _Door:
    """Gives connections of one listening socket their addresses."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self._server = server
        name = sock.getsockname()
        self._address = _address(name)
        # Behind a wildcard the address differs from connection to connection.
        self._wildcard = isinstance(name, tuple) and name[0] in ("0.0.0.0", "::")

    def accepted(self, sock: socket.socket, peer: object) -> None:
        server = self._address
        if self._wildcard:
            server = sock.getsockname()[:2]
        self._server.admit(sock, _address(peer), server)


def _address(name: object) -> Address | None:
    """Of what the socket module calls a name; None for a Unix client's, which has none."""
    if isinstance(name, tuple):
        return name[0], name[1]
    if isinstance(name, (str, bytes)) and name:
        return sockets.path_of(name), None
    return None


def _field(line: str) -> tuple[bytes, bytes]:
    name, _, value = line.encode("latin-1").partition(b":")
    return name, value.strip(b" \t")


def _kind(access: "AccessLog | None", latency: "Histogram | None") -> type[Connection]:
    """The kind of connection that there will be: what it need not do, it cannot do."""
    kind = Connection
    if access is not None:
        from subsrv.access.connection import LoggedConnection  # where nothing is logged, unpaid for

        kind = LoggedConnection
    if latency is not None:
        from subsrv.timing import timed

        kind = timed(kind, latency)
    return kind


def _limits(config: "Config") -> Limits:
    return Limits(
        request_line=config.limit_request_line or UNBOUNDED,
        header_size=config.limit_header_size or UNBOUNDED,
        header_count=config.limit_header_count or UNBOUNDED,
        body=config.limit_body or UNBOUNDED,
    )
