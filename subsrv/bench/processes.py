"""CPU time and memory of a server's whole process tree, from Linux's /proc and its CPU clocks."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_KIB = 1024  # the kernel's kB

# A tree that used less of a CPU than this for a moment is idle; one that never is goes on anyway.
_IDLE_SHARE = 0.02
_IDLE_MOMENT = 0.1  # seconds
_IDLE_PATIENCE = 5.0

_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class _Stat:
    """What is used of one /proc/PID/stat; times in seconds."""

    parent: int
    session: int
    own: float
    reaped: float


def _stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the name, may hold spaces and brackets: count from its last bracket.
    fields = text.rpartition(")")[2].split()
    utime, stime, cutime, cstime = (int(field) * _TICK for field in fields[11:15])
    return _Stat(int(fields[1]), int(fields[3]), utime + stime, cutime + cstime)


def tree(root: int) -> list[int]:
    """The process `root`, its session if it leads one, and all their descendants that live."""
    stats = {
        int(entry.name): stat
        for entry in _PROC.iterdir()
        if entry.name.isdecimal() and (stat := _stat(int(entry.name)))
    }
    found = {pid for pid, stat in stats.items() if pid == root or stat.session == root}
    while more := {pid for pid, stat in stats.items() if stat.parent in found} - found:
        found |= more
    return sorted(found)


def process_cpu(pid: int) -> float:
    """User and system seconds of one process, all its threads included, also those that ended.

    Read from the process's CPU clock, in nanoseconds. /proc/PID/stat has ticks of 10 ms, and the
    schedstat files forget the threads that ended. ProcessLookupError if there is no such process.
    """
    clock = ctypes.c_int()
    if _libc.clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        raise ProcessLookupError(f"no process {pid}")
    try:
        return time.clock_gettime_ns(clock.value) / 1e9
    except OSError as error:  # the process ended in between
        raise ProcessLookupError(f"no process {pid}") from error


def tree_cpu(root: int) -> float:
    """User and system seconds of a process tree, ended and waited-for children included.

    The difference of two readings is what the tree used between them, exact to the nanosecond
    while no child ends, and to a clock tick for each one that does.
    """
    total = 0.0
    for pid in tree(root):
        stat = _stat(pid)
        if stat is None:
            continue
        try:
            total += process_cpu(pid) + stat.reaped
        except ProcessLookupError:
            continue
    return total


def await_idle(root: int) -> None:
    """Wait until a server is done with what the last load left, if it ever is.

    Otherwise a worker with a backlog would leave the new connections, for good, to the others.
    """
    deadline = time.monotonic() + _IDLE_PATIENCE
    used = _IDLE_MOMENT
    while used > _IDLE_SHARE * _IDLE_MOMENT and time.monotonic() < deadline:
        before = tree_cpu(root)
        time.sleep(_IDLE_MOMENT)
        used = tree_cpu(root) - before


def thread_cpu(root: int) -> dict[str, float]:
    """Seconds on the CPU of each live thread of a process tree, by "PID/TID"."""
    times = {}
    for pid in tree(root):
        for task in (_PROC / str(pid) / "task").glob("*"):
            try:
                nanoseconds = (task / "schedstat").read_text().split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
            times[f"{pid}/{task.name}"] = int(nanoseconds) / 1e9
    return times


def context_switches(root: int) -> int:
    """How often the live threads of a process tree left a CPU so far, by will or not."""
    total = 0
    for pid in tree(root):
        for task in (_PROC / str(pid) / "task").glob("*"):
            try:
                text = (task / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            lines = (line for line in text.splitlines() if "ctxt_switches:" in line)
            total += sum(int(line.split()[1]) for line in lines)
    return total


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process tree in bytes: shared pages split among their users, and private ones."""

    pss: int
    uss: int


def memory(root: int) -> Memory:
    """PSS and USS of a process tree, summed over its processes."""
    pss = uss = 0
    for pid in tree(root):
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in text.splitlines()[1:]:
            name, value = line.split(":")
            if name == "Pss":
                pss += int(value.split()[0]) * _KIB
            elif name in ("Private_Clean", "Private_Dirty", "Private_Hugetlb"):
                uss += int(value.split()[0]) * _KIB
    return Memory(pss, uss)
