"""A range of a file on its way to a socket, by sendfile where the kernel can, else by reading."""

import errno
import os
import stat

# What one turn of the loop sends at the most. A client that reads as fast as we send would keep
# the worker to itself; nginx's sendfile_max_chunk is 2 MB for the same reason.
_TURN = 1 << 20

# Read at a time where sendfile cannot be used.
_BLOCK = 256 * 1024

# What sendfile(2) says of a file, or a file system, that it cannot send from.
_UNABLE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW}


class FileRange:
    """The bytes `offset` to `offset + left` of an open file. Owns its descriptor.

    `left` counts down as they are sent. The descriptor's own position is neither used nor moved,
    so it may be a copy of one that somebody else reads with.
    """

    __slots__ = ("_fd", "_offset", "left")

    def __init__(self, fd: int, offset: int, left: int) -> None:
        self._fd = fd
        self._offset = offset
        self.left = left

    @classmethod
    def of(cls, fd: int, offset: int = 0) -> "FileRange | None":
        """The rest of a regular file from `offset` on; None, and `fd` closed, for any other."""
        try:
            status = os.fstat(fd)
        except OSError:
            os.close(fd)
            raise
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        return cls(fd, offset, max(status.st_size - offset, 0))

    @classmethod
    def open(cls, path: str) -> "FileRange":
        """The whole of a regular file. OSError where it cannot be opened, or is none."""
        # A FIFO would have us wait for somebody who writes to it.
        file = cls.of(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        if file is None:
            raise OSError(errno.EINVAL, "not a regular file", path)
        return file

    def send(self, sock: int) -> int | None:
        """Send some of it; how much, 0 at the file's end. None where it has to be read instead.

        OSError is the socket's, BlockingIOError when that takes no more.
        """
        try:
            sent = os.sendfile(sock, self._fd, self._offset, min(self.left, _TURN))
        except OSError as error:
            if error.errno in _UNABLE:
                return None
            raise
        self._offset += sent
        self.left -= sent
        return sent

    def read(self, most: int = _BLOCK) -> bytes:
        """Its next bytes, empty at the file's end. OSError is the file's."""
        data = os.pread(self._fd, min(self.left, most), self._offset)
        self._offset += len(data)
        self.left -= len(data)
        return data

    def close(self) -> None:
        """Close the descriptor. Once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
