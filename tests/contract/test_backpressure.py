"""Backpressure: who does not read slows down who writes, in both directions."""

import socket
from collections.abc import Callable

import pytest

from contract.probe import Probe
from contract.serving import Server, until
from contract.wire import Client, request

# More than any buffer on the way holds.
_MUCH = 16 << 20
_BLOCK = 64 << 10


def fill(sock: socket.socket, data: bytes) -> int:
    """Send until the socket takes no more; how much it took."""
    sent = 0
    sock.setblocking(False)
    try:
        while sent < _MUCH:
            sent += sock.send(data)
    except BlockingIOError:
        pass
    finally:
        sock.setblocking(True)
        sock.settimeout(10)
    return sent


@pytest.mark.parametrize("length", ["", "&length=known"], ids=["chunked", "length"])
def test_a_client_that_does_not_read_pauses_an_asgi_application(asgi: Server, length: str) -> None:
    assert_paused(lambda: Client(asgi), length)


@pytest.mark.parametrize("length", ["", "&length=known"], ids=["chunked", "length"])
def test_a_client_that_does_not_read_pauses_a_wsgi_application(wsgi: Server, length: str) -> None:
    assert_paused(lambda: Client(wsgi), length)


def assert_paused(connect: Callable[[], Client], length: str) -> None:
    """Ask for much and do not read it: the application must be told to wait, the worker not."""
    blocks = _MUCH // _BLOCK
    with connect() as slow, connect() as other:
        slow.send(request(f"/stream?blocks={blocks}&size={_BLOCK}{length}"))
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        head = slow.sock.recv(12)
        assert head == b"HTTP/1.1 200"
        slow.push_back(head)
        # The same worker answers, which shows that it is not stuck in the application either.
        before = other.get("/progress").json()["blocks"]
        while (now := other.get("/progress").json()["blocks"]) != before:
            before = now
        assert now < blocks
        assert slow.response().body == b"x" * _MUCH
        until(lambda: other.get("/progress").json()["blocks"] == blocks)


def test_a_whole_body_waits_for_who_does_not_read_it_in_asgi(asgi: Server) -> None:
    assert_waits(asgi)


def test_a_whole_body_waits_for_who_does_not_read_it_in_wsgi(wsgi: Server) -> None:
    assert_waits(wsgi)


def assert_waits(server: Server) -> None:
    """Ask for much in one piece and do not read it: others are served, and nothing is lost."""
    body = bytes(range(256)) * (_MUCH // 512)
    with Client(server) as slow, Client(server) as other:
        slow.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        slow.send(body)
        head = slow.sock.recv(12)
        assert head == b"HTTP/1.1 200"
        slow.push_back(head)
        other.assert_open()
        assert slow.response().body == body
        slow.assert_open()


def test_an_application_that_does_not_read_pauses_the_client(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client, Client(asgi) as other:
        client.send(
            f"POST /wait?probe={probe.port} HTTP/1.1\r\nHost: a\r\n"
            f"Content-Length: {_MUCH}\r\n\r\n".encode()
        )
        caller = probe.wait("waiting")
        sent = 0
        # Each round gives the worker a turn to read on, if it did.
        while (more := fill(client.sock, b"x" * _BLOCK)) or sent == 0:
            sent += more
            other.assert_open()
        assert sent < _MUCH
        caller.answer()
        client.send(b"x" * (_MUCH - sent))
        assert client.response().body == b"%d" % _MUCH
