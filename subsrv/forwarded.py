"""Who a request is from where proxies stand before us: X-Forwarded-For and Forwarded (RFC 7239).

Each proxy adds, at the end, the address that connected to it. So what stands last was written by
the one that is connected to us, and may be believed if that one is trusted; what stands before it,
only if the address that stands last is that of a trusted proxy, too. The client is the last
address that is not trusted: what is further to the left, anybody may have written.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from subsrv.errors import ConfigError
from subsrv.exchange import Address, Exchange
from subsrv.http1 import Request

EVERYONE = "*"
UNIX = "unix:"  # as in nginx's set_real_ip_from

# A chain of more proxies is no honest one; it would only have us work.
_MOST_HOPS = 32

# Addresses that a worker remembers to trust or not.
_REMEMBERED = 1024

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

_host_and_port = re.compile(
    r"(?: (?P<v4>[\d.]++) | \[ (?P<bracketed>[\dA-Fa-f:.]++) \] )"
    r"(?: : (?: (?P<port>\d{1,5}) | _[\w.-]++ ) )?+",
    re.ASCII | re.VERBOSE,
)
_token = r"[!#$%&'*+.^_`|~\dA-Za-z-]++"
# No address and no scheme has a comma or a backslash in it. Without them, an element can be read
# from its end: a quote that a client opened swallows nothing of what proxies write behind it.
_pair = re.compile(rf'({_token})=(?:({_token})|"([^"\\,;]*+)")', re.ASCII)


class Origin(NamedTuple):
    """Who asked, None where the proxies do not say, and by which scheme."""

    client: Address | None
    scheme: str


class Peers:
    """The proxies that are trusted: addresses, networks, `unix:` for Unix sockets, `*` for all.

    ConfigError for what is none of these.
    """

    def __init__(self, words: Iterable[str]) -> None:
        words = frozenset(words)
        self._everyone = EVERYONE in words
        self._unix = self._everyone or UNIX in words
        self._networks = [_network(word) for word in words - {EVERYONE, UNIX}]
        self._known: dict[str, bool] = {}

    def trusts(self, client: Address | None) -> bool:
        """Whether what stands there is one of them; None is who came by a Unix socket."""
        if client is None:
            return self._unix
        host = client[0]
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[host] = known = self._everyone or self._in_a_network(host)
        return known

    def _in_a_network(self, host: str) -> bool:
        try:
            address = _plain(ipaddress.ip_address(host))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class Forwarding:
    """Makes exchanges, each on a transport that knows by then who asked.

    The transport's `peer` and `trusted` say whom it is connected to; its `client` and `scheme` are
    set anew for each request.
    """

    def __init__(
        self,
        exchange: Callable[[Any, Request], Exchange[Any]],
        *,
        peers: Peers,
        header: str,
        scheme: str,
    ) -> None:
        self._exchange = exchange
        self._origin = standard if header == "forwarded" else usual
        self._peers = peers
        self._scheme = scheme

    def __call__(self, transport: Any, request: Request) -> Exchange[Any]:
        """See Shared.exchange."""
        if transport.trusted:
            peer = Origin(transport.peer, self._scheme)
            transport.client, transport.scheme = self._origin(request.headers, peer, self._peers)
        return self._exchange(transport, request)


def usual(headers: Sequence[tuple[bytes, bytes]], peer: Origin, peers: Peers) -> Origin:
    """By X-Forwarded-For and X-Forwarded-Proto. `peer` is who is connected, and is trusted."""
    client, scheme = peer
    hops: list[bytes] = []
    for name, value in headers:
        if name == b"x-forwarded-for":
            hops += value.split(b",")
        elif name == b"x-forwarded-proto":
            # The last one: that which the proxy nearest to us wrote.
            word = value.rpartition(b",")[2].strip(b" \t").lower()
            scheme = _SCHEMES.get(word.decode("latin-1"), scheme)
    for count, hop in enumerate(reversed(hops)):
        text = hop.decode("latin-1").strip(" \t")
        if not text:
            continue
        client = _address(text) if count < _MOST_HOPS else None
        if client is None or not peers.trusts(client):
            break
    return Origin(client, scheme)


def standard(headers: Sequence[tuple[bytes, bytes]], peer: Origin, peers: Peers) -> Origin:
    """By Forwarded. `peer` is who is connected, and is trusted."""
    client, scheme = peer
    hops: list[bytes] = []
    for name, value in headers:
        if name == b"forwarded":
            hops += value.split(b",")
    for count, hop in enumerate(reversed(hops)):
        text = hop.decode("latin-1").strip(" \t")
        if not text:
            continue
        element = _element(text) if count < _MOST_HOPS else {}
        scheme = _SCHEMES.get(element.get("proto", "").lower(), scheme)
        client = _address(element.get("for", ""))
        if client is None or not peers.trusts(client):
            break
    return Origin(client, scheme)


def _element(text: str) -> dict[str, str]:
    """The parameters of an element of Forwarded; none where it is malformed."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        pair = _pair.fullmatch(part.strip(" \t"))
        if pair is None or (name := pair[1].lower()) in found:
            return {}
        found[name] = pair[2] or pair[3] or ""
    return found


def _address(text: str) -> Address | None:
    """An address as proxies write it, with a port or without (0); None where it is none."""
    match = _host_and_port.fullmatch(text)
    host, port = (match["v4"] or match["bracketed"], match["port"]) if match else (text, None)
    try:
        address = _plain(ipaddress.ip_address(host))
    except ValueError:
        return None
    number = int(port or 0)
    return (str(address), number) if number < 65536 and "%" not in host else None


type _IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def _plain(address: _IP) -> _IP:
    """IPv4 as such, where a socket of IPv6 gave it."""
    return getattr(address, "ipv4_mapped", None) or address


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(word)
    except ValueError:
        raise ConfigError(
            f"--forwarded-allow-ips: {word!r} is no address, no network such as 10.0.0.0/8 (with "
            "no bits set behind it), and neither unix: nor *"
        ) from None
