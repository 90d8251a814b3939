"""PEP 3333's `wsgi.file_wrapper`: a file as a response, sent by the kernel where it can be."""

import io
import os
from collections.abc import Iterable
from typing import Any, Self

from subsrv.files import FileRange

# Their bytes are those of their descriptor. Others have one, too, and mean something else by it:
# that of a gzip file leads to what is compressed.
_BUFFERED = (io.BufferedReader, io.BufferedRandom)


class FileWrapper:
    """Blocks of a file-like object, to be returned to the server, which may know a faster way.

    What it sends begins at the file's position, and ends where the file does, or with the
    response's Content-Length.
    """

    def __init__(self, filelike: Any, blksize: int = 65536) -> None:
        self.filelike = filelike
        self.blksize = blksize
        #: How much of it is wanted; None for all there is.
        self.left: int | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        size = self.blksize if self.left is None else min(self.blksize, self.left)
        data: bytes = self.filelike.read(size) if size else b""
        if not data:
            raise StopIteration
        if self.left is not None:
            self.left -= len(data)
        return data

    def close(self) -> None:
        """PEP 3333: close the file, if it can be."""
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()

    def bound(self, headers: Iterable[tuple[str, str]]) -> None:
        """End with the Content-Length that the response declares, if it does."""
        for name, value in headers:
            if name.lower() == "content-length" and value.isdecimal():
                self.left = int(value)

    def range(self) -> FileRange | None:
        """The rest of a regular file, on a descriptor of its own; None where it is to be read."""
        file = self.filelike
        raw = file.raw if type(file) in _BUFFERED else file
        if type(raw) is not io.FileIO or not raw.seekable():
            return None
        if type(file) is io.BufferedRandom:
            file.flush()
        position = file.tell()
        return FileRange.of(os.dup(raw.fileno()), position)
