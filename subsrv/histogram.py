"""Counts of durations by size, in the shape that Prometheus wants."""

from bisect import bisect_left
from typing import Any

#: Upper bounds in seconds, each included. Prometheus's defaults reach from 5 ms to 10 s; a request
#: that waits for nothing takes microseconds here.
BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class Histogram:
    """One worker's counts: plain integers, that nobody else writes to."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self) -> None:
        # A copy: without a GIL, what threads share slows them down.
        self._bounds = list(BOUNDS)
        #: How many fell at or below each bound and above the one before; the last, above all.
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def snapshot(self) -> dict[str, Any]:
        """As JSON has it: "counts", of which the last is without a bound, and "sum"."""
        return {"counts": list(self.counts), "sum": self.sum}
