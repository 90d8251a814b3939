"""TLS: what clients see, good ones and bad ones, in every mode."""

import asyncio
import json
import shutil
import signal
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pki import Identity, Pki
from websockets.asyncio.client import connect

from contract.modes import Mode
from contract.serving import PATIENCE, Server, refused
from contract.test_backpressure import assert_paused
from contract.wire import Client, request

ASGI = "contract.apps.kit_asgi:app"


class TLSClient(Client):
    """One connection over TLS, to localhost."""

    def __init__(self, server: Server, context: ssl.SSLContext, name: str = "localhost") -> None:
        super().__init__(server)
        self.sock: ssl.SSLSocket = context.wrap_socket(
            self.sock, server_hostname=name, suppress_ragged_eofs=False
        )


def flags(certificates: Pki) -> tuple[str, ...]:
    server = certificates.server
    return ("--ssl-certfile", str(server.certfile), "--ssl-keyfile", str(server.keyfile))


@pytest.fixture(scope="module")
def secure(mode: Mode, certificates: Pki) -> Iterator[Server]:
    """The ASGI kit over TLS, in one worker."""
    verification = ("--ssl-cert-reqs", "optional", "--ssl-ca-certs", str(certificates.ca.certfile))
    with Server(ASGI, *mode.flags, "--workers", "1", *flags(certificates), *verification) as server:
        yield server


@pytest.fixture
def context(certificates: Pki) -> ssl.SSLContext:
    return certificates.client_context()


@pytest.fixture
def client(secure: Server, context: ssl.SSLContext) -> Iterator[TLSClient]:
    with TLSClient(secure, context) as client:
        yield client


def test_requests_over_tls(secure: Server, client: TLSClient) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    assert client.sock.version() == "TLSv1.3"
    for _ in range(2):
        scope = client.get("/scope").json()
        assert scope["scheme"] == "https"
        assert scope["client"] == list(client.sock.getsockname())
        assert scope["extensions"]["tls"]["tls_version"] == 0x0304
    client.send(request("/") * 3)
    assert [client.response().status for _ in range(3)] == [200, 200, 200]


def test_large_bodies_both_ways(client: TLSClient) -> None:
    body = bytes(range(256)) * 8000
    assert client.get("/echo", method="POST", body=body).body == body
    client.assert_open()


def test_a_client_that_does_not_read_pauses_an_application_over_tls(
    secure: Server, context: ssl.SSLContext
) -> None:
    assert_paused(lambda: TLSClient(secure, context), "")


def test_a_websocket_over_tls(secure: Server, context: ssl.SSLContext) -> None:
    url = f"wss://localhost:{secure.address[1]}/ws/echo"

    # Not the client with threads: it reads and writes one SSL object at the same time, which
    # OpenSSL does not allow, and hangs once in some thirty connections.
    async def echo() -> None:
        async with asyncio.timeout(PATIENCE), connect(url, ssl=context) as websocket:
            for message in ("a", "b" * 300_000):
                await websocket.send(message)
                assert await websocket.recv() == message

    asyncio.run(echo())


def test_a_file_is_encrypted_like_all_else(client: TLSClient, tmp_path: Path) -> None:
    """The kernel's sendfile would send it past TLS."""
    (tmp_path / "large").write_bytes(bytes(range(256)) * 8000)
    response = client.get(f"/file?path={tmp_path}/large")
    assert response.body == bytes(range(256)) * 8000
    client.assert_open()


def test_tls_1_2_and_a_certificate_of_the_client(secure: Server, certificates: Pki) -> None:
    context = certificates.client_context(certificates.client)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with TLSClient(secure, context) as client:
        assert client.sock.version() == "TLSv1.2"
        client.assert_open()


def test_close_notify_is_answered_although_the_connection_stays(client: TLSClient) -> None:
    client.assert_open()
    with client.sock.unwrap() as sock:
        assert sock.recv(1) == b""


def test_the_end_of_a_response_is_an_end_of_tls(client: TLSClient) -> None:
    assert client.get("/", "Connection: close").status == 200
    client.assert_closed()


def raw(server: Server) -> socket.socket:
    return Client(server).sock


def hello(context: ssl.SSLContext) -> bytes:
    """What a client begins with."""
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def speaks_garbage(server: Server, _context: ssl.SSLContext) -> None:
    with raw(server) as sock:
        sock.sendall(b"\x16\x03\x01\x00\x10" + b"?" * 100)
        assert sock.recv(100)[:1] == b"\x15"  # an alert
        assert sock.recv(100) == b""


