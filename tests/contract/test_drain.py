"""SIGTERM and SIGINT: what is under way is finished, then the server ends, with status 0."""

import signal
import socket
import subprocess

import h11
import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, request

ASGI = "contract.apps.kit_asgi:app"
WSGI = "contract.apps.kit_wsgi:app"


def assert_refused(server: Server) -> None:
    """Nobody listens any more."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize(
    ("number", "app"),
    [
        (TERM, (ASGI,)),
        (INT, (ASGI,)),
        (TERM, (WSGI,)),
        (TERM, (WSGI, "--threads", "2")),
        (TERM, ("contract.apps.kit_native:app",)),
    ],
    ids=["asgi", "SIGINT", "wsgi", "wsgi-threads", "native"],
)
def test_a_request_that_has_begun_is_finished(
    mode: Mode, number: signal.Signals, app: tuple[str, ...]
) -> None:
    with Server(*app, *mode.flags, "--workers", "1") as server:
        with Client(server) as idle, Client(server) as busy:
            idle.assert_open()
            busy.request("/echo", "Expect: 100-continue", "Content-Length: 6", method="POST")
            assert busy.interim() == 100  # so the worker has the request
            server.send_signal(number)
            # An idle connection is closed, and by then nobody accepts any more.
            idle.assert_closed()
            assert_refused(server)
            busy.send(b"abcdef")
            response = busy.response()
            assert response.body == b"abcdef"
            assert response["connection"] == "close"
            busy.assert_closed()
        assert server.wait() == 0


def test_a_stream_is_finished(mode: Mode, probe: Probe) -> None:
    with Server(ASGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as client, Client(server) as idle:
            client.send(request("/stream-echo", "Transfer-Encoding: chunked", method="POST"))
            client.send(b"3\r\nabc\r\n")
            events = client.events()
            assert [type(next(events)).__name__ for _ in range(2)] == ["Response", "Data"]
            server.send_signal()
            idle.assert_closed()
            client.send(b"3\r\ndef\r\n0\r\n\r\n")
            rest = [bytes(event.data) for event in events if isinstance(event, h11.Data)]
            assert rest == [b"def"]
            client.assert_closed()
        assert server.wait() == 0


def test_a_large_response_leaves_whole(mode: Mode) -> None:
    """The application is done with it, the client is not."""
    with Server(ASGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as client, Client(server) as idle:
            size = 12 << 20
            client.send(request(f"/stream?blocks=1&size={size}"))
            client.push_back(client.sock.recv(12))
            server.send_signal()
            idle.assert_closed()
            assert client.response().body == b"x" * size
        assert server.wait() == 0


def test_background_work_is_waited_for(mode: Mode, probe: Probe) -> None:
    with Server(ASGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as client, Client(server) as idle:
            client.send(request(f"/after-response?probe={probe.port}"))
            assert client.response().body == b"done"
            probe.wait("http.disconnect").answer()
            caller = probe.wait("background")
            server.send_signal()
            idle.assert_closed()
            client.assert_closed()
            caller.answer()
            probe.wait("finished").answer()
        assert server.wait() == 0


def test_a_thread_that_works_is_waited_for(mode: Mode, probe: Probe) -> None:
    with Server(WSGI, *mode.flags, "--workers", "1", "--threads", "2") as server:
        with Client(server) as client, Client(server) as idle:
            client.send(request(f"/wait?probe={probe.port}"))
            caller = probe.wait("waiting")
            server.send_signal()
            idle.assert_closed()
            caller.answer("done")
            assert client.response().body == b"done"
        assert server.wait() == 0


def test_lifespan_shutdown_comes_last_and_is_waited_for(mode: Mode, probe: Probe) -> None:
    environment = {"LIFESPAN_PROBE": str(probe.port)}
    with Server(
        "contract.apps.lifespan_asgi:app", *mode.flags, "--workers", "1", env=environment
    ) as server:
        with Client(server) as client:
            client.request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
            assert client.interim() == 100
            server.send_signal()
            client.send(b"abc")
            assert client.response().body == b"abc"
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
            uploading.request("/echo", "Expect: 100-continue", "Content-Length: 6", method="POST")
            assert uploading.interim() == 100
            server.send_signal()
            waiting.assert_closed()
            uploading.assert_closed()
        # It has drained as far as it was allowed to: the end is as clean as any.
        assert server.wait() == 0
        server.expect("^subsrv: 2 connections did not finish in time")


def test_a_thread_that_never_returns_ends_by_force(mode: Mode, probe: Probe) -> None:
    """Nothing can stop a thread: when its time and a margin are over, the process ends."""
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


@pytest.mark.parametrize("app", [ASGI, WSGI], ids=["async", "blocked"])
def test_a_second_signal_ends_at_once(mode: Mode, probe: Probe, app: str) -> None:
    with Server(app, *mode.flags, "--workers", "2") as server:
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
            client.request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
            assert client.interim() == 100
            server.send_signal()
            idle.assert_closed()
            server.send_signal()
            client.send(b"abc")
            assert client.response().body == b"abc"
        assert server.wait() == 0


def test_workers_drain_together(mode: Mode) -> None:
    """Each of four holds a request; none is lost."""
    with Server(ASGI, *mode.flags, "--workers", "4") as server:
        clients = [Client(server) for _ in range(16)]
        for client in clients:
            client.request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
            assert client.interim() == 100
        server.send_signal()
        for client in clients:
            client.send(b"abc")
        for client in clients:
            assert client.response().body == b"abc"
            client.close()
        assert server.wait() == 0


def test_connections_that_wait_to_be_accepted_are_served(mode: Mode, probe: Probe) -> None:
    """The kernel has completed them, so their clients count on an answer."""
    with Server(WSGI, *mode.flags, "--workers", "1") as server:
        with Client(server) as blocking:
            blocking.send(request(f"/wait?probe={probe.port}"))
            caller = probe.wait("waiting")
            queued = [Client(server) for _ in range(5)]
            for client in queued:
                client.send(request("/"))
            server.send_signal()
            caller.answer("done")
            assert blocking.response().body == b"done"
            for client in queued:
                assert client.response().body == b"hello"
                client.close()
        assert server.wait() == 0
