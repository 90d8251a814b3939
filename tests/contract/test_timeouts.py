"""Clients that are slow or silent: how long they are waited for, and what they are told."""

import select
from collections.abc import Iterator

import h11
import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, request


@pytest.fixture
def client(hasty: Server) -> Iterator[Client]:
    with Client(hasty) as client:
        yield client


def assert_timed_out(client: Client) -> None:
    response = client.response()
    assert response.status == 408
    assert response.body.startswith(b"408 Request Timeout: ")
    assert response["connection"] == "close"
    client.assert_closed()


def test_a_head_that_does_not_come(client: Client) -> None:
    client.send(request("/")[:-2])
    assert_timed_out(client)


def test_a_head_that_drips(client: Client) -> None:
    """The time is for the whole head, not from one byte to the next."""
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    while not select.select([client.sock], [], [], 0.02)[0]:
        client.send(b"x")
    assert_timed_out(client)


def test_a_connection_on_which_nothing_comes_is_closed(client: Client) -> None:
    client.assert_closed()


def test_a_second_head_that_does_not_come(client: Client) -> None:
    assert client.get("/").status == 200
    client.send(b"GET")
    assert_timed_out(client)


def test_an_idle_connection_is_closed(client: Client) -> None:
    assert client.get("/").status == 200
    client.assert_closed()


@pytest.mark.parametrize("path", ["/echo", "/stream-echo"])
def test_a_body_that_stops(client: Client, path: str) -> None:
    client.request(path, "Content-Length: 10", method="POST")
    client.send(b"abc")
    if path == "/echo":
        assert_timed_out(client)
        return
    # The head has left, so all that is left to say is that this is not the end.
    with pytest.raises(h11.RemoteProtocolError, match="incomplete chunked read"):
        client.response()


def test_a_slow_body_that_goes_on_is_waited_for(client: Client) -> None:
    """The time is from one part to the next: this takes longer than any time-out here.

    So slow a client may be on a busy machine: a byte here is worth 10 ms of waiting.
    """
    client.request("/echo", "Content-Length: 200", method="POST")
    for _ in range(20):
        client.send(b"x" * 10)
        select.select([client.sock], [], [], 0.02)
    assert client.response().body == b"x" * 200


def test_a_slow_application_is_waited_for(client: Client, hasty: Server, probe: Probe) -> None:
    """No time-out runs while it is the application's turn, body or not."""
    client.send(request(f"/wait?probe={probe.port}", method="POST", body=b"abc"))
    caller = probe.wait("waiting")
    with Client(hasty) as other:  # of which every time-out has run out by then
        other.assert_closed()
    caller.answer()
    assert client.response().body == b"3"


def test_threads_that_all_block_stall_no_time_out(mode: Mode, probe: Probe) -> None:
    """Nor accepting, nor reading."""
    flags = (*mode.flags, "--workers", "1", "--threads", "2", "--timeout-keep-alive", "0.2")
    with (
        Server("contract.apps.kit_wsgi:app", *flags, "--timeout-header", "0.3") as server,
        Client(server) as one,
        Client(server) as two,
        Client(server) as idle,
    ):
        idle.assert_open()
        for blocked in (one, two):
            blocked.send(request(f"/wait?probe={probe.port}"))
        callers = [probe.wait("waiting") for _ in range(2)]
        idle.assert_closed()
        with Client(server) as late:
            late.send(b"GET")
            assert_timed_out(late)
        for caller in callers:
            caller.answer("at last")
        assert one.response().body == two.response().body == b"at last"


def test_a_client_that_does_not_read_is_given_up(client: Client, probe: Probe) -> None:
    client.send(request(f"/endless?probe={probe.port}"))
    probe.wait("OSError").answer()
    with pytest.raises((h11.RemoteProtocolError, ConnectionResetError)):
        client.response()


def test_a_client_that_reads_slowly_is_not(client: Client) -> None:
    """It takes longer than the time-out, but never so long without a byte."""
    client.sock.setsockopt(1, 8, 65536)  # SO_RCVBUF: so that the server's buffers fill
    client.send(request("/stream?blocks=160&size=65536"))
    size = 0
    for event in client.events():
        if isinstance(event, h11.Data):
            size += len(event.data)
            select.select([], [], [], 0.001)
    assert size == 160 * 65536
