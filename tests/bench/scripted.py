"""A server that does what a test tells it to, and notes what it was asked."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

#: What a server does with a request, by its number and target; empty closes without an answer.
Behaviour = Callable[[int, str], bytes]


def answer(body: bytes = b"Hello, world!", status: str = "200 OK", fields: str = "") -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


def hello(_number: int, _target: str) -> bytes:
    return answer()


class ScriptedServer:
    """HTTP/1.1 on a free port, a thread for each connection; left, every thread has ended."""

    def __init__(self, behaviour: Behaviour = hello) -> None:
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.connections = 0
        self.requests: list[tuple[str, bytes]] = []
        """Target and body of each request, in the order of their numbers."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.address[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self.connections += 1
                self._open.add(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as stream:
                while self._turn(connection, stream.readline, stream.read):
                    pass
        except OSError:  # the client closes when it is done, whatever is under way
            pass
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _turn(
        self,
        connection: socket.socket,
        readline: Callable[[], bytes],
        read: Callable[[int], bytes],
    ) -> bool:
        words = readline().decode().split()
        if not words:
            return False
        length = 0
        while line := readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = read(length)
        with self._lock:
            number = len(self.requests)
            self.requests.append((words[1], body))
        data = self._behaviour(number, words[1])
        connection.sendall(data)
        return data != b"" and b"Connection: close" not in data

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closing = True
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client has closed it
                    connection.shutdown(socket.SHUT_RDWR)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()
