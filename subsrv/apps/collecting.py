"""Exchanges that read the whole body before they call the application (WSGI and native)."""

import io
from typing import IO, Protocol

from subsrv.apps.spool import Memory, Spool
from subsrv.exchange import Exchange


class Collector(Protocol):
    """The application of such an exchange, in one worker."""

    memory: Memory


class CollectingExchange[App: Collector](Exchange[App]):
    """Calls `run` when the request is whole, so that a slow client never holds the application.

    Memory for bodies is bounded: what finds no room waits on disk.
    """

    _spool: Spool | None = None
    _file: IO[bytes] | None = None
    _size = 0

    def run(self) -> None:
        """Call the application: the request is whole, with its body if it has one."""
        raise NotImplementedError

    def input(self) -> IO[bytes]:
        """The body as a file, at its beginning. To be closed by `close_input`."""
        if self._file is None:
            self._file = io.BytesIO() if self._spool is None else self._spool.open()
        else:
            self._file.seek(0)
        return self._file

    def close_input(self) -> None:
        """Free the body."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self) -> None:
        """See Exchange."""
        if self._transport is not None:
            self._transport.want_body()

    def begin_whole(self, body: bytes) -> None:
        """See Exchange. What comes with a head is never so large that it had to go to disk."""
        self._file = io.BytesIO(body)
        self._size = len(body)
        self.run()

    def body_received(self, data: bytes) -> bool:
        """See Exchange. OSError where there is no room for it; the connection answers 500."""
        spool = self._spool
        if spool is None:
            length = self.request.framing.body_length
            spool = self._spool = Spool(self._app.memory, length)
        self._size += len(data)
        try:
            spool.write(data)
        except OSError:
            self.close_input()
            raise
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
