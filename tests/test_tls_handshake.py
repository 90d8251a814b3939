"""The handshake on a socket that is none: any cut, any time, and clients that misbehave."""

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake_tls import REQUEST, World
from pki import Identity, Pki

from subsrv.certificates import Certificates
from subsrv.config import Config
from subsrv.control import Channel
from subsrv.ending import LINGER
from subsrv.worker import _Worker


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
