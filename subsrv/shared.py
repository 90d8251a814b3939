"""What all connections of one worker share, and what they count. Nothing crosses workers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from subsrv.exchange import Exchange, Transport
from subsrv.http1 import Encoder, HeadParser, Request
from subsrv.reactor import Reactor

if TYPE_CHECKING:
    from subsrv.access import AccessLog
    from subsrv.histogram import Histogram
    from subsrv.overload import LoopQueue

#: A limit that nothing reaches.
UNBOUNDED = 1 << 62

#: One that no number of requests reaches, and that is compared fast: it fits one digit of an int.
COUNTLESS = (1 << 30) - 1


class Client(Protocol):
    """A connection, or what is on its way to be one, as the server sees it."""

    due: float

    def on_event(self, mask: int) -> None:
        """The socket is ready: the reactor's callback."""

    def refuse(self, status: int, reason: str) -> None:
        """Send it away, with this answer if it can be sent one."""

    def check_timeouts(self, now: float) -> None:
        """Act on whichever time-out has run out; called at each coarse tick, once it is `due`."""

    def drain(self, *, parting: bool) -> None:
        """Finish what is under way, then close; while `parting`, a request may still come."""

    def break_off(self) -> None:
        """Close at once, so that the client sees if anything is missing."""

    def close(self) -> None:
        """Close at once."""


class Timeouts(NamedTuple):
    """In seconds; infinity for none. See Config."""

    header: float
    body: float
    keep_alive: float
    write: float
    #: Seconds that a byte of a request body, or of a response that the client reads, is worth.
    body_pace: float
    write_pace: float


@dataclass(slots=True, kw_only=True)
class Counters:
    """What happened in one worker since it began: plain integers, each only ever growing."""

    accepts: int = 0
    accept_pauses: int = 0
    accept_errors: int = 0
    requests: int = 0
    refused: int = 0
    """Requests that could not be read, and connections beyond the limit; by status in `statuses`"""
    overloaded: int = 0
    """Requests answered 503 because too many were in flight, or waited for a thread."""
    expired: int = 0
    """Requests answered 503 because they had waited for too long; see overload.py."""
    turned_away: int = 0
    """Connections beyond the limit that were closed without a word, because too many linger."""
    handshakes: int = 0
    """Of TLS, completed."""
    failed_handshakes: int = 0
    timed_out_handshake: int = 0
    untrusted_proxies: int = 0
    """Connections that were to begin with the PROXY protocol, from addresses not trusted."""
    bad_proxy_headers: int = 0
    timed_out_proxy: int = 0
    timed_out_header: int = 0
    timed_out_body: int = 0
    timed_out_write: int = 0
    timed_out_idle: int = 0
    timed_out_linger: int = 0
    resets: int = 0
    """Connections that broke."""
    disconnects: int = 0
    """Clients that left within a request, or before they had all of its response."""
    aborted: int = 0
    """Connections closed because a response could not be completed."""
    discarded_bodies: int = 0
    """Bodies that had not come to their end when the application was done."""
    websockets: int = 0
    """Handshakes that the application has accepted."""
    websockets_refused: int = 0
    """Handshakes that it, or the server, has not."""
    websocket_faults: int = 0
    """WebSockets closed because the client broke the protocol or a limit."""
    messages_received: int = 0
    messages_sent: int = 0
    timed_out_ping: int = 0
    read_pauses: int = 0
    write_stalls: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def snapshot(self) -> dict[str, int]:
        """All of them by name, those by status as refused_400 and so on."""
        found = {name: getattr(self, name) for name in Counters.__slots__ if name != "statuses"}
        for status, count in sorted(self.statuses.items()):
            found[f"refused_{status}"] = count
        return found


@dataclass(slots=True, kw_only=True)
class Shared(Counters):
    """See the module."""

    reactor: Reactor
    parser: HeadParser
    encoder: Encoder
    timeouts: Timeouts
    exchange: Callable[[Transport, Request], Exchange[Any]]
    websocket: Callable[[Transport, Request], Exchange[Any]]
    """The same for a request that wants to go on as a WebSocket."""
    access: "AccessLog | None" = None
    latency: "Histogram | None" = None
    lag: "Histogram | None" = None
    """Seconds that requests take, and that the loop comes late; only where somebody asks."""
    connections: set["Client"] = field(default_factory=set)
    emptied: Callable[[], None] | None = None
    """Called when the last connection closes, while somebody waits for that."""
    most_in_flight: int = COUNTLESS
    """In flight, from which on a request is looked at before it begins; see `queue`, too."""
    queue: "LoopQueue | None" = None
    """What waits for the loop, if its age is limited."""
    in_flight: int = 0
    """Requests under way that have to wait for something: what is answered at once is not seen."""
    lingering: int = 0
    """Connections that are over, but for what their clients still send."""
    look_again: float = 0.0
    """When an idle connection that is looked at now is to be looked at again."""
