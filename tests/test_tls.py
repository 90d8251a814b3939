"""TLS on a socket that is none: any cut, any room, any time, and clients that misbehave."""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import Identity, Pki

from subsrv.certificates import Certificates
from subsrv.config import Config
from subsrv.control import Channel
from subsrv.ending import LINGER
from subsrv.http1 import Encoder, HeadParser, Limits
from subsrv.reactor import IN, OUT
from subsrv.shared import Shared, Timeouts
from subsrv.tls import Handshake, TLSSocket
from subsrv.worker import _Worker

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire:
    """Both a socket and a reactor: what arrives, and what the socket takes, is up to the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.arrived: deque[bytes] = deque()
        self.sent = bytearray()
        self.room = 1 << 30
        self.shut: list[int] = []
        self.closed = self.ended = self.broken = False
        self.mask: int | None = None
        self.callback: Callable[[int], None]

    # The socket.

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def recv(self, size: int) -> bytes:
        if self.broken:
            raise ConnectionResetError
        if self.arrived:
            piece = self.arrived.popleft()
            if len(piece) > size:
                self.arrived.appendleft(piece[size:])
            return piece[:size]
        if self.ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        assert not self.closed
        assert socket.SHUT_WR not in self.shut
        if self.broken:
            raise BrokenPipeError
        taken = min(self.room, len(data))
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.sent += data[:taken]
        return taken

    def shutdown(self, how: int) -> None:
        self.shut.append(how)

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    # The reactor.

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        assert self.mask is None
        self.mask, self.callback = mask, callback

    def rewatch(self, fd: int, mask: int) -> None:
        assert self.mask is not None
        self.mask = mask

    def unwatch(self, fd: int) -> None:
        assert self.mask is not None
        self.mask = None

    def turn(self) -> bool:
        """What epoll would do, with what is watched."""
        if self.mask is None:
            return False
        ready = IN if self.arrived or self.ended or self.broken else 0
        told = (ready | (OUT if self.room else 0)) & self.mask
        if told:
            self.callback(told)
        return told != 0


class Joined:
    """What stands for a connection: what becomes of a client that is let in."""

    def __init__(self, sock: Any, *_: object) -> None:
        self.sock = sock
        self.got: list[bytes] = []
        self.drained = False
        self.refused = 0

    def on_event(self, _mask: int) -> None:
        self.got.append(self.sock.recv(65536))

    def drain(self, *, parting: bool) -> None:
        assert not parting
        self.drained = True

    def refuse(self, status: int, reason: str) -> None:
        assert "https" in reason
        self.refused = status


class World:
    """A server's side, and a client that speaks by hand."""

    def __init__(
        self,
        pki: Pki,
        client: Identity | None = None,
        loaded: Certificates | None = None,
        **settings: Any,
    ) -> None:
        config = Config(
            ssl_certfile=str(pki.server.certfile), ssl_keyfile=str(pki.server.keyfile), **settings
        )
        self.wire = Wire()
        wire: Any = self.wire
        app: Any = None
        self.shared = Shared(
            reactor=wire,
            parser=HeadParser(Limits()),
            encoder=Encoder(server=None, date=False),
            timeouts=Timeouts(
                header=20.0, body=60.0, keep_alive=75.0, write=60.0, body_pace=1.0, write_pace=1.0
            ),
            exchange=app,
            websocket=app,
        )
        self.joined: Joined | None = None
        self.handshake = Handshake(
            *(self.shared, wire, None, None),
            then=self._join,
            certificates=loaded or Certificates(config),
        )
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = pki.client_context(client)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.client = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def _join(self, *args: Any) -> Any:
        self.joined = Joined(*args)
        return self.joined

    @property
    def tls(self) -> TLSSocket:
        """The server's side, once the client is in."""
        assert self.joined is not None
        found: TLSSocket = self.joined.sock
        return found

    def said(self) -> bytes:
        """What the client has to say."""
        return self._outgoing.read()

    def hear(self) -> None:
        """The client gets what has been sent to it."""
        self._incoming.write(bytes(self.wire.sent))
        self.wire.sent.clear()

    def begin(self) -> None:
        """The client's hello arrives, and is answered."""
        with pytest.raises(ssl.SSLWantReadError):
            self.client.do_handshake()
        self.wire.arrived.append(self.said())
        while self.wire.arrived:
            self.wire.turn()
        self.hear()

    def shake(self) -> None:
        """All of the handshake."""
        self.begin()
        self.client.do_handshake()
        self.wire.arrived.append(self.said())
        self.wire.turn()
        self.hear()

    def read_some(self) -> bytes:
        """What the client can read by now, without an end."""
        self.hear()
        got = b""
        with suppress(ssl.SSLWantReadError):
            while True:
                got += self.client.read(1 << 20)
        return got

    def reads_the_end(self) -> bool:
        """Whether the client reads close_notify, and nothing before it."""
        self.hear()
        return self.client.read(1) == b""