def speaks_http(server: Server, _context: ssl.SSLContext) -> None:
    with Client(server) as client:
        response = client.get("/")
        assert response.status == 400
        assert b"this is a port for https" in response.body
        client.assert_closed()


def leaves_in_the_handshake(server: Server, context: ssl.SSLContext) -> None:
    for cut in (1, 50, None):
        with raw(server) as sock:
            sock.sendall(hello(context)[:cut])
            if cut is None:
                assert sock.recv(5)[:1] == b"\x16"


def resets_in_the_handshake(server: Server, context: ssl.SSLContext) -> None:
    client = Client(server)
    client.send(hello(context))
    client.reset()


def leaves_without_close_notify(server: Server, context: ssl.SSLContext) -> None:
    with TLSClient(server, context) as client:
        client.send(request("/echo", "Content-Length: 10", method="POST") + b"12345")
        socket.socket(fileno=client.sock.detach()).close()


def breaks_a_record(server: Server, context: ssl.SSLContext) -> None:
    with TLSClient(server, context) as client:
        client.assert_open()
        with socket.socket(fileno=client.sock.detach()) as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(b"\x17\x03\x03" + struct.pack(">H", 40) + b"!" * 40)
            while sock.recv(1000):
                pass


def is_too_old(server: Server, context: ssl.SSLContext) -> None:
    # What OpenSSL itself would not send any more: a hello of TLS 1.0, without the extension that
    # tells of later versions.
    body = b"\x03\x01" + b"r" * 32 + b"\0" + b"\0\x04\x00\x2f\xc0\x14" + b"\x01\0"
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    with raw(server) as sock:
        sock.sendall(b"\x16\x03\x01" + struct.pack(">H", len(message)) + message)
        assert sock.recv(7)[:1] == b"\x15"
        assert sock.recv(7) == b""


@pytest.mark.parametrize(
    "misbehave",
    [
        speaks_garbage,
        speaks_http,
        leaves_in_the_handshake,
        resets_in_the_handshake,
        leaves_without_close_notify,
        breaks_a_record,
        is_too_old,
    ],
)
def test_a_bad_client_is_alone_in_that(
    client: TLSClient,
    secure: Server,
    context: ssl.SSLContext,
    misbehave: Callable[[Server, ssl.SSLContext], None],
) -> None:
    misbehave(secure, context)
    client.assert_open()
    with TLSClient(secure, context) as other:
        other.assert_open()


def test_a_stalled_handshake_holds_nobody_up_and_is_timed_out(
    mode: Mode, certificates: Pki, context: ssl.SSLContext
) -> None:
    limits = ("--workers", "1", "--timeout-header", "0.5", "--log-level", "debug")
    with Server(ASGI, *mode.flags, *limits, *flags(certificates)) as server:
        with raw(server) as silent, raw(server) as stalled:
            stalled.sendall(hello(context)[:100])
            with TLSClient(server, context) as client:
                client.assert_open()
            assert silent.recv(1) == stalled.recv(1) == b""
        # The end of one that idles is an end of TLS, in a drain too.
        with TLSClient(server, context) as idle:
            idle.assert_open()
            server.send_signal()
            idle.assert_closed()
        assert server.wait() == 0
        server.wait_for(r"drained: .*timed_out_handshake=2")


def test_workers_that_pass_connections_on_do_so_before_the_handshake(
    mode: Mode, certificates: Pki, context: ssl.SSLContext
) -> None:
    sharing = ("--workers", "2", "--accept", "fair")
    with Server(ASGI, *mode.flags, *sharing, *flags(certificates)) as server, ExitStack() as stack:
        clients = [stack.enter_context(TLSClient(server, context)) for _ in range(6)]
        answers = [client.get("/who").json() for client in clients]
        assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 2
        for client in clients:
            client.assert_open()


