"""The access log: a line for each request, written by the worker that answered it.

Interpreters share no logging configuration, and logging is slow. So the lines do not pass through
it: each worker formats its own and appends them to the file itself.
"""

import asyncio

from subsrv.access.formats import Entry, Format
from subsrv.access.logfile import LogFile

__all__ = ["AccessLog", "Entry", "Format", "LogFile"]


class AccessLog:
    """One worker's: `format` is that of formats.Format, `path` that of logfile.LogFile."""

    def __init__(
        self, format: str, path: str, *, worker: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._format = Format(format, worker=worker)
        self._file = LogFile(path, loop)

    def log(self, entry: Entry) -> None:
        """Write the line of a request that has been answered, or will not be."""
        self._file.write(self._format.line(entry))

    def reopen(self) -> None:
        """See LogFile."""
        self._file.reopen()

    def close(self, timeout: float) -> None:
        """See LogFile."""
        self._file.close(timeout)
