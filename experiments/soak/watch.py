"""Looks at the server: its memory and descriptors, and whether they come back."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from subsrv.bench import processes

#: MB (10^6) by which the median of the last quarter may lie above that of the second.
MOST_GROWN = 4.0
_SETTLE = 40.0  # seconds: the longest that a connection may linger, and some


@dataclass(frozen=True, slots=True)
class Look:
    """One look. `at` is in seconds since the first."""

    at: float
    uss: int
    descriptors: int


def descriptors(root: int) -> int:
    """Open ones of the whole process tree."""
    return sum(len(os.listdir(Path("/proc") / str(pid) / "fd")) for pid in processes.tree(root))


def look(root: int, begun: float) -> Look:
    """How it is now."""
    return Look(round(time.monotonic() - begun, 1), processes.memory(root).uss, descriptors(root))


def settled(root: int, wanted: int) -> int:
    """Wait until no more descriptors are open than before; how many are, at the latest in time."""
    deadline = time.monotonic() + _SETTLE
    while (count := descriptors(root)) > wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return count


def grown(looks: Sequence[Look]) -> float:
    """MB between the second quarter and the last: by then all has been seen once."""
    quarter = len(looks) // 4
    if not quarter:
        return 0.0
    early = statistics.median(each.uss for each in looks[quarter : 2 * quarter])
    late = statistics.median(each.uss for each in looks[-quarter:])
    return (late - early) / 1e6
