"""A connection that tells the access log of each request: chosen at the start where there is one.

So a server without an access log does not even ask whether it has one.
"""

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from subsrv.access.formats import Entry
from subsrv.connection import Connection
from subsrv.exchange import Address
from subsrv.files import FileRange
from subsrv.http1 import ProtocolError, Request
from subsrv.shared import Shared

if TYPE_CHECKING:
    from subsrv.access import AccessLog

# Closed before there was any response: nginx's "client closed request".
_CLOSED = "499"


class LoggedConnection(Connection):
    """Logs a request when its response is whole and about to leave, or never will be.

    What the response is, is read off its bytes: every interface, and every refusal, sends them the
    same way.
    """

    __slots__ = ("_access", "_began", "_current", "_head", "_size")

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        *,
        client: Address | None,
        server: Address | None,
    ) -> None:
        assert shared.access is not None
        self._access: AccessLog = shared.access
        # The request that has not been logged yet, or what could be seen of one that could not
        # be read.
        self._current: Request | bytes | None = None
        self._began = 0.0
        self._head = b""  # of its response, as far as that has been sent
        self._size = 0  # bytes of its response after the head
        super().__init__(shared, sock, client=client, server=server)

    def _begin(self, request: Request) -> None:
        self._expect(request)
        super()._begin(request)

    def _refuse(self, error: ProtocolError) -> None:
        if self._current is None:
            self._expect(error.line or self._reader.first_line)
        super()._refuse(error)
        self._settle()

    def send(self, data: bytes) -> None:
        """See Transport."""
        self._count(data)
        super().send(data)

    def send_parts(self, parts: Sequence[bytes]) -> None:
        """See Transport."""
        for part in parts:
            self._count(part)
        super().send_parts(parts)

    def send_file(self, file: FileRange) -> None:
        """See Transport."""
        self._size += file.left
        super().send_file(file)

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """See Transport."""
        self._count(data)
        self._settle()
        super().finish(data, keep_alive)

    def _closed(self) -> None:
        super()._closed()
        self._settle()

    def _expect(self, request: Request | bytes) -> None:
        self._current = request
        self._began = time.monotonic()
        self._head = b""
        self._size = 0

    def _count(self, data: bytes) -> None:
        """Take note of what is sent. A head comes whole in the first part, and an interim response
        alone."""
        if self._head:
            self._size += len(data)
        elif data[9:10] != b"1" or data[9:12] == b"101":
            end = data.find(b"\r\n\r\n") + 4
            self._head = data[:end]
            self._size = len(data) - end

    def _settle(self) -> None:
        """Log the current request, once."""
        current, self._current = self._current, None
        if current is None:
            return
        self._access.log(
            Entry(
                self.client[0] if self.client is not None else None,
                current,
                self._head[9:12].decode("ascii") if self._head else _CLOSED,
                self._size,
                self._head,
                time.monotonic() - self._began,
            )
        )