@pytest.fixture
def world(certificates: Pki) -> World:
    """A client that is in."""
    world = World(certificates)
    world.shake()
    return world


# The handshake.


def test_a_handshake_lets_in(world: World) -> None:
    assert world.shared.handshakes == 1
    assert world.client.selected_alpn_protocol() == "http/1.1"
    assert world.client.version() == "TLSv1.3"
    assert world.wire.mask is None  # the connection's to watch now
    assert not world.shared.connections


def test_a_handshake_byte_by_byte_both_ways(certificates: Pki) -> None:
    world = World(certificates)
    wire = world.wire
    while not world.shared.handshakes:
        with suppress(ssl.SSLWantReadError):
            world.client.do_handshake()
        for each in world.said():
            wire.arrived.append(bytes([each]))
            wire.turn()
        wire.room = 1
        if wire.mask is not None:
            wire.turn()
        world.hear()
    assert world.joined is not None


def test_a_request_that_comes_with_the_end_of_the_handshake_is_not_left_lying(
    certificates: Pki,
) -> None:
    world = World(certificates)
    world.begin()
    world.client.do_handshake()
    world.client.write(REQUEST)
    world.wire.arrived.append(world.said())
    world.wire.turn()
    assert world.joined is not None
    assert world.joined.got == [REQUEST]


@pytest.mark.parametrize("settings", [{"ssl_minimum_version": "TLSv1.3"}])
def test_a_client_that_is_too_old_is_told_why(certificates: Pki, settings: Any) -> None:
    world = World(certificates, **settings)
    world.client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    world.client = world.client.context.wrap_bio(
        world._incoming, world._outgoing, server_hostname="localhost"
    )
    world.begin()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
        world.client.do_handshake()
    assert world.shared.failed_handshakes == 1
    assert world.wire.shut == [socket.SHUT_WR]


def test_a_failed_client_is_waited_for_so_that_it_sees_why(certificates: Pki) -> None:
    world = World(certificates)
    wire = world.wire
    wire.arrived += [b"\x16\x03\x01\x00\x05junk!", b"more of it"]
    wire.turn()
    assert world.shared.failed_handshakes == world.shared.lingering == 1
    wire.turn()  # it is read, and thrown away
    assert not wire.arrived
    wire.now += LINGER + 0.1
    world.handshake.check_timeouts(wire.now)
    assert wire.closed
    assert world.shared.lingering == 0
    assert world.shared.timed_out_linger == 1


def test_plain_http_is_answered_once(certificates: Pki) -> None:
    world = World(certificates)
    world.wire.arrived.append(REQUEST)
    world.wire.turn()
    assert world.joined is not None
    assert world.joined.sock is world.wire
    assert world.joined.refused == 400


@pytest.mark.parametrize("garbage", [b"\0", b"\xff" * 100, b"\x80\x2e\x01\x00\x02", b"\r\n\r\n"])
def test_garbage_is_closed(certificates: Pki, garbage: bytes) -> None:
    world = World(certificates)
    world.wire.arrived.append(garbage)
    world.wire.turn()
    world.wire.ended = True
    world.wire.turn()
    assert world.wire.closed
    assert world.shared.failed_handshakes == 1


@pytest.mark.parametrize("hello", [False, True])
def test_one_that_stops_is_timed_out_however_it_drips(certificates: Pki, hello: bool) -> None:
    world = World(certificates)
    wire = world.wire
    if hello:
        world.begin()
    for _ in range(19):
        wire.now += 1.0
        wire.arrived.append(b"" if hello else b"\x16\x03\x01\x02\0"[:1])
        world.handshake.check_timeouts(wire.now)
        assert not wire.closed
    wire.now += 1.1
    world.handshake.check_timeouts(wire.now)
    assert wire.closed
    assert world.shared.timed_out_handshake == 1


def test_one_that_breaks_is_closed(certificates: Pki) -> None:
    world = World(certificates)
    world.begin()
    world.wire.broken = True
    world.wire.turn()
    assert world.wire.closed
    assert world.shared.resets == 1


def test_a_drain_closes_who_has_said_nothing(certificates: Pki) -> None:
    world = World(certificates)
    world.handshake.drain(parting=False)
    assert world.wire.closed


