"""Clients that never pause, and look at every byte, while a test does something to the server."""

import contextlib
import threading
from collections.abc import Iterator

import h11

from contract.serving import Server
from contract.wire import Client


class Visitor(threading.Thread):
    """Asks versioned.py, or the like, for one path after the other: VERSION hVERSION PATH."""

    def __init__(self, server: Server, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"visitor {number}")
        self._server = server
        self._number = number
        self._stop_asked = stop
        self.answered: set[bytes] = set()
        self.trouble: list[str] = []

    def run(self) -> None:
        turn = 0
        while not self._stop_asked.is_set() and not self.trouble:
            try:
                with Client(self._server) as client:
                    closing = False
                    while not closing and not self._stop_asked.is_set():
                        turn += 1
                        path = f"/{self._number}/{turn}"
                        response = client.get(path)
                        version, helper, echoed = response.body.split(b" ")
                        assert helper == b"h" + version, response
                        assert echoed == path.encode(), response
                        self.answered.add(version)
                        closing = "connection" in response
            except (OSError, AssertionError, ValueError, h11.RemoteProtocolError) as error:
                self.trouble.append(f"{turn}: {error!r}")


@contextlib.contextmanager
def visiting(server: Server) -> Iterator[list[Visitor]]:
    """Several of them at work within; none may have met any trouble."""
    stop = threading.Event()
    visitors = [Visitor(server, number, stop) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        yield visitors
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
    assert [visitor.trouble for visitor in visitors] == [[]] * len(visitors)
