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
from subsrv.exchange import Address, Exchange, Transport
from subsrv.http1 import Encoder, HeadParser, Limits, Request
from subsrv.listener import Listener
from subsrv.reactor import Reactor
from subsrv.shared import UNBOUNDED, Client, Shared, Timeouts

if TYPE_CHECKING:
    from subsrv.arrival import Next
    from subsrv.certificates import Certificates
    from subsrv.config import Config
    from subsrv.forwarded import Peers

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
        certificates: "Certificates | None" = None,
    ) -> None:
        self._reactor = reactor
        self._most_connections = config.limit_connections or UNBOUNDED
        self._listeners: list[Listener] = []
        self._second = 0
        self._shared = Shared(
            reactor=reactor,
            parser=HeadParser(_limits(config), cache=config.header_cache),
            encoder=Encoder(
                server=b"subsrv" if config.server_header else None,
                date=config.date_header,
                cache=config.header_cache,
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
            most_in_flight=config.limit_concurrency or UNBOUNDED,
        )
        times = self._shared.timeouts
        shortest = min(times.header, times.body, times.keep_alive, times.write)
        self._look_again = min(shortest / 4, _LOOK_AGAIN)
        #: What goes on with an accepted socket, its client's address and the server's.
        self._arrive: Next = self._connect
        peers = None
        if config.forwarded_allow_ips:
            peers = _behind_proxies(self._shared, config)
            self._arrive = partial(_connect_from, self._connect, peers)
        if certificates is not None:
            self._arrive = _handshakes(self._shared, certificates, self._arrive)
        if config.proxy_protocol and peers is not None:
            self._arrive = _preambles(self._shared, peers, self._arrive)
        reactor.on_tick = self._tick

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept from these listening sockets, which are the server's from now on."""
        self._tick(self._reactor.now)
        for sock in sockets:
            listener = Listener(self._shared, sock, _Door(self, sock).accepted)
            self._listeners.append(listener)
            listener.start()

    def stop(self) -> None:
        """Accept no more, and let what is under way finish; see `drained`."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._shared.connections):
            connection.drain()

    async def drained(self, deadline: float) -> bool:
        """Wait until no connection is left; False if some are at `deadline` (the loop's clock)."""
        empty = asyncio.Event()
        self._shared.emptied = empty.set
        if not self._shared.connections:
            return True
        try:
            async with asyncio.timeout_at(deadline):
                await empty.wait()
        except TimeoutError:
            _log.warning("%d connections did not finish in time", len(self._shared.connections))
            return False
        return True

    def close(self) -> None:
        """Close whatever is still open."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._shared.connections):
            connection.break_off()

    def stats(self) -> dict[str, int]:
        """The worker's counters, and how many connections and requests there are now."""
        shared = self._shared
        return {
            "connections": len(shared.connections),
            "in_flight": shared.in_flight,
            **shared.snapshot(),
        }

    def admit(self, sock: socket.socket, client: Address | None, server: Address | None) -> None:
        """Serve an accepted connection, or answer 503 where there are too many."""
        shared = self._shared
        shared.accepts += 1
        if not self._reactor.ticking:
            self._tick(self._reactor.now)  # the clock has stood still
            self._reactor.ticking = True
        connection = self._arrive(sock, client, server)
        # Those that linger are over: they must not keep others out.
        if len(shared.connections) - shared.lingering > self._most_connections:
            if shared.lingering < _TURNED_AWAY:
                connection.refuse(503, "too many connections")
            else:
                shared.turned_away += 1
                connection.close()

    def _connect(
        self, sock: socket.socket, client: Address | None, server: Address | None
    ) -> Connection:
        return Connection(self._shared, sock, client=client, server=server)

    def _tick(self, now: float) -> None:
        """The coarse clock: time-outs, the Date header, and paused listeners."""
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
        if not connections:
            self._reactor.ticking = any(listener.paused for listener in self._listeners)


class _Door:
    """Gives connections of one listening socket their addresses."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self._server = server
        name = sock.getsockname()
        unix = not isinstance(name, tuple)
        self._address: Address | None = (sockets.path_of(name), None) if unix else name[:2]
        # Behind a wildcard the address differs from connection to connection.
        self._wildcard = not unix and name[0] in ("0.0.0.0", "::")

    def accepted(self, sock: socket.socket, peer: object) -> None:
        server = self._address
        if self._wildcard:
            server = sock.getsockname()[:2]
        client = peer[:2] if isinstance(peer, tuple) else None
        self._server.admit(sock, client, server)


# What stands between a client and its connection, each only where it is asked for: what is not
# wanted is not imported.


def _handshakes(shared: Shared, certificates: "Certificates", then: "Next") -> "Next":
    from subsrv.tls import Handshake

    return partial(Handshake, shared, then=then, certificates=certificates)


def _preambles(shared: Shared, peers: "Peers", then: "Next") -> "Next":
    from subsrv.proxy_protocol import Preamble

    def arrive(sock: socket.socket, client: Address | None, server: Address | None) -> Client:
        preamble = Preamble(shared, sock, client, server, then=then)
        if not peers.trusts(client):
            shared.untrusted_proxies += 1
            preamble.close()
        return preamble

    return arrive


def _behind_proxies(shared: Shared, config: "Config") -> "Peers":
    from subsrv.forwarded import Forwarding, Peers

    peers = Peers(config.forwarded_allow_ips)
    shared.exchange = Forwarding(
        shared.exchange,
        peers,
        header=config.forwarded_header,
        scheme="http" if config.ssl_certfile is None else "https",
    )
    return peers


def _connect_from(
    connect: Callable[[Any, Address | None, Address | None], Connection],
    peers: "Peers",
    sock: Any,
    client: Address | None,
    server: Address | None,
) -> Connection:
    connection = connect(sock, client, server)
    connection.peer = client
    connection.trusted = peers.trusts(client)
    return connection


def _limits(config: "Config") -> Limits:
    return Limits(
        request_line=config.limit_request_line or UNBOUNDED,
        header_size=config.limit_header_size or UNBOUNDED,
        header_count=config.limit_header_count or UNBOUNDED,
        body=config.limit_body or UNBOUNDED,
    )
