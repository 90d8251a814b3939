"""Exchanges that read the whole body before they call the application (WSGI and native)."""

import asyncio
import io
from typing import IO, Protocol

from subsrv.apps.spool import Memory, Spool
from subsrv.exchange import Exchange

# Seconds for which a body waits for others to free their memory, before it goes to disk: a client
# that is not faster than some MB/s notices nothing, for the kernel's buffers take what it sends.
_PATIENCE = 1.0


class Collector(Protocol):
    """The application of such an exchange, in one worker."""

    memory: Memory


class CollectingExchange[App: Collector](Exchange[App]):
    """Calls `run` when the request is whole, so that a slow client never holds the application.

    Memory for bodies is bounded: one that finds no room is not read until there is some, and kept
    on disk if that takes long.
    """

    _spool: Spool | None = None
    _file: IO[bytes] | None = None
    _size = 0
    _patience: asyncio.Handle | None = None  # set while the body waits for room

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
        self._wait_no_more()
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
            spool = self._spool = Spool(self._app.memory, length, self._found_room)
        self._size += len(data)
        try:
            goes_on = spool.write(data)
        except OSError:
            self.close_input()
            raise
        if not goes_on and self._patience is None:
            self.awaits_body = False  # meanwhile the client is not to blame
            self._patience = asyncio.get_running_loop().call_later(_PATIENCE, self._spill)
        return goes_on

    def _found_room(self) -> None:
        self._wait_no_more()
        # Another request calls this as it ends, and this one may be over at once: not within that.
        self._patience = asyncio.get_running_loop().call_soon(self._read_on)

    def _spill(self) -> None:
        assert self._spool is not None
        try:
            self._spool.spill()
        except OSError as error:
            self.close_input()
            self.fail("there is no room for the body", error)
        else:
            self._read_on()

    def _read_on(self) -> None:
        self._wait_no_more()
        if self._transport is not None:
            self._transport.want_body()

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def body_ended(self) -> None:
        """See Exchange."""
        self._wait_no_more()
        self.awaits_body = False
        self.run()

    def disconnected(self) -> None:
        """See Exchange. A request that will never be whole is of no use."""
        if self.awaits_body or self._patience is not None:
            self.close_input()
            self.abandon()
