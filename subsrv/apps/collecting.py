"""Exchanges that read the whole body before they call the application (WSGI and native)."""

import io
from typing import BinaryIO

from subsrv.exchange import Exchange, Transport
from subsrv.http1 import Request

# A larger body goes to a temporary file (waitress's inbuf_overflow is 512 KiB too).
_IN_MEMORY = 512 * 1024


class CollectingExchange(Exchange):
    """Calls `run` when the request is whole, so that a slow client never holds the application.

    Memory for a body is bounded: a large one waits on disk.
    """

    __slots__ = ("_file", "_pieces", "_size")

    def __init__(self, transport: Transport, request: Request) -> None:
        super().__init__(transport, request)
        self._file: BinaryIO | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def run(self) -> None:
        """Call the application."""
        raise NotImplementedError

    def input(self) -> BinaryIO:
        """The body as a file, at its beginning. To be closed by `close_input`."""
        if self._file is None:
            self._file = io.BytesIO(b"".join(self._pieces))
            self._pieces.clear()
        self._file.seek(0)
        return self._file

    def close_input(self) -> None:
        """Free the body."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self) -> None:
        """See Exchange."""
        if not self.request.has_body:
            self.run()
        elif self._transport is not None:
            self._transport.want_body()

    def body_received(self, data: bytes) -> bool:
        """See Exchange."""
        self._size += len(data)
        if self._file is not None:
            self._file.write(data)
            return True
        self._pieces.append(data)
        if self._size > _IN_MEMORY:
            # Not imported before it is needed: tempfile is large, and most workers never use it.
            import tempfile

            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.writelines(self._pieces)
            self._pieces.clear()
        return True

    def body_ended(self) -> None:
        """See Exchange."""
        self.awaits_body = False
        self.run()

    def disconnected(self) -> None:
        """See Exchange. A request that will never be whole is of no use."""
        if self.awaits_body:
            self.close_input()
            self.abandon()
