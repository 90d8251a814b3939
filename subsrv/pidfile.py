"""The file of --pid-file: the number of the process to send signals to, while it serves.

It is written when the server is ready. One that cannot bind its address must not take the file of
the one that has it, and one that takes over from another takes over its file, too.
"""

import contextlib
import os

from subsrv.errors import ConfigError


def check(path: str) -> str:
    """The path made absolute. ConfigError if no file can be written there."""
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        reason = "it is a folder"
    elif not os.path.isdir(folder):
        reason = "its folder does not exist"
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = "its folder cannot be written to"
    else:
        return path
    raise ConfigError(f"pid-file {path} cannot be written: {reason}")


def write(path: str) -> None:
    """Put this process's number there. Whoever reads meanwhile sees the old one or the new."""
    new = f"{path}.{os.getpid()}"
    with open(new, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    os.replace(new, path)


def remove(path: str) -> None:
    """Remove it, if it is still this process's."""
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        if file.read() == f"{os.getpid()}\n":
            os.unlink(path)
