"""Bytes that move between isolates without being copied."""

import contextlib
import mmap
import os
from typing import Any, Self

from subsrv.isolate import messages
from subsrv.isolate.errors import IsolateError


class Transferable(messages.Block):
    """A block of memory that one isolate at a time has, and that moves when it is sent.

    `Transferable(data)` copies any buffer (bytes, bytearray, memoryview, a NumPy array) into
    memory of its own, once; `Transferable.allocate(size)` has none to copy. Sending it passes a
    descriptor, whatever its size and the kind of isolate; who sent it has it no longer. `view` is
    a writable memoryview, which NumPy's `frombuffer` takes as it is.
    """

    _fd = -1

    def __init__(self, data: Any) -> None:
        with memoryview(data) as source, source.cast("B") as flat:
            self._make(flat.nbytes)
            self.view[:] = flat

    def _make(self, size: int) -> None:
        self._fd = os.memfd_create("subsrv-transferable")
        self._own(self._fd, size)
        os.ftruncate(self._fd, size)

    def _own(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._memory: mmap.mmap | None = None
        self._view: memoryview | None = None

    @classmethod
    def allocate(cls, size: int) -> Self:
        """A block of `size` zero bytes."""
        block = cls.__new__(cls)
        block._make(size)
        return block

    @property
    def view(self) -> memoryview:
        """The bytes. IsolateError when the block has moved."""
        if self._fd < 0:
            raise IsolateError("this Transferable has moved to another isolate, or is closed")
        if self._view is None:
            if self._size:  # mmap takes no empty block
                self._memory = mmap.mmap(self._fd, self._size)
                self._view = memoryview(self._memory)
            else:
                self._view = memoryview(bytearray())
        return self._view

    def __len__(self) -> int:
        return self._size

    def close(self) -> None:
        """Free the memory. BufferError while something made of `view` is in use."""
        self._unmap()
        self._moved()

    def _unmap(self) -> None:
        if self._view is not None:
            self._view.release()
            self._view = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _moved(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def leave(self) -> messages.Parcel:
        """See Block."""
        self._prepare()
        parcel = messages.Parcel(data=self._size, fds=[])
        parcel.fds[:], self._fd = [self._fd], -1
        return parcel

    def _prepare(self) -> None:
        if self._fd < 0:
            raise IsolateError("this Transferable has moved already")
        self._unmap()  # a BufferError here keeps it from having two owners

    def __reduce__(self) -> Any:
        cargo = messages.outgoing("Transferable")
        self._prepare()
        cargo.moved.append(self._moved)
        return _arrived, (cargo.add(self._fd), self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._moved()


def _made(fd: int, size: int) -> Transferable:
    block = Transferable.__new__(Transferable)
    block._own(fd, size)
    return block


def _arrived(place: int, size: int) -> Transferable:
    return _made(messages.arrived(place), size)


messages.Block.arrived = _made
