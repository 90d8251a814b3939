"""A load of WebSockets: each connection sends its next message when the last has come back.

``python -m experiments.workloads.echoes URL SECONDS CONNECTIONS SIZE`` prints what it saw as JSON.
It asks for no extension, and its frames are made before: so it costs little, and each echo must be
one frame, byte for byte.
"""

import base64
import json
import os
import select
import socket
import sys
import time
import urllib.parse
from dataclasses import asdict, dataclass

from experiments.harness.load import Outcome
from experiments.harness.verify import WrongAnswerError
from experiments.workloads import apart

_TIMEOUT = 10.0  # seconds, for a handshake or an echo
_TEXT, _BINARY = 0x81, 0x82
_MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 section 5.7's


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the client saw."""

    messages: int
    seconds: float
    client_cpu: float
    faults: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoes:
    """See the module.

    Attributes:
      connections: open at the same time, each with one message under way.
      size: bytes of a message, which is text.
    """

    connections: int = 64
    size: int = 24

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people."""
        return f"python -m {__name__} URL {seconds} {self.connections} {self.size}"

    def client(self) -> str:
        """The client is of this commit; its Python is that of the study."""
        return apart.name(__name__)

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`. LoadError if the client does not report."""
        words = (url, seconds, self.connections, self.size)
        seen = Seen(**apart.report(__name__, *words, seconds=seconds, cpus=client))
        return Outcome(
            requests=seen.messages,
            seconds=seen.seconds,
            bytes_read=None,  # each echo is compared
            client_cpu=seen.client_cpu,
            client_threads=1,
            faults=seen.faults,
        )


def _frame(first: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One frame (RFC 6455 section 5.2): masked as a client's, or as a server's."""
    size, bit = len(payload), 0x80 if mask else 0
    if size < 126:
        head = bytes((first, bit | size))
    else:
        head = bytes((first, bit | 126)) + size.to_bytes(2)
    if mask:
        key = mask * (size // 4 + 1)
        payload = bytes(a ^ b for a, b in zip(payload, key, strict=False))
    return head + mask + payload


def _opened(address: tuple[str, int]) -> socket.socket:
    """A WebSocket. OSError, or ValueError where the answer is not 101."""
    sock = socket.create_connection(address, timeout=_TIMEOUT)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET / HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    sock.sendall(request.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = sock.recv(1)  # a server may send at once; this one never does
        if not part:
            break
        head += part
    if not head.startswith(b"HTTP/1.1 101 "):
        sock.close()
        raise ValueError(f"the handshake was answered with {head!r}")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def verify(address: tuple[str, int], size: int) -> None:
    """Look at echoes of text and bytes, one by one and several at once. WrongAnswerError."""
    binary = bytes(number % 256 for number in range(size))
    try:
        with _opened(address) as sock:
            for sent in (
                [(_TEXT, b"x" * size)],
                [(_BINARY, binary)],
                [(_TEXT, "\u00e4".encode()), (_TEXT, b""), (_BINARY, binary)],
            ):
                sock.sendall(b"".join(_frame(first, payload, _MASK) for first, payload in sent))
                wanted = b"".join(_frame(first, payload) for first, payload in sent)
                got = b""
                while len(got) < len(wanted) and (part := sock.recv(65536)):
                    got += part
                if got != wanted:
                    raise WrongAnswerError(f"want {wanted[:80]!r}, got {got[:80]!r}")
    except (OSError, ValueError) as error:
        raise WrongAnswerError(f"a WebSocket: {error}") from error


def ask(address: tuple[str, int], seconds: float, connections: int, size: int) -> Seen:
    """Be that client."""
    payload = b"x" * size
    frame, wanted = _frame(_TEXT, payload, _MASK), _frame(_TEXT, payload)
    sockets: dict[int, socket.socket] = {}
    parts: dict[int, bytes] = {}
    messages = 0
    faults: list[str] = []
    try:
        with select.epoll() as epoll:
            for _ in range(connections):
                sock = _opened(address)
                sockets[sock.fileno()] = sock
                epoll.register(sock.fileno(), select.EPOLLIN)
            begin = time.monotonic()
            end, used = begin + seconds, time.process_time()
            for sock in sockets.values():
                sock.send(frame)
            while (now := time.monotonic()) < end and not faults:
                for fd, _ in epoll.poll(0.1, connections):
                    sock = sockets[fd]
                    echo = sock.recv(65536)
                    if echo != wanted:
                        parts[fd] = echo = parts.pop(fd, b"") + echo
                        if wanted.startswith(echo) and echo not in (b"", wanted):
                            continue
                        if parts.pop(fd) != wanted:
                            faults.append(f"want {wanted[:60]!r}, got {echo[:60]!r}")
                            break
                    messages += 1
                    sock.send(frame)
            # What is under way does not count, but is waited for: nobody is to see a reset.
            for fd, sock in sockets.items():
                left = len(wanted) - len(parts.get(fd, b""))
                while not faults and left and (part := sock.recv(left)):
                    left -= len(part)
            used = time.process_time() - used
    finally:
        for sock in sockets.values():
            sock.close()
    return Seen(
        messages=messages,
        seconds=now - begin,
        client_cpu=used,
        faults="; ".join(faults) or ("" if messages else "no message came back"),
    )


def _main(url: str, seconds: str, connections: str, size: str) -> None:
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname
    assert parts.port
    seen = ask((parts.hostname, parts.port), float(seconds), int(connections), int(size))
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
