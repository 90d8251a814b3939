"""The skewed load: busy connections beside silent ones, and what goes wrong is told."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from experiments.workloads.skewed import Skewed, ask
from subsrv.bench.load import LoadError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    statuses: tuple[int, ...] = (200,)
    connections = 0

    def setup(self) -> None:
        type(self).connections += 1
        super().setup()

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    Handler.connections = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[0], server.server_port  # type: ignore[misc]
        server.shutdown()
        thread.join()


def test_it_opens_all_and_counts_what_the_busy_ones_get(address: tuple[str, int]) -> None:
    seen = ask(address, "/200", 0.1, 6, 3)
    assert not seen.faults
    assert seen.requests >= 2
    assert seen.bytes_read % seen.requests == 0
    assert Handler.connections == 6


def test_another_status_is_a_fault(address: tuple[str, int]) -> None:
    seen = ask(address, "/500", 0.1, 2, 1)
    assert seen.requests == 0
    assert seen.faults.count("unexpected: b'HTTP/1.1 500 ") == 2


def test_as_a_load(address: tuple[str, int]) -> None:
    url = f"http://{address[0]}:{address[1]}"
    outcome = Skewed(connections=2, path="/200").run(url, seconds=1, number=1, client=None)
    assert outcome.requests >= 1
    assert outcome.client_cpu > 0


def test_a_client_that_fails_says_why() -> None:
    with pytest.raises(LoadError, match=r"the client ended with status 1: ConnectionRefused"):
        Skewed().run("http://127.0.0.1:1", seconds=1, number=1, client=None)
