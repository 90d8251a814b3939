"""wsgi.input with --threads 4: a large body is read as it comes, and never holds all threads."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from contract.probe import Probe
from contract.serving import Server
from contract.test_backpressure import fill
from contract.test_wsgi import with_threads
from contract.wire import Client, request

pytestmark = with_threads

# More than any buffer on the way holds.
MUCH = 16 << 20
BLOCK = b"x" * 65536


@pytest.fixture
def client(wsgi: Server) -> Iterator[Client]:
    with Client(wsgi) as client:
        yield client


def begin(client: Client, target: str, size: int = MUCH, sent: int = 100_000) -> None:
    """Declare so large a body, and send the beginning of it."""
    client.send(request(target, f"Content-Length: {size}", method="POST") + b"x" * sent)


def test_an_application_is_called_before_its_body_is_whole(client: Client, probe: Probe) -> None:
    begin(client, f"/read-slowly?probe={probe.port}", 1_000_000)
    probe.wait("reading").answer()
    client.send(b"x" * 900_000)
    assert client.response().body == b"1000000"
    client.assert_open()


def test_one_that_does_not_read_pauses_the_client(
    client: Client, wsgi: Server, probe: Probe
) -> None:
    begin(client, f"/read-slowly?probe={probe.port}")
    caller = probe.wait("reading")
    sent = 100_000
    with Client(wsgi) as other:
        # Each round gives the worker a turn to read on, if it did.
        while more := fill(client.sock, BLOCK):
            sent += more
            other.assert_open()
    assert sent < MUCH
    caller.answer()
    client.send(b"x" * (MUCH - sent))
    assert client.response().body == b"%d" % MUCH
    client.assert_open()


def test_a_body_that_nobody_reads_is_no_obstacle(client: Client) -> None:
    begin(client, "/refuse", 200_000)
    assert client.response().status == 403
    client.send(b"x" * 100_000)
    client.assert_open()


def test_lines_and_the_rest(client: Client) -> None:
    body = b"abcdef\n" + b"y" * 200_000 + b"\n" + b"rest"
    response = client.get("/read-in-parts", method="POST", body=body)
    assert response.body == body.replace(b"\nrest", b"\n|rest")


@pytest.mark.parametrize("how", ["reset", "half_close"])
def test_a_client_that_leaves_ends_the_reading(wsgi: Server, probe: Probe, how: str) -> None:
    """It is not logged: the application is at no fault. The thread is free again."""
    for _ in range(5):
        with Client(wsgi) as client:
            begin(client, f"/read-slowly?probe={probe.port}")
            probe.wait("reading").answer()
            getattr(client, how)()
            if how == "half_close":
                client.assert_closed()
    with Client(wsgi) as client:
        begin(client, f"/read-slowly?probe={probe.port}", 200_000)
        probe.wait("reading").answer()
        client.send(b"x" * 100_000)
        assert client.response().body == b"200000"


def test_slow_uploads_leave_threads_to_others(wsgi: Server, probe: Probe) -> None:
    """Of six, two are read as they come; the others wait on disk, as whole ones are served."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(wsgi)) for _ in range(6)]
        for client in clients:
            begin(client, f"/read-slowly?probe={probe.port}", 200_000)
        for _ in range(2):
            probe.wait("reading").answer()
        with Client(wsgi) as other:
            for _ in range(10):
                other.assert_open()
        for client in clients:
            client.send(b"x" * 100_000)
        for _ in range(4):
            probe.wait("reading").answer()
        assert [client.response().body for client in clients] == [b"200000"] * 6
        for client in clients:
            client.assert_open()


def test_a_malformed_end_is_no_end(wsgi: Server, probe: Probe) -> None:
    """A body in chunks is collected, so what is wrong with it never reaches the application."""
    with Client(wsgi) as client:
        client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
        client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\nnonsense\r\n")
        assert client.response().status == 400
        client.sock.shutdown(socket.SHUT_WR)
