"""Where a measurement was taken, and which CPUs each side of it has."""

import contextlib
import datetime
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import subsrv


@dataclass(frozen=True, slots=True)
class Cpus:
    """The CPUs of the server and of the client; the same where there are too few to part them."""

    server: tuple[int, ...]
    client: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether the client takes CPU time that the server could have had."""
        return bool(set(self.server) & set(self.client))


def part(available: set[int], workers: int) -> Cpus:
    """One CPU for the client, if each of so many workers still has one of its own."""
    ordered = tuple(sorted(available))
    if len(ordered) > workers:
        return Cpus(ordered[:-1], ordered[-1:])
    return Cpus(ordered, ordered)


@contextlib.contextmanager
def pinned(cpus: Collection[int] | None) -> Iterator[None]:
    """What this thread starts meanwhile runs on these CPUs, and all its children too."""
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe() -> dict[str, Any]:
    """The machine and the Python, with the load average at this moment."""
    jit = getattr(sys, "_jit", None)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "subsrv": subsrv.__version__,
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
        "free_threaded_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "jit": bool(jit and jit.is_enabled()),
        "switch_interval": sys.getswitchinterval(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu_model": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
    }


def cpu_model() -> str:
    """What /proc/cpuinfo calls the CPU; where it has no name, its architecture."""
    match = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return match[1] if match else platform.machine()
