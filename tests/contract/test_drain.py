"""SIGTERM and SIGINT: what is under way is finished, then the server ends, with status 0."""

import contextlib
import signal
import socket
import subprocess

import h11
import pytest

from contract.modes import POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, Response, request

ASGI = "contract.apps.kit_asgi:app"
WSGI = "contract.apps.kit_wsgi:app"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_what_is_under_way_is_finished(mode: Mode, probe: Probe, number: signal.Signals) -> None:
    """Whatever it is doing: reading, streaming, sending what its client has not read, or working
    on after its response.
    """
    size = 12 << 20  # more than the buffers on the way hold
    with Server(ASGI, *mode.flags, "--workers", "1") as server:
        with (
            Client(server) as idle,
            Client(server) as reading,
            Client(server) as streaming,
            Client(server) as sending,
            Client(server) as working,
        ):
            idle.assert_open()
            begin_upload(reading)
            streaming.send(request("/stream-echo", "Transfer-Encoding: chunked", method="POST"))
            streaming.send(b"3\r\nabc\r\n")
            events = streaming.events()
            assert [type(next(events)).__name__ for _ in range(2)] == ["Response", "Data"]
            sending.send(request(f"/stream?blocks=1&size={size}"))
            sending.push_back(sending.sock.recv(12))
            working.send(request(f"/after-response?probe={probe.port}"))
            assert working.response().body == b"done"
            probe.wait("http.disconnect").answer()
            background = probe.wait("background")

            server.send_signal(number)
            # Idle connections are closed, and by then nobody listens any more.
            idle.assert_closed()
            working.assert_closed()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(server.address)

            assert finish_upload(reading)["connection"] == "close"
            streaming.send(b"3\r\ndef\r\n0\r\n\r\n")
            rest = [bytes(event.data) for event in events if isinstance(event, h11.Data)]
            assert rest == [b"def"]
            streaming.assert_closed()
            assert sending.response().body == b"x" * size
            background.answer()
            probe.wait("finished").answer()
        assert server.wait() == 0


@pytest.mark.parametrize("app", [WSGI, "contract.apps.kit_native:app"], ids=["wsgi", "native"])
def test_a_request_whose_body_is_still_coming_is_finished(mode: Mode, app: str) -> None:
    """The application has not even been called yet."""
    with Server(app, *mode.flags, "--workers", "1") as server:
        with Client(server) as client, Client(server) as idle:
            begin_upload(client)
            server.send_signal()
            idle.assert_closed()
            finish_upload(client)
        assert server.wait() == 0


def begin_upload(client: Client) -> None:
    """Have the worker wait for a body: it has asked for it, so it does."""
    client.request("/echo", "Expect: 100-continue", "Content-Length: 6", method="POST")
    assert client.interim() == 100


def finish_upload(client: Client) -> Response:
    """Send the body, and see it answered and the connection closed."""
    client.send(b"abcdef")
    response = client.response()
    assert response.body == b"abcdef"
    client.assert_closed()
    return response


def test_a_thread_that_works_is_waited_for(mode: Mode, probe: Probe) -> None:
    """Even if it still reads its request."""
    with Server(WSGI, *mode.flags, "--workers", "1", "--threads", "2") as server:
        with Client(server) as client, Client(server) as sending, Client(server) as idle:
            client.send(request(f"/wait?probe={probe.port}"))
            caller = probe.wait("waiting")
            upload = request(
                f"/read-slowly?probe={probe.port}", "Content-Length: 200000", method="POST"
            )
            sending.send(upload + b"x" * 100_000)
            reader = probe.wait("reading")
            server.send_signal()
            idle.assert_closed()
            caller.answer("done")
            assert client.response().body == b"done"
            reader.answer()
            sending.send(b"x" * 100_000)
            assert sending.response().body == b"200000"
        assert server.wait() == 0


