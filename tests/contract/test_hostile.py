"""Hostile clients: each costs the server little, the others nothing, and is counted."""

import contextlib
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server, until
from contract.test_backpressure import fill
from contract.wire import Client, chunked, request

# More than any buffer on the way holds.
_MUCH = 16 << 20


@pytest.fixture(scope="session")
def strict(mode: Mode) -> Iterator[Server]:
    """Two requests at once, two connections in the queue, and a pace that no client here keeps."""
    limits = (
        *("--limit-concurrency", "2"),
        *("--backlog", "2"),
        *("--timeout-body", "0.2", "--min-body-rate", "1000000000"),
        *("--timeout-write", "0.3", "--min-write-rate", "1000000000"),
    )
    flags = (*mode.flags, *limits, "--workers", "1")
    with Server("contract.apps.kit_asgi:app", *flags) as server:
        yield server


def counters(server: Server) -> Counter[str]:
    """What the worker has counted, and what is open now; asking is a connection, too."""
    with Client(server) as client:
        found = Counter(client.get("/counters").json())
        found["descriptors"] = len(list(Path(f"/proc/{found['pid']}/fd").iterdir()))
        return found


@contextlib.contextmanager
def counted(server: Server, **expected: int) -> Iterator[Counter[str]]:
    """What happens within the block is counted thus, and leaves nothing behind.

    The counter that it yields holds all that has grown, when the block is over.
    """
    before, grown = Counter[str](), Counter[str]()

    def settled() -> bool:
        nonlocal before
        before = counters(server)
        return before["connections"] == 1 and before["in_flight"] == 0

    def over() -> bool:
        grown.clear()
        grown.update(counters(server))
        grown.subtract(before)
        return all(grown[name] == 0 for name in ("connections", "in_flight", "descriptors"))

    until(settled)
    yield grown
    until(over)
    assert {name: grown[name] for name in expected} == expected


def worker(server: Server) -> int:
    """The process that the only worker is, or is in."""
    with Client(server) as client:
        pid: int = client.get("/who").json()["pid"]
        return pid


def to_the_end(client: Client) -> bytes:
    """All that comes until the server closes, in whichever way."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.sock.recv(65536):
            found += data
    return found


# Slow clients.


def test_a_head_that_drips(hasty: Server) -> None:
    with counted(hasty, timed_out_header=1, refused_408=1), Client(hasty) as client:
        client.send(b"GET / HTTP/1.1\r\nX: ")
        client.sock.settimeout(0.02)
        while True:
            with contextlib.suppress(TimeoutError):
                assert client.response().status == 408
                break
            client.send(b"x")


def test_a_body_that_drips(strict: Server) -> None:
    """It never stops, but it does not come at the pace that is asked for."""
    with counted(strict, timed_out_body=1, refused_408=1), Client(strict) as client:
        client.request("/echo", f"Content-Length: {_MUCH}", method="POST")
        client.sock.settimeout(0.02)
        while True:
            with contextlib.suppress(TimeoutError):
                assert client.response().status == 408
                break
            client.send(b"x")
            with Client(strict) as other:
                other.assert_open()


def test_a_body_that_nobody_reads_and_that_drips(strict: Server) -> None:
    expected = {"timed_out_body": 1, "discarded_bodies": 1, "refused_408": 0}
    with counted(strict, **expected), Client(strict) as client:
        client.request("/answer-unread", "Content-Length: 10000", method="POST")
        assert client.response().status == 200
        client.sock.settimeout(0.02)
        while True:
            with contextlib.suppress(TimeoutError):
                # A byte that was under way when the server closed turns the end into a reset.
                with contextlib.suppress(ConnectionResetError):
                    assert client.sock.recv(1) == b""
                break
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(b"x")


def test_a_client_that_reads_in_drips(strict: Server, probe: Probe) -> None:
    """It reads on all the time, but slower than is asked for."""
    with counted(strict, timed_out_write=1, write_stalls=1), Client(strict) as client:
        client.send(request(f"/endless?probe={probe.port}"))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller = None
        probe_listener = probe._listener
        probe_listener.settimeout(0.005)
        while caller is None:
            with contextlib.suppress(ConnectionResetError):
                client.sock.recv(4096)
            with contextlib.suppress(TimeoutError):
                caller = probe.wait("OSError")
        caller.answer()


def test_a_flood_of_requests_by_a_client_that_never_reads(hasty: Server) -> None:
    """It fills the buffers on the way, and not the server's memory; then it is given up."""
    before = counters(hasty)["timed_out_write"]
    with counted(hasty, timed_out_write=1) as grown, Client(hasty) as client:
        sent = 0
        flood = request("/stream?blocks=1&size=65536") * 100
        with contextlib.suppress(ConnectionError):
            while (more := fill(client.sock, flood)) or sent == 0:
                sent += more
                with Client(hasty) as other:
                    other.assert_open()
        assert sent < _MUCH
        until(lambda: counters(hasty)["timed_out_write"] > before)
    assert grown["write_stalls"] >= 1
    assert grown["read_pauses"] >= 1


