"""The control address over real sockets: who is let in, and what a bad client can do."""

import contextlib
import os
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.serving import until

from admin.fakes import FakeSteward
from subsrv.admin import client, endpoint
from subsrv.admin.endpoint import Endpoint
from subsrv.errors import ConfigError


class Serving:
    """An endpoint on a thread of its own."""

    def __init__(self, address: str) -> None:
        self.steward = FakeSteward()
        self._selector = selectors.DefaultSelector()
        self.endpoint = Endpoint(address, self._selector, self.steward)
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        self._selector.register(theirs, selectors.EVENT_READ, self._told)
        self._running = True
        self._now = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        url = self.endpoint.url
        self.address = url.removeprefix("http://")

    def _told(self) -> None:
        if self._theirs.recv(1):
            self.endpoint.look(self._now)
        else:
            self._running = False

    def look(self, now: float) -> None:
        """Let that time come."""
        self._now = now
        self._ours.sendall(b"x")

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select():
                key.data()

    def close(self) -> None:
        self._ours.close()
        self._thread.join()
        self._theirs.close()
        self.endpoint.close()
        self._selector.close()


@pytest.fixture(params=["unix", "tcp"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    address = f"unix:{tmp_path}/control" if request.param == "unix" else "127.0.0.1:0"
    serving = Serving(address)
    yield serving
    serving.close()


def connect(serving: Serving) -> socket.socket:
    if serving.address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(serving.address.removeprefix("unix:"))
    else:
        host, _, port = serving.address.rpartition(":")
        sock = socket.create_connection((host, int(port)))
    sock.settimeout(10)
    return sock


def exchange(serving: Serving, data: bytes) -> bytes:
    """All that comes back until the endpoint closes."""
    with connect(serving) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_client_gets_the_status(serving: Serving) -> None:
    assert client.status(serving.address)["server"]["pid"] == 42
    assert client.request(serving.address, "POST", "/reload") == (202, b"begun\n")
    assert serving.steward.done == ["reload"]


def test_many_requests_on_one_connection(serving: Serving) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    got = exchange(serving, (head + b"\r\n") * 500 + head + b"Connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 501


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", b"413"),
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET /status HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 60 + b"\r\n", b"431"),
    ],
)
def test_a_bad_request_is_refused_and_does_nothing(
    serving: Serving, data: bytes, status: bytes
) -> None:
    assert exchange(serving, data).startswith(b"HTTP/1.1 " + status)
    assert serving.steward.done == []
    assert client.request(serving.address, "GET", "/healthz")[0] == 200


def test_a_client_that_leaves_before_its_answer(serving: Serving) -> None:
    serving.steward.later = []
    with connect(serving) as sock:
        sock.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.request(serving.address, "GET", "/healthz")[0] == 200
    serving.steward.later[0]()
    assert client.request(serving.address, "GET", "/healthz")[0] == 200


def test_the_time_of_a_silent_client_runs_out(serving: Serving) -> None:
    with connect(serving) as sock:
        assert client.request(serving.address, "GET", "/healthz")[0] == 200
        assert serving.endpoint.alarm() < float("inf")
        serving.look(serving.endpoint.alarm() + 60)
        assert sock.recv(1) == b""


def test_there_are_only_so_many_clients(serving: Serving) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(serving)) for _ in range(17)]
        # Accepted in order: the last is one too many, and sees the end at once.
        assert held[-1].recv(1) == b""

    def answers() -> bool:
        # Until the endpoint has seen that the others have left, it may be one too many itself.
        try:
            return client.request(serving.address, "GET", "/healthz")[0] == 200
        except client.UnreachableError:
            return False

    until(answers)


@pytest.mark.parametrize("fields", [b"Host: evil.test\r\n", b"Host: localhost\r\nOrigin: x\r\n"])
def test_no_page_in_a_browser_may_ask(serving: Serving, fields: bytes) -> None:
    got = exchange(serving, b"POST /reload HTTP/1.1\r\n" + fields + b"\r\n")
    local = serving.address.startswith("unix:")
    assert got.startswith(b"HTTP/1.1 202" if local else b"HTTP/1.1 403")
    assert serving.steward.done == (["reload"] if local else [])


def test_the_sockets_file_is_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "control"
    serving = Serving(f"unix:{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    serving.close()
    assert not path.exists()


def test_another_user_is_not_let_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert endpoint._is_trusted(ours)
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        monkeypatch.setattr(endpoint, "_UCRED", Credentials())
        assert not endpoint._is_trusted(ours)
    assert "refused user 777" in caplog.text


class Credentials:
    """Of a client that runs as another user."""

    size = 12

    def unpack(self, _: bytes) -> tuple[int, int, int]:
        return 1, 777, 777


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "fd://3", "host.test:1", "/run/control"]
)
def test_an_address_that_others_could_reach_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="control must be unix:PATH or a loopback HOST:PORT"):
        endpoint.check(address)


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(client.UnreachableError, match=r"no subsrv answers at unix:.*No such file"):
        client.status(f"unix:{tmp_path}/none")
