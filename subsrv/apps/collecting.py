"""Exchanges that read the whole body before they call the application (WSGI and native)."""

import io
from typing import IO

from subsrv.exchange import Exchange

# A larger body goes to a temporary file (waitress's inbuf_overflow is 512 KiB too).
_IN_MEMORY = 512 * 1024


class CollectingExchange[App](Exchange[App]):
    """Calls `run` when the request is whole, so that a slow client never holds the application.

    Memory for a body is bounded: a large one waits on disk.
    """

    _file: IO[bytes] | None = None
    _size = 0

    def run(self) -> None:
        """Call the application."""
        raise NotImplementedError

    def input(self) -> IO[bytes]:
        """The body as a file, at its beginning. To be closed by `close_input`."""
        if self._file is None:
            self._file = io.BytesIO()
        else:
            self._file.seek(0)
        return self._file

    def close_input(self) -> None:
        """Free the body."""
        if self._file is not None:
            try:  # noqa: SIM105  # suppress() costs more than all else here
                self._file.close()
            except OSError:  # of what waits to be written, and is not wanted any more
                pass
            self._file = None

    def begin(self) -> None:
        """See Exchange."""
        if not self.request.has_body:
            self.run()
        elif self._transport is not None:
            self._transport.want_body()

    def begin_whole(self, body: bytes) -> None:
        """See Exchange. What comes with a head is never so large that it had to go to disk."""
        self._file = io.BytesIO(body)
        self._size = len(body)
        self.run()

    def body_received(self, data: bytes) -> bool:
        """See Exchange. OSError where there is no room for it; the connection answers 500."""
        if self._file is None:
            self._file = io.BytesIO()
        before, self._size = self._size, self._size + len(data)
        try:
            if before <= _IN_MEMORY < self._size:
                # Not imported before it is needed: tempfile is large, and most workers never use
                # it.
                import tempfile

                with self.input() as memory:
                    self._file = tempfile.TemporaryFile()  # noqa: SIM115
                    self._file.write(memory.read())
            self._file.write(data)
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