def test_a_drain_lets_one_finish_that_has_begun_but_not_for_long(certificates: Pki) -> None:
    world = World(certificates)
    world.begin()
    world.handshake.drain(parting=False)
    world.wire.now += LINGER / 2
    world.handshake.check_timeouts(world.wire.now)
    assert not world.wire.closed
    world.client.do_handshake()
    world.wire.arrived.append(world.said())
    world.wire.turn()
    assert world.joined is not None
    assert world.joined.drained

    late = World(certificates)
    late.begin()
    late.handshake.drain(parting=False)
    late.wire.now += LINGER + 0.1
    late.handshake.check_timeouts(late.wire.now)
    assert late.wire.closed


def test_the_last_one_to_leave_is_noticed(certificates: Pki) -> None:
    world = World(certificates)
    told: list[bool] = []
    world.shared.emptied = lambda: told.append(True)
    world.handshake.close()
    world.handshake.close()
    assert told == [True]


def test_certificates_are_read_anew_when_the_supervisor_says_so(
    certificates: Pki, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certfile, keyfile = tmp_path / "c.pem", tmp_path / "k.pem"

    def install(identity: Identity) -> None:
        certfile.write_bytes(identity.certfile.read_bytes())
        keyfile.write_bytes(identity.keyfile.read_bytes())

    install(certificates.server)
    worker: Any = _Worker.__new__(_Worker)
    loaded = Certificates(Config(ssl_certfile=str(certfile), ssl_keyfile=str(keyfile)))
    worker._certificates = loaded
    ours, worker._channel = Channel.pair()
    with ours, worker._channel:
        install(certificates.renewed)
        ours.send("certificates")
        worker._on_control()
        world = World(certificates, loaded=loaded)
        world.shake()
        assert world.tls.tls.extension["server_cert"] == certificates.renewed.certfile.read_text()
        der = ssl.PEM_cert_to_DER_cert(certificates.renewed.certfile.read_text())
        assert world.client.getpeercert(binary_form=True) == der
        certfile.write_text("half of it")
        ours.send("certificates")
        worker._on_control()
    assert "the certificates stay as they were: --ssl-certfile" in caplog.text
    assert loaded.context.own == certificates.renewed.certfile.read_text()


# What a client shows of itself.


def test_the_session_of_a_client_without_certificate(world: World, certificates: Pki) -> None:
    assert world.tls.tls.extension == {
        "server_cert": certificates.server.certfile.read_text(),
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": 0x1302,
    }
    assert world.tls.tls.variables == {
        "HTTPS": "on",
        "SSL_PROTOCOL": "TLSv1.3",
        "SSL_CIPHER": "TLS_AES_256_GCM_SHA384",
        "SSL_CLIENT_VERIFY": "NONE",
    }


def verifying(certificates: Pki, client: Identity | None) -> World:
    ca = str(certificates.ca.certfile)
    return World(certificates, client, ssl_ca_certs=ca, ssl_cert_reqs="required")


def test_the_session_of_a_client_with_a_certificate(certificates: Pki) -> None:
    world = verifying(certificates, certificates.client)
    world.shake()
    pem = certificates.client.certfile.read_text()
    name = r"CN=Ada,OU=\#1,O=A\, B\+C \<x\>,C=CH"
    extension = world.tls.tls.extension
    assert extension["client_cert_chain"] == [pem, certificates.ca.certfile.read_text()]
    assert extension["client_cert_name"] == name
    variables = world.tls.tls.variables
    assert variables["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert variables["SSL_CLIENT_S_DN"] == name
    assert variables["SSL_CLIENT_CERT"] == pem


def test_a_client_without_the_certificate_that_is_required_is_told(certificates: Pki) -> None:
    world = verifying(certificates, None)
    world.shake()
    assert world.shared.failed_handshakes == 1
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate required"):
        world.client.read(1)


# Reading.


@settings(deadline=None)
@given(
    writes=st.lists(st.integers(1, 40000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 70000), max_size=6),
)
def test_all_is_read_however_it_is_cut(
    certificates: Pki, writes: list[int], cuts: list[int]
) -> None:
    world = World(certificates)
    world.shake()
    meant = b""
    for number, size in enumerate(writes):
        data = bytes([number + 65]) * size
        meant += data
        world.client.write(data)
    with pytest.raises(ssl.SSLWantReadError):
        world.client.unwrap()
    said = world.said()
    got = b""
    ends = 0
    for cut in (*cuts, len(said)):
        piece, said = said[:cut], said[cut:]
        if piece:
            world.wire.arrived.append(piece)
        while True:
            try:
                data = world.tls.recv(65536)
            except BlockingIOError:
                break
            got += data
            if not data:
                ends += 1
                break
    assert got == meant
    assert ends
    # The end is there although the connection below is open, and epoll has been made to tell.
    assert world.wire.shut == [socket.SHUT_RD]
    assert world.tls.recv(65536) == b""


def test_what_comes_before_garbage_is_read(world: World) -> None:
    world.client.write(REQUEST)
    world.wire.arrived.append(world.said() + b"\x17\x03\x03\x00\x05-----")
    assert world.tls.recv(65536) == REQUEST
    assert world.wire.shut == [socket.SHUT_RD]
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            world.tls.recv(65536)
    world.tls.close()
    assert world.wire.closed


def test_garbage_is_answered_with_an_alert(world: World) -> None:
    world.wire.arrived.append(b"\x17\x03\x03\x00\x20" + b"-" * 32)
    with pytest.raises(ssl.SSLError):
        world.tls.recv(65536)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert bad record mac"):
        world.reads_the_end()


def test_a_client_may_leave_without_a_word(world: World) -> None:
    world.wire.ended = True
    assert world.tls.recv(65536) == b""
    world.tls.close()
    assert world.reads_the_end()


def test_one_that_has_us_answer_without_reading_is_given_up(world: World) -> None:
    """As one could by asking for new keys again and again; OpenSSL's own answers are staged."""
    world.wire.room = 0
    for _ in range(2):
        world.client.write(b"x")
        world.wire.arrived.append(world.said())
        world.tls._outgoing.write(b"a" * 60000)
        assert world.tls.recv(65536) == b"x"
    world.tls._outgoing.write(b"a" * 60000)
    world.client.write(b"x")
    world.wire.arrived.append(world.said())
    with pytest.raises(ConnectionAbortedError):
        world.tls.recv(65536)


# Sending.


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=4),
    rooms=st.lists(st.integers(0, 90_000), max_size=12),
)
def test_all_is_sent_however_little_the_socket_takes(
    certificates: Pki, sizes: list[int], rooms: list[int]
) -> None:
    world = World(certificates)
    world.shake()
    meant = b"".join(bytes([n + 65]) * size for n, size in enumerate(sizes))
    queue, got, left = meant, b"", 0
    for room in (*rooms, 1 << 30):
        world.wire.room = room
        # As in Output: what was not taken comes again, from where it was not.
        try:
            sent = world.tls.send(queue)
        except BlockingIOError:
            sent = 0
        queue = queue[sent:]
        left += len(world.wire.sent)
        assert len(meant) - len(queue) <= left  # what waits, encrypted, does not count
        got += world.read_some()
    assert queue == b""
    assert got == meant


