"""What each worker tells the others of its load: a table in memory that all of them map.

A row belongs to one place and is written by the worker there (but see `Loads.send`); the others
read it before they accept. Numbers may be old by the time they are read: they only ever decide who
serves a connection, never whether it is served. A descriptor of the memory crosses every kind of
boundary.
"""

import mmap
import os
import time

# Columns of a row. A row fills a cache line, so that two workers never write to the same one.
_OPEN, _CONNECTIONS, _BUSY_SINCE, _LOAD = range(4)
_COLUMNS = 8
_ROW = 8 * _COLUMNS

# Nanoseconds that a worker may be away from its loop and still count as ready.
_READY_WITHIN = 10_000_000


def create(places: int) -> int:
    """The memory for so many workers, as a descriptor that the caller owns."""
    fd = os.memfd_create("subsrv-loads", os.MFD_CLOEXEC)
    os.ftruncate(fd, places * _ROW)
    return fd


class Loads:
    """One worker's view of the table: its own row to write, and all others to read."""

    def __init__(self, fd: int, place: int) -> None:
        self._memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self._cells = memoryview(self._memory).cast("q")
        self._place = place
        self._row = place * _COLUMNS
        self._rows = range(0, len(self._cells), _COLUMNS)
        #: Nanoseconds in which this worker was not waiting, since it began.
        self.busy = 0

    def close(self) -> None:
        """Unmap it."""
        self._cells.release()
        self._memory.close()

    def open(self, *, accepting: bool) -> None:
        """Say whether this worker takes connections."""
        self._cells[self._row + _OPEN] = accepting

    def count(self, connections: int) -> None:
        """Say how many connections this worker has."""
        self._cells[self._row + _CONNECTIONS] = connections

    def send(self, place: int) -> None:
        """Say that the worker of a place gets one more from here.

        The only cell that others write to. It may lose a count to a race, until the worker that
        it belongs to says the right number with its next connection.
        """
        self._cells[place * _COLUMNS + _CONNECTIONS] += 1

    def begin(self) -> None:
        """This worker has something to do from now on."""
        self._cells[self._row + _BUSY_SINCE] = time.monotonic_ns()

    def end(self) -> None:
        """It has no more."""
        cells, cell = self._cells, self._row + _BUSY_SINCE
        self.busy += time.monotonic_ns() - cells[cell] if cells[cell] else 0
        cells[cell] = 0

    def tell(self, permille: int) -> None:
        """Say how much of its time this worker was busy of late."""
        self._cells[self._row + _LOAD] = permille

    def lightest(self, own: int) -> int | None:
        """The place of the ready worker with the fewest connections, if it has clearly fewer.

        `own` is how many this worker has. "Clearly": one more here would still leave it behind, by
        a sixteenth at least; to balance more exactly than that costs more than it gains.
        """
        least, found = own - own // 16, None
        cells, late = self._cells, time.monotonic_ns() - _READY_WITHIN
        for row in self._rows:
            if cells[row + _OPEN] and cells[row + _CONNECTIONS] < least and row != self._row:
                since = cells[row + _BUSY_SINCE]
                if not since or since > late:
                    least, found = cells[row + _CONNECTIONS], row // _COLUMNS
        return found

    def idlest(self, *, below: int) -> tuple[int, int] | None:
        """The open worker that was busy for the least of its time, in permille, if below that."""
        least, found = below, None
        cells = self._cells
        for row in self._rows:
            if row != self._row and cells[row + _OPEN] and cells[row + _LOAD] < least:
                least, found = cells[row + _LOAD], row // _COLUMNS
        return None if found is None else (found, least)
