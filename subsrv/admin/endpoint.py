"""The control address: HTTP for a few local clients, on the supervisor's own selector.

Only who may stop the server anyway is let in: over a Unix socket the server's user and root, by
the credentials that the kernel gives; over TCP, which is bound to loopback only, whoever is on this
machine, but no web page that a browser there has opened: a request needs a Host of loopback and no
Origin.
"""

import contextlib
import logging
import os
import selectors
import socket
import struct
import time
from typing import Self

from subsrv import sockets
from subsrv.admin import api
from subsrv.admin.api import Answer, Steward
from subsrv.errors import ConfigError
from subsrv.http1 import Encoder, HeadParser, Limits, ProtocolError, Reader, Request

_log = logging.getLogger("subsrv")

_LOOPBACK = ("127.0.0.1", "::1")
_HOSTS = ("localhost", "127.0.0.1", "[::1]")

# Small, for they share the supervisor: a client that needs more is none of ours.
_LIMITS = Limits(request_line=1024, header_size=8192, header_count=50, body=0)
_MOST_CLIENTS = 16
_READ_SIZE = 16384
# Seconds that a client has for its request, and to take the answer.
_PATIENCE = 10.0

_UCRED = struct.Struct("3i")  # pid, uid, gid: struct ucred of Linux


def check(address: str) -> None:
    """ConfigError for an address that others than this machine's users could reach."""
    try:
        parsed = sockets.parse(address)
    except ConfigError:
        parsed = None
    local = isinstance(parsed, sockets.Tcp) and parsed.host in (*_LOOPBACK, "localhost")
    if not local and not isinstance(parsed, sockets.Unix):
        raise ConfigError(f"control must be unix:PATH or a loopback HOST:PORT, not {address}")


class Endpoint:
    """Listens on `address` and serves the API; `close()` it."""

    def __init__(self, address: str, selector: selectors.BaseSelector, steward: Steward) -> None:
        check(address)
        self._listener = sockets.bind(address, backlog=16)
        if address.startswith("unix:"):
            os.chmod(address.removeprefix("unix:"), 0o600)
        self._sock = sockets.adopt(os.dup(self._listener.fileno()))
        self._selector = selector
        self._steward = steward
        self._clients: set[_Client] = set()
        self._encoder = Encoder()
        selector.register(self._sock, selectors.EVENT_READ, self._accept)

    @property
    def url(self) -> str:
        """What it is bound to."""
        return self._listener.url

    def alarm(self) -> float:
        """When a client's time is over, by time.monotonic()."""
        return min((client.deadline for client in self._clients), default=float("inf"))

    def look(self, now: float) -> None:
        """Close the connections whose time is over."""
        for client in [client for client in self._clients if client.deadline <= now]:
            client.close()

    def close(self) -> None:
        """Stop listening, and close every connection."""
        if self._sock.fileno() >= 0:
            self._selector.unregister(self._sock)
            self._sock.close()
            self._listener.close()
            for client in tuple(self._clients):
                client.close()

    def leave(self) -> None:
        """In a forked child: close this process's descriptors alone."""
        self._sock.close()
        self._listener.leave()
        for client in self._clients:
            client.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError as error:
            _log.debug("control: accept failed: %s", error)
            return
        if len(self._clients) >= _MOST_CLIENTS or not _is_trusted(sock):
            sock.close()
            return
        sock.setblocking(False)
        client = _Client(sock, self._selector, self._steward, self._encoder, self._clients)
        self._clients.add(client)


def _is_trusted(sock: socket.socket) -> bool:
    if sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return True  # of TCP: by the address; without credentials: by the file's mode
    packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(packed)
    if uid in (0, os.geteuid()):
        return True
    _log.warning("control: refused user %d (process %d)", uid, pid)
    return False


class _Client:
    """One connection, for one request after the other."""

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        steward: Steward,
        encoder: Encoder,
        clients: "set[_Client]",
    ) -> None:
        self._sock = sock
        self._local = sock.family == socket.AF_UNIX
        self._selector = selector
        self._steward = steward
        self._encoder = encoder
        self._clients = clients
        self._reader = Reader(HeadParser(_LIMITS))
        self._request: Request | None = None  # that waits for its answer
        self._out = b""
        self._last = False
        self._advancing = False
        self.deadline = time.monotonic() + _PATIENCE
        selector.register(sock, selectors.EVENT_READ, self._on_event)

    def close(self) -> None:
        """Close the connection."""
        if self._sock.fileno() >= 0:
            self._selector.unregister(self._sock)
            self._sock.close()
            self._clients.discard(self)

    def leave(self) -> None:
        """Close this process's descriptor alone."""
        self._sock.close()

    def _on_event(self) -> None:
        try:
            if self._out:
                self._flush()
                return
            data = self._sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        self._reader.feed(data)
        self._advance()

    def _advance(self) -> None:
        """Answer what has come, one request after the other, unless that is under way."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._request is None and not self._out and not self._last:
                event = self._reader.next()
                if event is None:
                    return
                if isinstance(event, Request):
                    self._begin(event)
        except ProtocolError as error:
            self._last = True
            self._send(self._encoder.error(error.status, error.reason))
        finally:
            self._advancing = False

    def _begin(self, request: Request) -> None:
        self.deadline = time.monotonic() + _PATIENCE
        self._request = request
        if fault := self._fault(request):
            self._reply(Answer(403, "text/plain", fault.encode() + b"\n"))
            return
        path = request.raw_path.decode("latin-1")
        query = request.query.decode("latin-1")
        api.answer(self._steward, request.method, path, query, self._reply)

    def _fault(self, request: Request) -> str:
        """Why a browser's page may have sent this; empty otherwise."""
        if self._local:
            return ""
        fields = dict(request.headers)
        host = fields.get(b"host", b"").decode("latin-1")
        if host not in _HOSTS and host.rpartition(":")[0] not in _HOSTS:
            return f"host must be one of {' '.join(_HOSTS)}"
        return "no page may ask" if b"origin" in fields else ""

    def _reply(self, answer: Answer) -> None:
        request, self._request = self._request, None
        if request is None or self._sock.fileno() < 0:
            return
        headers = [("content-type", answer.type), ("cache-control", "no-store")]
        self._encoder.set_time(time.time())
        data, keep_alive = self._encoder.complete(
            answer.status, headers, answer.body, request, False
        )
        self._last = not keep_alive
        self._send(data)

    def _send(self, data: bytes) -> None:
        self._out += data
        try:
            self._flush()
        except OSError:
            self.close()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            self._out = self._out[self._sock.send(self._out) :]
        if self._out:
            self._selector.modify(self._sock, selectors.EVENT_WRITE, self._on_event)
        elif self._last:
            self.close()
        else:
            self.deadline = time.monotonic() + _PATIENCE
            self._selector.modify(self._sock, selectors.EVENT_READ, self._on_event)
            self._advance()
