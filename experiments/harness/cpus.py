"""Which CPUs the server may use, and which the client: others, where there are enough."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Below this number a split would leave the server too few to show anything.
ENOUGH = 4

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


@dataclass(frozen=True, slots=True)
class Split:
    """The CPUs of the two sides; equal where they share."""

    server: frozenset[int]
    client: frozenset[int]

    @property
    def shared(self) -> bool:
        """Whether client and server take CPU time from each other."""
        return self.server == self.client

    @property
    def alone(self) -> frozenset[int] | None:
        """The client's own CPUs; None where it has none."""
        return None if self.shared else self.client

    def metadata(self) -> dict[str, str | int]:
        """What goes into a results file."""
        return {
            "cpus_server": ranges(self.server),
            "cpus_client": ranges(self.client),
            "cpus_shared": "yes" if self.shared else "no",
        }


def split(available: Iterable[int] | None = None, *, client: int | None = None) -> Split:
    """Cores for the client, the rest for the server; all for both below ENOUGH.

    Threads of one core stay on one side: what one of them does slows the other.

    Args:
      client: at least so many CPUs, in whole cores, for the client: None for a quarter of the
        cores. ValueError where that leaves none for the server, or there is nothing to divide.
    """
    cpus = sorted(os.sched_getaffinity(0) if available is None else available)
    if len(cpus) < ENOUGH:
        return _undivided(cpus, client)
    cores = sorted({_siblings(cpu) & frozenset(cpus) for cpu in cpus}, key=min)
    if len(cores) < 2:
        return _undivided(cpus, client)
    kept = len(cores) - max(1, len(cores) // 4)
    if client is not None:
        fitting = (at for at in range(len(cores) - 1, 0, -1) if sum(map(len, cores[at:])) >= client)
        kept = next(fitting, 0)
        if not kept:
            raise ValueError(f"{client} of {len(cpus)} CPUs for the client leave the server none")
    return Split(frozenset().union(*cores[:kept]), frozenset().union(*cores[kept:]))


def _undivided(cpus: Iterable[int], client: int | None) -> Split:
    if client is not None:
        raise ValueError("there are too few CPUs to give the client some of its own")
    return Split(frozenset(cpus), frozenset(cpus))


def _siblings(cpu: int) -> frozenset[int]:
    """The threads of this CPU's core, itself among them."""
    try:
        text = Path(_SIBLINGS.format(cpu)).read_text()
    except OSError:  # not every system tells
        return frozenset({cpu})
    return parse(text) | {cpu}


def parse(text: str) -> frozenset[int]:
    """The inverse of `ranges`, and what the kernel writes: "0-3,8"."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def ranges(cpus: Iterable[int]) -> str:
    """CPU numbers as people and tools write them: "0-3,8"."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)
