"""Behind proxies: X-Forwarded-For, Forwarded, the PROXY protocol, and a root path; every mode."""

import socket
import struct
from collections.abc import Iterator

import pytest
from pki import Pki

from contract.modes import Mode
from contract.serving import PATIENCE, Server, address, refused
from contract.wire import Client, request

ASGI = "contract.apps.kit_asgi:app"
ROOTED = "contract.apps.rooted_asgi:app"
WSGI = "contract.apps.kit_wsgi:app"

HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"


@pytest.fixture(scope="module")
def behind(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The ASGI kit, which trusts proxies on this machine's IPv4, and below /shop."""
    path = tmp_path_factory.mktemp("behind") / "socket"
    flags = (
        "--forwarded-allow-ips",
        "127.0.0.0/8",
        "--forwarded-allow-ips",
        "unix:",
        "--root-path",
        "/shop",
    )
    binds = ("--bind", "127.0.0.1:0", "--bind", "[::1]:0", "--bind", f"unix:{path}")
    with Server(ROOTED, *mode.flags, "--workers", "1", *flags, *binds) as server:
        yield server


def origin(client: Client, *headers: str) -> tuple[str | None, str]:
    scope = client.get("/scope", *headers).json()
    return scope["client"] and scope["client"][0], scope["scheme"]


def test_a_trusted_proxy_is_believed(behind: Server) -> None:
    for url in (behind.urls[0], behind.urls[2]):
        with Client(behind, url) as client:
            told = ("X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-Proto: https")
            for _ in range(2):
                assert origin(client, *told) == ("192.0.2.1", "https")
            # Nothing of it is left for the next request on the connection.
            host = None if url.startswith("unix:") else "127.0.0.1"
            assert origin(client) == (host, "http")
            assert origin(client, "X-Forwarded-For: ?") == (None, "http")


def test_nobody_else_is(behind: Server) -> None:
    with Client(behind, behind.urls[1]) as client:
        told = ("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "Forwarded: for=1.1.1.1")
        assert origin(client, *told) == ("::1", "http")


def test_pipelined_requests_have_each_their_own_client(behind: Server) -> None:
    with Client(behind) as client:
        hosts = [f"192.0.2.{number}" for number in range(5)]
        client.send(b"".join(request("/scope", f"X-Forwarded-For: {host}") for host in hosts))
        assert [client.response().json()["client"] for _ in hosts] == [[h, 0] for h in hosts]


def test_the_root_path_is_a_part_of_the_path(behind: Server) -> None:
    with Client(behind) as client:
        scope = client.get("/scope?a").json()
        assert scope["root_path"] == "/shop"
        assert scope["path"] == scope["raw_path"] == "/shop/scope"
        assert client.get("/shop/scope").json()["path"] == "/shop/scope"
        assert client.get("*", method="OPTIONS").status == 200


def test_wsgi_and_forwarded() -> None:
    flags = ("--forwarded-allow-ips", "127.0.0.1", "--forwarded-header", "forwarded")
    more = ("--root-path", "/shop", "--mode", "thread", "--workers", "1")
    with Server(WSGI, *flags, *more) as server, Client(server) as client:
        told = ("X-Forwarded-For: 6.6.6.6", "Forwarded: for=192.0.2.1;proto=https")
        environ = client.get("/environ", *told).json()
        assert environ["REMOTE_ADDR"] == "192.0.2.1"
        assert environ["HTTPS"] == "on"
        assert environ["SCRIPT_NAME"] == "/shop"
        assert environ["PATH_INFO"] == "/environ"
        assert client.get("/flags", *told).json()["url_scheme"] == "https"
        environ = client.get("/environ").json()
        assert environ["REMOTE_ADDR"] == "127.0.0.1"
        assert "HTTPS" not in environ


@pytest.fixture(scope="module")
def proxied(mode: Mode, certificates: Pki) -> Iterator[Server]:
    """TLS behind the PROXY protocol, from 127.0.0.1 and not from ::1."""
    identity = certificates.server
    tls = ("--ssl-certfile", str(identity.certfile), "--ssl-keyfile", str(identity.keyfile))
    flags = ("--proxy-protocol", "--forwarded-allow-ips", "127.0.0.1", "--log-level", "debug")
    binds = ("--bind", "127.0.0.1:0", "--bind", "[::1]:0")
    with Server(ASGI, *mode.flags, "--workers", "1", *flags, *tls, *binds) as server:
        yield server


def connect(url: str) -> socket.socket:
    return socket.create_connection(address(url), PATIENCE)


@pytest.mark.parametrize("version", [1, 2])
def test_the_proxy_protocol_before_tls(proxied: Server, certificates: Pki, version: int) -> None:
    ends = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2")
    binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + ends + struct.pack(">HH", 56324, 443)
    context = certificates.client_context()
    with Client(proxied) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        header = HEADER if version == 1 else binary
        client.send(header[:9])
        client.send(header[9:])
        client.sock = context.wrap_socket(client.sock, server_hostname="localhost")
        for _ in range(2):
            scope = client.get("/scope", "X-Forwarded-For: 6.6.6.6").json()
            assert scope["client"] == ["192.0.2.1", 56324]
            assert scope["server"] == ["198.51.100.2", 443]
            assert scope["scheme"] == "https"


def test_a_health_check_of_the_proxy_itself(proxied: Server, certificates: Pki) -> None:
    with Client(proxied) as client:
        client.send(b"PROXY UNKNOWN\r\n")
        client.sock = certificates.client_context().wrap_socket(
            client.sock, server_hostname="localhost"
        )
        assert client.get("/scope").json()["client"][0] == "127.0.0.1"


def test_without_its_header_or_from_elsewhere_nothing_is_served(
    proxied: Server, certificates: Pki
) -> None:
    with connect(proxied.urls[0]) as bare, pytest.raises(OSError, match=r"."):  # or an SSLError
        certificates.client_context().wrap_socket(bare, server_hostname="localhost")
    with connect(proxied.urls[0]) as wrong:
        wrong.sendall(b"PROXY TCP4 nobody nowhere 1 2\r\n")
        assert ended(wrong)
    with connect(proxied.urls[1]) as elsewhere:
        elsewhere.sendall(HEADER)
        assert ended(elsewhere)


def ended(sock: socket.socket) -> bool:
    """Closed, or reset where more has come than was read."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_settings_that_trust_nobody_or_nonsense() -> None:
    status, log = refused("--forwarded-allow-ips", "localhost")
    assert status == 2
    assert log.startswith("subsrv: error: --forwarded-allow-ips: 'localhost' is no address")
    status, log = refused("--proxy-protocol")
    assert status == 2
    assert log.startswith("subsrv: error: --proxy-protocol is set, but --forwarded-allow-ips")
