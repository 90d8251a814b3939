"""What stands between accept and a request, as the settings have it: TLS, proxies, or nothing.

Each is imported only where it is asked for, and what is not asked for costs nothing.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from subsrv.connection import Connection
from subsrv.exchange import Address
from subsrv.shared import Client, Shared

if TYPE_CHECKING:
    from subsrv.certificates import Certificates
    from subsrv.config import Config
    from subsrv.forwarded import Peers

type Way[T] = Callable[[Any, Address | None, Address | None], T]
"""Goes on with a socket, its client's address and the server's."""


def ways_in(
    config: "Config",
    shared: Shared,
    connect: Way[Connection],
    certificates: "Certificates | None",
) -> tuple[Way[Connection], Way[Client] | None]:
    """How to make a connection, by `connect`; and how to begin with a socket just accepted.

    None where nothing stands between the two. A connection is not watched yet, unless something
    has.

    Where proxies are trusted, what makes exchanges in `shared` is made to heed what they say.
    """
    peers = None
    if config.forwarded_allow_ips:
        peers = _trusted(config, shared)
        connect = partial(_connect_from, connect, peers)
    arrive: Way[Client] | None = None
    behind: Way[Client] = partial(_watched, connect)
    if certificates is not None:
        from subsrv.tls import Handshake

        arrive = behind = partial(Handshake, shared, then=behind, certificates=certificates)
    if config.proxy_protocol and peers is not None:
        arrive = partial(_begin_with_a_proxy, shared, peers, behind)
    return connect, arrive


def _watched(
    connect: Way[Connection], sock: Any, client: Address | None, server: Address | None
) -> Connection:
    connection = connect(sock, client, server)
    connection.watch()
    return connection


def _trusted(config: "Config", shared: Shared) -> "Peers":
    from subsrv.forwarded import Forwarding, Peers

    peers = Peers(config.forwarded_allow_ips)
    forwarding = partial(
        Forwarding,
        peers=peers,
        header=config.forwarded_header,
        scheme="http" if config.ssl_certfile is None else "https",
    )
    shared.exchange = forwarding(shared.exchange)
    shared.websocket = forwarding(shared.websocket)
    return peers


def _connect_from(
    connect: Way[Connection],
    peers: "Peers",
    sock: Any,
    client: Address | None,
    server: Address | None,
) -> Connection:
    connection = connect(sock, client, server)
    connection.peer = client
    connection.trusted = peers.trusts(client)
    return connection


def _begin_with_a_proxy(
    shared: Shared,
    peers: "Peers",
    then: Way[Client],
    sock: socket.socket,
    client: Address | None,
    server: Address | None,
) -> Client:
    from subsrv.proxy_protocol import Preamble

    preamble = Preamble(shared, sock, client, server, then=then)
    if not peers.trusts(client):
        shared.untrusted_proxies += 1
        preamble.close()
    return preamble
