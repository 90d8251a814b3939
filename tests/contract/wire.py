"""A client that sends any bytes it likes, and reads the answers with h11 as a strict judge."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import h11

from contract.serving import PATIENCE, Server, address


@dataclass(frozen=True, kw_only=True)
class Response:
    """A whole response, as h11 read it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    #: Statuses of the informational responses before it.
    interim: list[int]

    def __getitem__(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, to the first of the server's addresses or to the given one."""

    def __init__(self, server: Server, url: str | None = None) -> None:
        url = url or server.url
        if url.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(url.removeprefix("unix:"))
        else:
            self.sock = socket.create_connection(address(url), PATIENCE)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send these bytes, whatever they mean."""
        self.sock.sendall(data)

    def request(
        self,
        target: str = "/",
        *headers: str,
        method: str = "GET",
        body: bytes | None = None,
        version: str = "1.1",
    ) -> None:
        """Send a request; the headers as lines, Content-Length added where there is a body."""
        self.send(
            request(target, *headers, method=method, body=body, version=version),
        )

    def get(self, target: str = "/", *headers: str, **more: Any) -> Response:
        """Send a request, and read its response."""
        self.request(target, *headers, **more)
        return self.response(more.get("method", "GET"))

    def response(self, method: str = "GET") -> Response:
        """Read one response, to a request with this method."""
        interim: list[int] = []
        head: h11.Response | None = None
        body: list[bytes] = []
        for event in self.events(method):
            if isinstance(event, h11.InformationalResponse):
                interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
        assert head is not None
        headers = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        return Response(
            status=head.status_code,
            reason=head.reason.decode(),
            headers=headers,
            body=b"".join(body),
            interim=interim,
        )

    def events(self, method: str = "GET") -> Iterator[Any]:
        """The events of one response as they come, to its end."""
        conn = h11.Connection(h11.CLIENT)
        conn.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        conn.send(h11.EndOfMessage())
        if self._buffer:
            conn.receive_data(self._buffer)
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                conn.receive_data(self.sock.recv(65536))
                continue
            if isinstance(event, h11.EndOfMessage):
                self._buffer = conn.trailing_data[0]
            yield event
            if isinstance(event, h11.EndOfMessage):
                return

    def interim(self) -> int:
        """The status of an informational response, which must come before anything else."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.sock.recv(65536)
            assert data, "closed"
            self._buffer += data
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 1"), head
        return int(head.split()[1])

    def unread(self) -> bytes:
        """What was read already beyond what has been asked for."""
        found, self._buffer = self._buffer, b""
        return found

    def push_back(self, data: bytes) -> None:
        """Have the next response begin with these bytes, which were read already."""
        self._buffer = data + self._buffer

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def assert_closed(self) -> None:
        """The server has closed, or does so now, and has sent nothing more."""
        assert self._buffer == b""
        assert self.sock.recv(65536) == b""

    def assert_open(self) -> None:
        """The connection serves another request."""
        assert self.get("/").status == 200

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request(
    target: str = "/",
    *headers: str,
    method: str = "GET",
    body: bytes | None = None,
    version: str = "1.1",
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/{version}", "Host: test", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A chunked body."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + b"0\r\n" + trailers + b"\r\n"
