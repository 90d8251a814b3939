"""A server's side of TLS under test, on a socket and a reactor that are none, and its client."""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from pki import Identity, Pki

from subsrv.certificates import Certificates
from subsrv.config import Config
from subsrv.http1 import Encoder, HeadParser, Limits
from subsrv.reactor import IN, OUT, Held, uncork
from subsrv.shared import Shared, Timeouts
from subsrv.tls import Handshake, TLSSocket

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire:
    """Both a socket and a reactor: what arrives, and what the socket takes, is up to the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.arrived: deque[bytes] = deque()
        self.sent = bytearray()
        self.room = 1 << 30
        self.shut: list[int] = []
        self.closed = self.ended = self.broken = False
        self.mask: int | None = None
        self.callback: Callable[[int], None]
        self.outbox: list[Held] = []

    # The socket.

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def recv(self, size: int) -> bytes:
        if self.broken:
            raise ConnectionResetError
        if self.arrived:
            piece = self.arrived.popleft()
            if len(piece) > size:
                self.arrived.appendleft(piece[size:])
            return piece[:size]
        if self.ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        assert not self.closed
        assert socket.SHUT_WR not in self.shut
        if self.broken:
            raise BrokenPipeError
        taken = min(self.room, len(data))
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.sent += data[:taken]
        return taken

    def shutdown(self, how: int) -> None:
        self.shut.append(how)

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    # The reactor.

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        assert self.mask is None
        self.mask, self.callback = mask, callback

    def rewatch(self, fd: int, mask: int) -> None:
        assert self.mask is not None
        self.mask = mask

    def unwatch(self, fd: int) -> None:
        assert self.mask is not None
        self.mask = None

    def turn(self) -> bool:
        """What epoll would do, with what is watched."""
        if self.mask is None:
            return False
        ready = IN if self.arrived or self.ended or self.broken else 0
        told = (ready | (OUT if self.room else 0)) & self.mask
        if told:
            self.callback(told)
        uncork(self.outbox)
        return told != 0


class Joined:
    """What stands for a connection: what becomes of a client that is let in."""

    def __init__(self, sock: Any, *_: object) -> None:
        self.sock = sock
        self.got: list[bytes] = []
        self.drained = False
        self.refused = 0

    def on_event(self, _mask: int) -> None:
        self.got.append(self.sock.recv(65536))

    def drain(self, *, parting: bool) -> None:
        assert not parting
        self.drained = True

    def refuse(self, status: int, reason: str) -> None:
        assert "https" in reason
        self.refused = status


class World:
    """A server's side, and a client that speaks by hand."""

    def __init__(
        self,
        pki: Pki,
        client: Identity | None = None,
        loaded: Certificates | None = None,
        **settings: Any,
    ) -> None:
        config = Config(
            ssl_certfile=str(pki.server.certfile), ssl_keyfile=str(pki.server.keyfile), **settings
        )
        self.wire = Wire()
        wire: Any = self.wire
        app: Any = None
        self.shared = Shared(
            reactor=wire,
            parser=HeadParser(Limits()),
            encoder=Encoder(server=None, date=False),
            timeouts=Timeouts(
                header=20.0, body=60.0, keep_alive=75.0, write=60.0, body_pace=1.0, write_pace=1.0
            ),
            exchange=app,
            websocket=app,
        )
        self.joined: Joined | None = None
        self.handshake = Handshake(
            *(self.shared, wire, None, None),
            then=self._join,
            certificates=loaded or Certificates(config),
        )
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = pki.client_context(client)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.client = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def _join(self, *args: Any) -> Any:
        self.joined = Joined(*args)
        return self.joined

    @property
    def tls(self) -> TLSSocket:
        """The server's side, once the client is in."""
        assert self.joined is not None
        found: TLSSocket = self.joined.sock
        return found

    def said(self) -> bytes:
        """What the client has to say."""
        return self._outgoing.read()

    def hear(self) -> None:
        """The client gets what has been sent to it."""
        self._incoming.write(bytes(self.wire.sent))
        self.wire.sent.clear()

    def begin(self) -> None:
        """The client's hello arrives, and is answered."""
        with pytest.raises(ssl.SSLWantReadError):
            self.client.do_handshake()
        self.wire.arrived.append(self.said())
        while self.wire.arrived:
            self.wire.turn()
        self.hear()

    def shake(self) -> None:
        """All of the handshake."""
        self.begin()
        self.client.do_handshake()
        self.wire.arrived.append(self.said())
        self.wire.turn()
        self.hear()

    def read_some(self) -> bytes:
        """What the client can read by now, without an end."""
        self.hear()
        got = b""
        with suppress(ssl.SSLWantReadError):
            while True:
                got += self.client.read(1 << 20)
        return got

    def reads_the_end(self) -> bool:
        """Whether the client reads close_notify, and nothing before it."""
        self.hear()
        return self.client.read(1) == b""
