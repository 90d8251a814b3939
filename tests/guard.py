"""Ends servers under test whose pytest was killed: they are in sessions of their own.

One process for all of them. It reads from a pipe which servers there are, and sees its end by the
kernel, whatever pytest dies of.
"""

import atexit
import functools
import os
import subprocess
import sys

_PROGRAM = """
import contextlib, os, signal, sys
watched = set()
for line in sys.stdin:
    sign, pid = line[0], int(line[1:])
    (watched.add if sign == "+" else watched.discard)(pid)
for pid in watched:
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
"""


def watch(pid: int) -> None:
    """End this child of ours, and the group that it leads, should this process die before it."""
    _tell(f"+{pid}\n")


def forget(pid: int) -> None:
    """It has ended, and was waited for."""
    _tell(f"-{pid}\n")


def _tell(line: str) -> None:
    os.write(_pipe(), line.encode())  # at once, and so short that it is never torn


@functools.cache
def _pipe() -> int:
    reader, writer = os.pipe()
    with open(reader) as stdin:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM], stdin=stdin, start_new_session=True
        )
    atexit.register(guard.wait)
    atexit.register(os.close, writer)
    return writer
