"""A careful client for a look at answers: each is read to its last byte, and its size known."""

import socket
from dataclasses import dataclass
from typing import Self

from experiments.harness.verify import WrongAnswerError

_TIMEOUT = 10.0  # seconds, for each step
_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; `size` is its bytes on the wire, head and framing included."""

    status: int
    body: bytes
    size: int
    #: Whether the server says that the connection ends with it.
    closes: bool


class Connection:
    """A connection to a server, made anew where an answer closed it. A context manager."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._data = bytearray()

    def ask(self, *requests: bytes) -> list[Answer]:
        """Send requests at once and read their answers. WrongAnswerError if one is not whole."""
        try:
            self._connect().sendall(b"".join(requests))
            answers = [self._answer() for _ in requests]
        except (OSError, ValueError) as error:
            raise WrongAnswerError(f"{requests[0][:80]!r}: {error!r}") from error
        if self._data:
            raise WrongAnswerError(f"{requests[0][:80]!r}: more than was asked for: {self._data!r}")
        if answers[-1].closes:
            self.close()
        return answers

    def close(self) -> None:
        """Close it. Safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._data.clear()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=_TIMEOUT)
            # The requests of one call need not wait for each other's acknowledgement.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _answer(self) -> Answer:
        head = self._until(b"\r\n\r\n")
        line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        status = int(line.split(b" ")[1])
        pairs = (each.partition(b":") for each in lines)
        fields = {name.lower(): value.strip().lower() for name, _, value in pairs}
        size = len(head)
        closes = fields.get(b"connection") == b"close"
        if fields.get(b"transfer-encoding") == b"chunked":
            parts = []
            while True:
                chunk = self._until(b"\r\n")
                length = int(chunk.split(b";")[0], 16)
                data = self._exactly(length + 2)
                size += len(chunk) + len(data)
                if not length:
                    break
                parts.append(data[:-2])
            body = b"".join(parts)
        elif b"content-length" in fields:
            body = self._exactly(int(fields[b"content-length"]))
            size += len(body)
        else:
            closes, body = True, self._rest()
            size += len(body)
        return Answer(status, body, size, closes)

    def _until(self, end: bytes) -> bytes:
        while (found := self._data.find(end)) < 0:
            self._receive()
        return self._take(found + len(end))

    def _exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            self._receive()
        return self._take(size)

    def _rest(self) -> bytes:
        while part := self._connect().recv(_PART):
            self._data += part
        return self._take(len(self._data))

    def _receive(self) -> None:
        part = self._connect().recv(_PART)
        if not part:
            raise ConnectionError(f"closed after {bytes(self._data[:200])!r}")
        self._data += part

    def _take(self, size: int) -> bytes:
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