def test_lifespan_shutdown_comes_last_and_is_waited_for(mode: Mode, probe: Probe) -> None:
    environment = {"LIFESPAN_PROBE": str(probe.port)}
    with Server(
        "contract.apps.lifespan_asgi:app", *mode.flags, "--workers", "1", env=environment
    ) as server:
        with Client(server) as client:
            begin_upload(client)
            server.send_signal()
            finish_upload(client)
            caller = probe.wait("shutdown")
            assert server.process.poll() is None
            caller.answer()
        assert server.wait() == 0


def test_after_the_graceful_timeout_connections_are_cut(mode: Mode, probe: Probe) -> None:
    flags = (*mode.flags, "--workers", "1", "--graceful-timeout", "0.3")
    with Server(ASGI, *flags) as server:
        with Client(server) as waiting, Client(server) as uploading:
            waiting.send(request(f"/wait?probe={probe.port}"))
            probe.wait("waiting")
            begin_upload(uploading)
            server.send_signal()
            waiting.assert_closed()
            uploading.assert_closed()
        # It has drained as far as it was allowed to: the end is as clean as any.
        assert server.wait() == 0
        server.expect("^subsrv: 2 connections did not finish in time")


# It takes the supervisor's margin of seconds, so: one kind of worker that can be killed, and one
# that cannot.
@pytest.mark.parametrize(
    "mode", [m for m in POSSIBLE if m.name in ("interp", "fork")], indirect=True, ids=str
)
def test_a_thread_that_never_returns_ends_by_force(mode: Mode, probe: Probe) -> None:
    """Nothing can stop a thread: when its time and a margin are over, its process ends."""
    flags = (*mode.flags, "--workers", "1", "--threads", "2", "--graceful-timeout", "0.1")
    with Server(WSGI, *flags) as server:
        with Client(server) as client:
            client.send(request(f"/wait?probe={probe.port}"))
            probe.wait("waiting")
            server.send_signal()
            client.assert_closed()
            assert server.wait() == 1
        server.expect("^subsrv: the time to stop is over: .*")
        if mode.processes:
            server.expect("worker 0 died: killed by SIGKILL; it was draining")


def test_a_second_signal_ends_at_once(mode: Mode, probe: Probe) -> None:
    """Even while a worker is stuck in its application, and hears nothing."""
    with Server(WSGI, *mode.flags, "--workers", "2") as server:
        with Client(server) as client:
            client.send(request(f"/wait?probe={probe.port}"))
            probe.wait("waiting")
            server.send_signal()
            # Longer than a signal's echo may take.
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.2)
            server.send_signal()
            assert server.wait() == 1
        server.expect("^subsrv: a second signal: .*")
        if mode.processes:
            server.expect("worker . died: killed by SIGKILL; it was draining")


def test_a_signal_that_comes_twice_is_one(mode: Mode) -> None:
    """As from timeout(1), which signals its child and then the child's whole group."""
    with Server(ASGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as client, Client(server) as idle:
            begin_upload(client)
            server.send_signal()
            idle.assert_closed()
            server.send_signal()
            finish_upload(client)
        assert server.wait() == 0


def test_workers_drain_together(mode: Mode) -> None:
    """Each of four holds a request; none is lost."""
    with Server(ASGI, *mode.flags, "--workers", "4") as server:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server)) for _ in range(16)]
            for client in clients:
                begin_upload(client)
            server.send_signal()
            for client in clients:
                finish_upload(client)
        assert server.wait() == 0


def test_connections_that_wait_to_be_accepted_are_served(mode: Mode, probe: Probe) -> None:
    """The kernel has completed them, so their clients count on an answer."""
    with Server(WSGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as blocking:
            blocking.send(request(f"/wait?probe={probe.port}"))
            caller = probe.wait("waiting")
            with contextlib.ExitStack() as stack:
                queued = [stack.enter_context(Client(server)) for _ in range(5)]
                for client in queued:
                    client.send(request("/"))
                server.send_signal()
                caller.answer("done")
                assert blocking.response().body == b"done"
                assert [client.response().body for client in queued] == [b"hello"] * 5
        assert server.wait() == 0
