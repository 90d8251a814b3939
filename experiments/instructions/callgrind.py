"""valgrind's callgrind: how a program is run under it, and what its files say."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_TIMEOUT = 30.0  # seconds
_TOTAL = re.compile(r"(?:summary|totals): (\d+)")
_CALLEE = re.compile(r"cfn=\((\d+)\)(?: (\S+))?")
_FUNCTION = re.compile(r"fn=\((\d+)\)(?: (\S+))?")
_CALLS = re.compile(r"calls=(\d+) ")

#: The C library's doors to the kernel that a request may go through.
SYSTEM_CALLS = frozenset(
    (
        *("accept4", "close", "epoll_ctl", "epoll_wait", "getsockname", "ioctl", "read", "recv"),
        *("send", "sendfile", "sendmsg", "setsockopt", "shutdown", "write", "writev"),
    )
)


class UnavailableError(Exception):
    """There is no valgrind that works here."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened between two marks."""

    instructions: float
    system_calls: Mapping[str, float] = field(default_factory=dict)

    def __sub__(self, other: Self) -> Self:
        names = self.system_calls.keys() | other.system_calls.keys()
        calls = {
            name: self.system_calls.get(name, 0) - other.system_calls.get(name, 0) for name in names
        }
        return type(self)(self.instructions - other.instructions, calls)

    def __truediv__(self, number: int) -> Self:
        calls = {name: count / number for name, count in self.system_calls.items()}
        return type(self)(self.instructions / number, calls)


def version() -> str:
    """The name and version of the valgrind there is. UnavailableError."""
    if shutil.which("valgrind") is None:
        raise UnavailableError("valgrind is needed on PATH (on Debian: apt-get install valgrind)")
    try:
        done = subprocess.run(
            ("valgrind", "--version"), capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"valgrind does not run: {error}") from error
    return done.stdout.strip()


def command(folder: Path, mark: str, words: Iterable[str]) -> tuple[str, ...]:
    """The program so run that each call of the C function `mark` ends a file in `folder`.

    It is counted only after `begin`.
    """
    return (
        *("valgrind", "--tool=callgrind", f"--log-file={folder}/log", "--instr-atstart=no"),
        *(f"--callgrind-out-file={folder}/counts", f"--dump-before={mark}", *words),
    )


def begin(pid: int) -> tuple[str, ...]:
    """What has a program that runs so counted from now on."""
    return ("vgdb", f"--pid={pid}", "instrumentation", "on")


def read(folder: Path, number: int) -> Counts:
    """What was counted before the mark of this number, from 1 on, and since the one before it."""
    return parse((folder / f"counts.{number}").read_text())


def parse(text: str) -> Counts:
    """What one of callgrind's files says. ValueError where it is none."""
    total = _TOTAL.search(text)
    if total is None:
        raise ValueError("a file of callgrind's without a total")
    names: dict[str, str] = {}
    calls: dict[str, int] = {}
    callee = ""
    for line in text.splitlines():
        if line.startswith("fn=") and (match := _FUNCTION.match(line)):
            if match[2]:
                names[match[1]] = match[2]
        elif line.startswith("cfn=") and (match := _CALLEE.match(line)):
            if match[2]:
                names[match[1]] = match[2]
            callee = names.get(match[1], "")
        elif callee in SYSTEM_CALLS and (match := _CALLS.match(line)):
            calls[callee] = calls.get(callee, 0) + int(match[1])
    return Counts(int(total[1]), calls)