def test_a_client_that_reads_slowly_is_seen_to_read(world: World) -> None:
    """Or the least rate, which is judged by what is taken, would not be one."""
    data = b"x" * 65536
    world.wire.room = 1000
    sent = world.tls.send(data)
    for _ in range(20):
        assert 0 <= sent < len(data)
        world.wire.room = 1000
        more = world.tls.send(data[sent:])
        assert more >= 900
        sent += more


def test_the_end_is_said_once(world: World) -> None:
    world.tls.shutdown(socket.SHUT_WR)
    assert world.wire.shut == [socket.SHUT_WR]
    world.tls.close()
    assert world.reads_the_end()


@pytest.mark.parametrize("why", ["silent", "unsent"])
def test_an_end_that_is_none_is_not_said(world: World, why: str) -> None:
    if why == "silent":
        world.tls.tls.silent = True
    else:
        world.wire.room = 10
        with pytest.raises(BlockingIOError):
            world.tls.send(b"too much")
        world.wire.room = 1 << 30
    world.tls.close()
    world.hear()
    with pytest.raises(ssl.SSLWantReadError):
        world.client.read(1)


def test_one_that_broke_is_closed_all_the_same(world: World) -> None:
    world.wire.broken = True
    world.tls.close()
    assert world.wire.closed


def test_half_an_end_leaves_the_other_half(world: World) -> None:
    world.client.write(REQUEST)
    with pytest.raises(ssl.SSLWantReadError):
        world.client.unwrap()
    world.wire.arrived.append(world.said())
    assert world.tls.recv(65536) == REQUEST
    assert world.tls.recv(65536) == b""
    assert world.tls.send(b"the answer") == 10
    world.hear()
    # OpenSSL's client does not read any more once it has said that it will not send.
    assert world._incoming.pending > 10
