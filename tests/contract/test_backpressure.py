"""Backpressure: who does not read slows down who writes, in both directions."""

import socket
from collections.abc import Iterator

import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, request

# More than any buffer on the way holds.
_MUCH = 16 << 20
_BLOCK = 64 << 10

APPS = {
    "asgi": ("contract.apps.kit_asgi:app",),
    "wsgi": ("contract.apps.kit_wsgi:app",),
    "wsgi-threads": ("contract.apps.kit_wsgi:app", "--threads", "4"),
}


@pytest.fixture(scope="module", params=APPS)
def streaming(mode: Mode, request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(*APPS[request.param], *mode.flags, "--workers", "1") as server:
        yield server


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
def test_a_client_that_does_not_read_pauses_the_application(streaming: Server, length: str) -> None:
    blocks = _MUCH // _BLOCK
    with Client(streaming) as slow, Client(streaming) as other:
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
        assert other.get("/progress").json()["blocks"] == blocks


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
