"""Memory that long messages cross in.

A sender keeps some of it and fills it again when the receiver has read it; what comes again the
receiver keeps mapped. So a long message costs a copy on each side, where fresh memory costs the
kernel's work for each 4 KiB as well. An eventfd says whose turn it is: 1 while the memory is the
sender's. If its message is lost it stays 0, and that memory is not used again.
"""

import mmap
import os

# Bytes that one sender keeps, and in how many pieces: as many messages are under way in them.
_KEPT = 32 << 20
_PIECES = 4

# Bytes that one receiver keeps mapped, of all its senders.
_MAPPED = 64 << 20


class Memory:
    """A piece of memory, and who may use it. `kept`: its sender will fill it again."""

    fd = done = -1  # for __del__, whatever fails

    def __init__(self, size: int, *, kept: bool) -> None:
        self.size = size
        self.kept = kept
        self._map: mmap.mmap | None = None
        self.fd = os.memfd_create("subsrv-message")
        self.done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def again(self) -> bool:
        """Whether it is not its first message."""
        return self._map is not None

    @property
    def fds(self) -> list[int]:
        """What the receiver needs of it."""
        return [self.fd, self.done]

    def write(self, data: bytes) -> None:
        """Fill it for the first time: pages come faster by writing than by faults."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]
        os.ftruncate(self.fd, self.size)

    def rewrite(self, data: bytes) -> bool:
        """Fill it again; False while its last message has not been read, or if it is too small."""
        if len(data) > self.size:
            return False
        try:
            os.eventfd_read(self.done)
        except BlockingIOError:
            return False
        if self._map is None:
            self._map = _mapped(self.fd, self.size)
        self._map[: len(data)] = data
        return True

    def free(self) -> None:
        """Let it be filled again: it was not sent."""
        os.eventfd_write(self.done, 1)

    def __del__(self) -> None:
        for fd in (self.fd, self.done):
            if fd >= 0:
                os.close(fd)


class Lender:
    """The memory of one sender. Its threads may use it at once."""

    def __init__(self) -> None:
        self._pieces: list[Memory] = []

    def lend(self, data: bytes) -> Memory:
        """Memory with these bytes in it."""
        for piece in self._pieces:
            if piece.rewrite(data):
                return piece
        room = self._with_room(_paged(len(data)))
        made = self._made(data, kept=room is not None)
        if room is not None:
            self._pieces = [*room, made]
        return made

    def _made(self, data: bytes, *, kept: bool) -> Memory:
        made = Memory(_paged(len(data)), kept=kept)
        made.write(data)
        return made

    def _with_room(self, size: int) -> list[Memory] | None:
        """What to keep beside a piece of this size: smaller ones make room; None: it has none."""
        pieces = sorted(self._pieces, key=lambda piece: -piece.size)
        while sum(piece.size for piece in pieces) + size > _KEPT or len(pieces) >= _PIECES:
            if not pieces or pieces.pop().size >= size:
                return None
        return pieces

    def close(self) -> None:
        """Keep nothing."""
        self._pieces = []


class Borrower:
    """The memory of senders that one receiver has mapped."""

    def __init__(self) -> None:
        self._maps: dict[int, mmap.mmap] = {}

    def read(self, fd: int, done: int, size: int, *, again: bool) -> bytes:
        """The first bytes of this memory, which is its sender's again; takes over both."""
        try:
            data = self._map(fd)[:size] if again else _read(fd, size)
            os.eventfd_write(done, 1)
        finally:
            os.close(fd)
            os.close(done)
        return data

    def _map(self, fd: int) -> mmap.mmap:
        status = os.fstat(fd)
        # What is mapped lives, so no other memory has its number.
        found = self._maps.get(status.st_ino)
        if found is None:
            if sum(map(len, self._maps.values())) + status.st_size > _MAPPED:
                self.close()  # there may be some whose senders have gone
            found = self._maps[status.st_ino] = _mapped(fd, status.st_size)
        return found

    def close(self) -> None:
        """Map nothing."""
        self._maps.clear()


def _paged(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _mapped(fd: int, size: int) -> mmap.mmap:
    # All at once: a fault for each page would cost more than the copy.
    return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, trackfd=False)


def _read(fd: int, size: int) -> bytes:
    """By reading, as faults on pages that are used once cost more than the copy."""
    data = os.pread(fd, size, 0)
    while len(data) < size:  # the kernel reads at most 2 GiB at once
        data += os.pread(fd, size - len(data), len(data))
    return data