# Floods.


def test_a_flood_of_requests_to_a_slow_application(asgi: Server, probe: Probe) -> None:
    """What is behind a slow request waits in the kernel: the worker holds little of it."""
    with counted(asgi, read_pauses=1), Client(asgi) as client, Client(asgi) as other:
        client.send(request(f"/wait?probe={probe.port}"))
        caller = probe.wait("waiting")
        flood = request("/") * 100
        sent = 0
        while (more := fill(client.sock, flood)) or sent == 0:
            sent += more
            other.assert_open()
        assert sent < _MUCH
        caller.answer()
        assert client.response().body == b"0"
        for _ in range(1000):
            assert client.response().body == b"hello"
        client.reset()


def test_connections_that_come_and_go(asgi: Server) -> None:
    starts = [b"", b"G", request("/")[:-1], request("/"), request("/wait?probe=0")[:-2], b"\r\n"]
    with counted(asgi, refused=0):
        for number in range(300):
            with Client(asgi) as client:
                client.send(starts[number % len(starts)])
                if number % 4 == 1:
                    client.reset()


@pytest.mark.parametrize(
    ("start", "rest", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"A: b\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: ", b"b" * 1000, 431),
        (b"GET /", b"a" * 1000, 414),
        (b"", b"\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 99, 400),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1;" + b"a" * 99 + b"\r\na\r\n",
            400,
        ),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"A: b\r\n",
            431,
        ),
    ],
    ids=[
        *("many header lines", "a long header line", "a long target", "empty lines"),
        *("a long extension", "many extensions", "trailers"),
    ],
)
def test_a_head_without_end(asgi: Server, start: bytes, rest: bytes, status: int) -> None:
    """A header bomb, and its kin: refused while it comes, whatever more is sent."""
    with counted(asgi, refused=1, **{f"refused_{status}": 1}), Client(asgi) as client:
        with contextlib.suppress(ConnectionError):
            client.send(start)
            for _ in range(100):
                client.send(rest * (1000 // len(rest)))
        assert client.response().status == status


@pytest.mark.parametrize("path", ["/echo", "/stream-echo", "/answer-unread"])
def test_a_body_of_chunks_of_a_byte(asgi: Server, path: str) -> None:
    count = 20_000
    with Client(asgi) as client:
        client.request(path, "Transfer-Encoding: chunked", method="POST")
        client.send(chunked(*[b"x"] * count))
        assert client.response().body == (b"never mind" if "unread" in path else b"x" * count)
        client.assert_open()


def test_a_tls_hello_on_a_plain_port(asgi: Server) -> None:
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with counted(asgi, refused_400=1), Client(asgi) as client:
        client.send(outgoing.read())
        assert b"this is not HTTP" in client.response().body


# Broken connections.

_BODY = chunked(b"abc", b"defg", trailers=b"X-A: b\r\n")
_SCRIPT = (
    request("/")
    + request("/stream-echo", "Transfer-Encoding: chunked", method="POST")
    + _BODY
    + request("/echo", method="POST", body=b"xyz")
)


def test_a_reset_at_every_point_of_a_request(asgi: Server) -> None:
    with counted(asgi, refused=0):
        for end in range(len(_SCRIPT)):
            with Client(asgi) as client:
                client.send(_SCRIPT[:end])
                client.reset()


def test_an_end_at_every_point_of_a_request(asgi: Server) -> None:
    """Half-closed: what was asked for whole is answered, the rest is not, and nothing waits."""
    with counted(asgi, refused=0, resets=0):
        for end in range(len(_SCRIPT) + 1):
            with Client(asgi) as client:
                client.send(_SCRIPT[:end])
                client.half_close()
                answers = to_the_end(client)
                whole = end >= len(request("/"))
                assert answers.startswith(b"HTTP/1.1 200") if whole else answers == b""
                assert answers.count(b"hello") == whole
                assert (b"xyz" in answers) == (end == len(_SCRIPT))


@pytest.mark.parametrize("read", [0, 1, 300, 70_000, 1_000_000])
def test_a_reset_at_points_of_a_response(asgi: Server, read: int) -> None:
    with counted(asgi, resets=1, disconnects=1), Client(asgi) as client:
        client.send(request("/stream?blocks=1000&size=65536"))
        while read > 0:
            read -= len(client.sock.recv(read))
        client.reset()


def test_a_reset_while_the_application_works(asgi: Server, probe: Probe) -> None:
    with counted(asgi, resets=1, disconnects=1), Client(asgi) as client:
        client.send(request(f"/wait?probe={probe.port}", method="POST", body=b"abc"))
        caller = probe.wait("waiting")
        assert counters(asgi)["in_flight"] == 1
        client.reset()
        caller.answer()


# Overload.


def test_503_when_too_many_requests_are_under_way(strict: Server, probe: Probe) -> None:
    with counted(strict, overloaded=5, refused=0), contextlib.ExitStack() as stack:
        held = [stack.enter_context(Client(strict)) for _ in range(2)]
        callers = []
        for client in held:
            client.send(request(f"/wait?probe={probe.port}"))
            callers.append(probe.wait("waiting"))
        client = stack.enter_context(Client(strict))
        for _ in range(2):
            response = client.get("/")
            assert (response.status, response["retry-after"]) == (503, "1")
            assert "connection" not in response
        # Its body is not taken for a request, and the connection lives on.
        client.send(
            request("/echo", method="POST", body=request("/")) + request("/", method="HEAD")
        )
        assert client.response().status == 503
        head = client.response("HEAD")
        assert (head.status, head.body) == (503, b"")
        with Client(strict) as other:
            other.request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
            response = other.response()
            assert (response.status, response.interim) == (503, [])
            assert response["connection"] == "close"
        for caller in callers:
            caller.answer()
        assert [each.response().status for each in held] == [200, 200]
        assert client.get("/").status == 200


def test_no_descriptors_and_a_full_queue(strict: Server) -> None:
    """accept() fails: who is connected is served on, who is not waits, and is served after all."""
    pid = worker(strict)
    with Client(strict) as other, contextlib.ExitStack() as stack:
        other.assert_open()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            clients = [stack.enter_context(Client(strict)) for _ in range(3)]
            for client in clients:
                client.send(request("/"))
            strict.expect("cannot accept: Too many open files; trying again every 1 s")
            # One more than the kernel queues: it may try to connect until there is room.
            late = stack.enter_context(socket.socket())
            late.setblocking(False)
            assert late.connect_ex(strict.address) != 0
            for _ in range(10):
                other.assert_open()
            for client in clients:
                client.sock.setblocking(False)
                with pytest.raises(BlockingIOError):
                    client.sock.recv(1)
                client.sock.settimeout(10)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert [client.response().body for client in clients] == [b"hello"] * 3
        late.settimeout(10)
        late.sendall(request("/", "Connection: close"))
        assert late.recv(65536).startswith(b"HTTP/1.1 200")
        assert other.get("/counters").json()["accept_pauses"] >= 1
    assert strict.log.count("cannot accept") == 1


def test_no_room_for_a_body(wsgi: Server) -> None:
    """The disk is full, or a quota: the request fails, and nothing else.

    In chunks: what the threads read as it comes needs no disk.
    """
    pid = worker(wsgi)
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (600_000, limits[1]))
    try:
        with Client(wsgi) as client:
            with contextlib.suppress(ConnectionError):
                client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
                client.send(chunked(b"x" * (1 << 20)))
            response = client.response()
            assert (response.status, response["connection"]) == (500, "close")
            wsgi.expect("OSError: .*File too large")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    with Client(wsgi) as client:
        body = b"x" * (1 << 20)
        assert client.get("/echo", method="POST", body=body).body == body


def test_a_drain_says_what_was_counted(mode: Mode) -> None:
    flags = (*mode.flags, "--workers", "1", "--log-level", "debug")
    with Server("contract.apps.kit_asgi:app", *flags) as server:
        with Client(server) as client:
            client.send(request("/") + b"nonsense\r\n\r\n")
            assert [client.response().status for _ in range(2)] == [200, 400]
        server.stop()
        server.wait_for(r"^subsrv: drained: accepts=1 requests=1 refused=1 refused_400=1$")
