"""A request body that is collected: in memory if it is small or there is room, else on disk."""

import io
from collections.abc import Callable, Sequence
from typing import IO, Any

# A larger body needs room in the worker's memory (waitress's inbuf_overflow is 512 KiB too).
_SMALL = 512 * 1024

# What a piece takes beside its bytes: the object, and its place in the list.
_PIECE = 64

_BUFFER = 65536


class Memory:
    """Bytes that the large bodies of one worker may still take, all together.

    What does not fit may wait until others give theirs back, which then go to who has waited for
    longest; what fits in what is left does not wait for those that do not.
    """

    __slots__ = ("_all", "_stuck", "_waiting", "left")

    def __init__(self, room: int) -> None:
        self.left = self._all = room
        self._waiting: dict[Spool, None] = {}  # in the order in which they came
        self._stuck = False

    def wait(self, spool: "Spool") -> bool:
        """Have it wait for room; False where there is no hope of any."""
        if self._stuck or spool.lacks > self._all:
            return False
        self._waiting[spool] = None
        return True

    def leave(self, spool: "Spool", *, in_vain: bool) -> None:
        """It waits no longer. Where that was in vain, nobody else need wait until some is free."""
        self._waiting.pop(spool, None)
        self._stuck = self._stuck or in_vain

    def give(self, size: int) -> None:
        """Take back what a body has had."""
        if not size:
            return
        self.left += size
        self._stuck = False
        for spool in list(self._waiting):
            if not spool.take():
                break
            del self._waiting[spool]
            spool.found_room()


class Spool:
    """One body. What comes is kept as it is, for that spares copies of what is large.

    Args:
      memory: of the worker.
      length: that the client has promised; 0 where it has not. Room for all of it is taken at
        once, or a few bodies that grow together would each end on disk.
      found_room: called when there is room after all. It may not write: it is the end of another
        body that calls it.
    """

    __slots__ = ("_file", "_held", "_length", "_memory", "_pieces", "_room", "found_room")

    def __init__(self, memory: Memory, length: int, found_room: Callable[[], object]) -> None:
        self._memory = memory
        self._length = length
        self.found_room = found_room
        self._pieces: list[bytes] = []
        self._held = 0  # bytes that the pieces take
        self._room = _SMALL  # bytes that they may take
        self._file: IO[bytes] | None = None

    def write(self, data: bytes) -> bool:
        """Keep a piece. OSError where there is no room on the disk either.

        Returns whether more may come. If not, `found_room` will be called, or `spill` ends the
        wait. A body whose length is not known does not wait: there is no saying for how much. Nor
        does one that has had room, and needs more for its many pieces: others may wait for that.
        """
        if self._file is not None:
            self._file.write(data)
            return True
        self._pieces.append(data)
        self._held += len(data) + _PIECE
        if self._held <= self._room or self.take():
            return True
        if self._length and self._room == _SMALL and self._memory.wait(self):
            return False
        self._to_disk()
        return True

    @property
    def lacks(self) -> int:
        """Bytes of memory that it needs beside what it has."""
        return max(self._held, self._length) - self._room

    def take(self) -> bool:
        """Take what it lacks from the worker's memory, if there is as much."""
        more = self.lacks
        if more > self._memory.left:
            return False
        self._memory.left -= more
        self._room += more
        return True

    def spill(self) -> None:
        """It has waited for long enough: go to disk. OSError where there is no room either."""
        self._memory.leave(self, in_vain=True)
        self._to_disk()

    def _to_disk(self) -> None:
        # Not imported before it is needed: it is large, and most workers never use it.
        import tempfile

        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.writelines(self._pieces)
        self._forget()

    def open(self) -> IO[bytes]:
        """The body as a file, at its beginning. It lives as long as the spool."""
        self._memory.leave(self, in_vain=False)  # all has come, so it fits as it is
        if self._file is not None:
            self._file.seek(0)
            return self._file
        if self._room == _SMALL:
            return io.BytesIO(b"".join(self._pieces))
        return io.BufferedReader(_Pieces(self._pieces), _BUFFER)

    def close(self) -> None:
        """Give back what it takes."""
        self._memory.leave(self, in_vain=False)
        self._forget()
        if self._file is not None:
            try:  # noqa: SIM105  # suppress() costs more than all else here
                self._file.close()
            except OSError:  # of what waits to be written, and is not wanted any more
                pass

    def _forget(self) -> None:
        size, self._room = self._room - _SMALL, _SMALL
        self._pieces = []
        self._held = 0
        self._memory.give(size)


class _Pieces(io.RawIOBase):
    """Pieces one after the other, to be read."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._index = 0  # of the piece to go on in
        self._offset = 0  # there

    def readable(self) -> bool:
        """See io.IOBase."""
        return True

    def seekable(self) -> bool:
        """See io.IOBase."""
        return True

    def tell(self) -> int:
        """See io.IOBase."""
        return sum(map(len, self._pieces[: self._index])) + self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See io.IOBase. Beyond the end is at the end."""
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            offset += sum(map(len, self._pieces))
        if offset < 0:
            raise ValueError(f"negative seek value {offset}")
        self._index = 0
        for piece in self._pieces:
            if offset < len(piece):
                break
            offset -= len(piece)
            self._index += 1
        self._offset = offset if self._index < len(self._pieces) else 0
        return self.tell()

    def readinto(self, buffer: Any, /) -> int:
        """See io.RawIOBase. As much as there is room for, whatever the pieces' lengths."""
        pieces, room, at = self._pieces, len(buffer), 0
        while at < room and self._index < len(pieces):
            piece, begin = pieces[self._index], self._offset
            end = min(len(piece), begin + room - at)
            buffer[at : at + end - begin] = memoryview(piece)[begin:end]
            at += end - begin
            if end == len(piece):
                self._index += 1
                end = 0
            self._offset = end
        return at

    def readall(self) -> bytes:
        """See io.RawIOBase."""
        first, *others = self._pieces[self._index :] or (b"",)
        self._index, begin, self._offset = len(self._pieces), self._offset, 0
        return b"".join((first[begin:], *others))
