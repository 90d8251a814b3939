"""A connection under test, on a socket and a reactor that are none."""

import asyncio
import math
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from subsrv.connection import Connection
from subsrv.exchange import Exchange
from subsrv.http1 import Encoder, HeadParser, Limits
from subsrv.reactor import IN, OUT, Held, uncork
from subsrv.shared import Shared, Timeouts

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class Wire:
    """Both a socket and a reactor. What is to be read is put in `incoming`, each piece a read."""

    def __init__(self) -> None:
        self.now = 100.0
        self.incoming: deque[bytes] = deque()
        self.sent = bytearray()
        self.messages: list[Sequence[bytes]] = []  # what came in parts
        self.takes = math.inf  # bytes that the next sends take together
        self.reads = self.sends = self.rewatches = 0
        self.mask = 0
        self.broken: int | None = None
        self.callback: Callable[[int], None]
        self.outbox: list[Held] = []

    # The socket.

    def fileno(self) -> int:
        return 7

    def recv(self, size: int) -> bytes:
        self.reads += 1
        if self.broken:
            raise OSError(self.broken, "broken")
        if not self.incoming:
            raise BlockingIOError
        assert len(self.incoming[0]) <= size
        return self.incoming.popleft()

    def send(self, data: bytes) -> int:
        self.sends += 1
        if self.broken:
            raise OSError(self.broken, "broken")
        size = int(min(self.takes, len(data)))
        if not size:
            raise BlockingIOError
        self.takes -= size
        self.sent += data[:size]
        return size

    def sendmsg(self, parts: Sequence[bytes]) -> int:
        self.messages.append(parts)
        return self.send(b"".join(parts))

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        raise OSError("nothing is known of this")

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass

    # The reactor.

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        self.mask, self.callback = mask, callback

    def rewatch(self, fd: int, mask: int) -> None:
        self.rewatches += 1
        self.mask = mask

    def unwatch(self, fd: int) -> None:
        self.mask = 0

    def turn(self) -> bool:
        """What epoll would do: tell of what is watched for and there."""
        ready = (IN if self.incoming or self.broken else 0) | (OUT if self.takes else 0)
        told = ready & self.mask
        if told:
            self.callback(told)
        uncork(self.outbox)
        return told != 0


class Recorder(Exchange[list[Any]]):
    """An application that keeps what it is told in its `_app`, and reads the whole body."""

    def begin(self) -> None:
        self._app.append(self)
        self.events: list[Any] = []
        assert self._transport is not None
        if self.request.has_body:
            self._transport.want_body()

    def body_received(self, data: bytes) -> bool:
        self.events.append(data)
        return True

    def body_ended(self) -> None:
        self.awaits_body = False
        self.events.append(None)

    def drained(self) -> None:
        pass

    def disconnected(self) -> None:
        self.events.append("disconnected")


class Setting:
    """A connection, what it is connected to, and the exchanges that it made.

    With a `sock` the wire is the reactor only.
    """

    def __init__(
        self,
        kind: type[Exchange[Any]] = Recorder,
        *,
        sock: socket.socket | None = None,
        connection: type[Connection] = Connection,
        **more: Any,
    ) -> None:
        self.wire = Wire()
        self.made: list[Recorder] = []
        self.shared = Shared(
            reactor=self.wire,  # type: ignore[arg-type]
            parser=HeadParser(Limits()),
            encoder=Encoder(server=None, date=False),
            timeouts=Timeouts(
                header=20, body=60, keep_alive=75, write=60, body_pace=0.1, write_pace=0.1
            ),
            exchange=kind.of(self.made),
            websocket=kind.of(self.made),
            **more,
        )
        self._sock = sock or self.wire
        self._kind = connection
        self.connection = self.connect()
        self.connection.watch()

    def connect(self) -> Connection:
        """The connection to test."""
        return self._kind(
            self.shared,
            self._sock,  # type: ignore[arg-type]
            client=None,
            server=None,
        )

    def receive(self, *pieces: bytes) -> None:
        self.wire.incoming.extend(pieces)
        while self.wire.incoming and self.wire.turn():
            pass

    def tick(self, seconds: float) -> None:
        self.wire.now += seconds
        if self.connection.due <= self.wire.now:
            self.connection.check_timeouts(self.wire.now)


async def until(settings: Sequence[Setting], condition: Callable[[], object]) -> None:
    """Let the loop and these sockets go on until this is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
            for setting in settings:
                setting.receive()