def test_sighup_renews_the_certificate(
    mode: Mode, certificates: Pki, context: ssl.SSLContext, tmp_path: Path
) -> None:
    certfile, keyfile = tmp_path / "c.pem", tmp_path / "k.pem"

    def install(identity: Identity) -> bytes:
        shutil.copy(identity.certfile, certfile)
        shutil.copy(identity.keyfile, keyfile)
        return ssl.PEM_cert_to_DER_cert(identity.certfile.read_text())

    def shown(client: TLSClient) -> bytes | None:
        return client.sock.getpeercert(binary_form=True)

    old = install(certificates.server)
    by_name = ("--ssl-sni", f"shop.example={certfile}:{keyfile}")
    files = ("--ssl-certfile", str(certfile), "--ssl-keyfile", str(keyfile))
    with (
        Server(ASGI, *mode.flags, "--workers", "1", *files) as server,
        Server(ASGI, *mode.flags, "--workers", "1", *flags(certificates), *by_name) as named,
    ):
        with TLSClient(server, context) as client:
            assert shown(client) == old
        new = install(certificates.renewed)
        for each in (server, named):
            each.send_signal(signal.SIGHUP)
            each.wait_for("subsrv: reloaded")
        with TLSClient(server, context) as client:
            assert shown(client) == new
            client.assert_open()
        with TLSClient(named, context) as client:
            assert shown(client) == ssl.PEM_cert_to_DER_cert(
                certificates.server.certfile.read_text()
            )
        with TLSClient(named, unchecked(context), "shop.example") as client:
            assert shown(client) == new
            # The application is told of what the client was shown.
            told = client.get("/scope").json()["extensions"]["tls"]["server_cert"]
            assert told == certificates.renewed.certfile.read_text()


def unchecked(context: ssl.SSLContext) -> ssl.SSLContext:
    """For certificates of other names than are asked for."""
    context.check_hostname = False
    return context


def test_openssl_is_shown_the_certificate_of_the_name_it_asks_for(certificates: Pki) -> None:
    """No mode changes that, as the test before shows."""
    shop = f"*.shop.example={certificates.shop.certfile}:{certificates.shop.keyfile}"
    more = ("--mode", "process", "--workers", "1", "--ssl-sni", shop)
    with Server(ASGI, *more, *flags(certificates)) as server:
        for name, subject in (("a.shop.example", "shop.example"), ("b.example", "localhost")):
            said = s_client(server, "-servername", name, say=b"")
            assert f"CN = {subject}" in said or f"CN={subject}" in said


def command(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"the command {name} is not installed")
    return path


def test_curl(secure: Server, certificates: Pki) -> None:
    run = subprocess.run(
        [
            *(command("curl"), "--silent", "--show-error", f"{secure.url}/scope"),
            *("--cacert", str(certificates.ca.certfile), "--data-binary", "x" * 100),
        ],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert json.loads(run.stdout)["scheme"] == "https"


def s_client(server: Server, *options: str, say: bytes) -> str:
    """What `openssl s_client` says of a conversation."""
    host, port = server.address
    run = subprocess.run(
        [command("openssl"), "s_client", "-connect", f"{host}:{port}", *options],
        input=say,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return (run.stdout + run.stderr).decode("latin-1")


def test_openssl_and_its_view_of_the_session(secure: Server, certificates: Pki) -> None:
    ca = ("-CAfile", str(certificates.ca.certfile), "-verify_return_error", "-ign_eof")
    said = s_client(secure, *ca, "-alpn", "h2,http/1.1", say=request("/", "Connection: close"))
    assert "ALPN protocol: http/1.1" in said
    assert "Compression: NONE" in said
    assert "Verify return code: 0 (ok)" in said
    assert "HTTP/1.1 200 OK" in said


def test_new_keys_are_given_and_renegotiation_is_not(secure: Server, client: TLSClient) -> None:
    said = s_client(secure, "-tls1_2", say=b"R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said
    assert "KEYUPDATE" in s_client(secure, "-tls1_3", say=b"K\n")
    client.assert_open()


def test_wsgi_is_told_of_tls(certificates: Pki, context: ssl.SSLContext) -> None:
    """That, no mode changes: one will do."""
    wsgi = ("contract.apps.kit_wsgi:app", "--mode", "thread", "--workers", "1")
    with Server(*wsgi, *flags(certificates)) as server, TLSClient(server, context) as client:
        for _ in range(3):
            assert client.get("/flags").json()["url_scheme"] == "https"
            environ = client.get("/environ").json()
            assert environ["HTTPS"] == "on"
            assert environ["SSL_PROTOCOL"] == "TLSv1.3"


def test_a_certificate_that_is_no_good_is_one_clear_line(certificates: Pki, tmp_path: Path) -> None:
    status, log = refused("--ssl-certfile", str(tmp_path / "missing"))
    assert status == 2
    assert log == (
        f"subsrv: error: --ssl-certfile {tmp_path}/missing cannot be read: "
        "No such file or directory\n"
    )
