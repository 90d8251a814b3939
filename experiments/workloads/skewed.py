"""A load whose connections differ: some ask all the time, the others never.

``python -m experiments.workloads.skewed URL SECONDS CONNECTIONS EVERY`` opens the connections one
after the other, of which each EVERYth asks its next question as soon as the last is answered, and
prints what it saw as JSON. How often the busy ones meet in one worker is up to the server.
"""

import json
import selectors
import socket
import sys
import time
import urllib.parse
from dataclasses import asdict, dataclass

from experiments.harness.load import Outcome
from experiments.workloads import apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the client saw."""

    requests: int
    seconds: float
    bytes_read: int
    client_cpu: float
    faults: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skewed:
    """See the module.

    Attributes:
      connections: open at the same time.
      every: one in so many is busy.
    """

    connections: int = 16
    every: int = 2
    path: str = "/"

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people."""
        return f"python -m {__name__} URL{self.path} {seconds} {self.connections} {self.every}"

    def client(self) -> str:
        """The client is of this commit; its Python is that of the study."""
        return apart.name(__name__)

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`. LoadError if the client does not report."""
        words = (url + self.path, seconds, self.connections, self.every)
        seen = Seen(**apart.report(__name__, *words, seconds=seconds, cpus=client))
        return Outcome(
            requests=seen.requests,
            seconds=seen.seconds,
            bytes_read=seen.bytes_read,
            client_cpu=seen.client_cpu,
            client_threads=1,
            faults=seen.faults,
        )


def ask(address: tuple[str, int], path: str, seconds: float, connections: int, every: int) -> Seen:
    """Be that client. Answers need a Content-Length, and to come in one piece."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\n\r\n".encode()
    opened: list[socket.socket] = []
    requests = read = 0
    faults: list[str] = []
    try:
        with selectors.DefaultSelector() as selector:
            for number in range(connections):
                opened.append(socket.create_connection(address))
                if number % every == 0:
                    selector.register(opened[-1], selectors.EVENT_READ)
            begin = time.monotonic()
            for key in selector.get_map().values():
                _send(key.fileobj, request)
            while selector.get_map() and time.monotonic() < begin + seconds:
                for key, _ in selector.select(0.1):
                    answer = _receive(key.fileobj)
                    if not answer.startswith(b"HTTP/1.1 200 "):
                        faults.append(f"unexpected: {answer[:60]!r}")
                        selector.unregister(key.fileobj)
                        continue
                    requests += 1
                    read += len(answer)
                    _send(key.fileobj, request)
            took = time.monotonic() - begin
            # What is under way is answered, and does not count.
            for key in selector.get_map().values():
                _receive(key.fileobj)
    finally:
        for sock in opened:
            sock.close()
    return Seen(
        requests=requests,
        seconds=took,
        bytes_read=read,
        client_cpu=time.process_time(),
        faults="; ".join(faults) or ("" if requests else "no request completed"),
    )


def _send(sock: object, request: bytes) -> None:
    assert isinstance(sock, socket.socket)
    sock.sendall(request)


def _receive(sock: object) -> bytes:
    assert isinstance(sock, socket.socket)
    return sock.recv(65536)


def _main(url: str, seconds: str, connections: str, every: str) -> None:
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname
    assert parts.port
    seen = ask(
        (parts.hostname, parts.port), parts.path, float(seconds), int(connections), int(every)
    )
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
