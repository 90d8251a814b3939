"""A careful look at a server's answers, before and after they are timed."""

import http.client
import socket
import time

from experiments.harness.server import Server

HELLO = b"Hello, world!"
_TIMEOUT = 10.0  # seconds

# What wrk sends when no script says otherwise, and what a browser does.
_PLAIN = "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
_BROWSER = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) "
    "Gecko/20100101 Firefox/140.0\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5"
    "\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: session=1\r\n\r\n"
)


class WrongAnswerError(Exception):
    """A response that is not the one wanted, or not whole."""


def verify(server: Server, body: bytes = HELLO, path: str = "/") -> bytes:
    """Check status and body, on a kept connection and pipelined; returns the bytes of one response.

    WrongAnswerError tells what came instead.
    """
    host, port = server.address
    requests = [
        form.format(path=path, host=f"{host}:{port}").encode() for form in (_PLAIN, _BROWSER)
    ]
    try:
        with socket.create_connection(server.address, timeout=_TIMEOUT) as connection:
            connection.sendall(requests[0])
            raw = _receive_response(connection)
            if not raw.startswith(b"HTTP/1.1 200 ") or raw.partition(b"\r\n\r\n")[2] != body:
                raise WrongAnswerError(
                    f"{path}: want status 200 and the body {body!r}, got {raw!r}"
                )
            for request in requests:
                for count in (1, 2):
                    connection.sendall(request * count)
                    answers = _receive(connection, count * len(raw))
                    # Nothing but the date may differ, and its length does not.
                    if len(answers) != count * len(raw) or answers.count(body) != count:
                        raise WrongAnswerError(f"{path}: {request * count!r} got {answers!r}")
    except OSError as error:
        raise WrongAnswerError(f"{path}: {error!r}") from error
    return raw


def first_answer(server: Server, path: str = "/") -> float:
    """Seconds from the server's launch to its first byte of an answer, to be asked for at once."""
    host, port = server.address
    request = _PLAIN.format(path=path, host=f"{host}:{port}").encode()
    try:
        with socket.create_connection(server.address, timeout=_TIMEOUT) as connection:
            connection.sendall(request)
            if not connection.recv(1):
                raise WrongAnswerError("the first connection was closed without an answer")
            return time.monotonic() - server.launched
    except OSError as error:
        raise WrongAnswerError(f"the first request: {error!r}") from error


def post(server: Server, path: str) -> bytes:
    """The body that answers an empty POST on a connection of its own.

    WrongAnswerError unless its status is 200.
    """
    connection = http.client.HTTPConnection(*server.address, timeout=_TIMEOUT)
    try:
        connection.request("POST", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswerError(f"{path}: {error!r}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise WrongAnswerError(f"{path}: status {response.status}, {body[:200]!r}")
    return body


def _receive(connection: socket.socket, size: int) -> bytes:
    """Read until `size` bytes are there or no more come."""
    data = b""
    while len(data) < size and (chunk := connection.recv(65536)):
        data += chunk
    return data


def _receive_response(connection: socket.socket) -> bytes:
    """Read a head and the body that its Content-Length announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise WrongAnswerError(f"the connection closed after {data!r}")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    if len(lengths) != 1:
        raise WrongAnswerError(f"want one Content-Length in {head!r}")
    return data + _receive(connection, lengths[0] - len(body))
