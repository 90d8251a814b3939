"""Latencies: every one is kept, so that percentiles are exact."""

import bisect
import math
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

#: The percentiles that reports have, by their names; 100 is the maximum.
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}

# Bounds of the histogram's buckets grow by a twentieth of a decade, 12 %: enough for a plot.
_STEPS_A_DECADE = 20
_NANOSECONDS = 1000  # in a microsecond


class Latencies:
    """Durations in whole nanoseconds, 8 bytes each; `append` is what the client's loop calls."""

    def __init__(self, nanoseconds: Iterable[int] = ()) -> None:
        self._values = array("q", nanoseconds)
        self.append = self._values.append

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    def summary(self) -> dict[str, float]:
        """Percentiles and mean in microseconds, by name; empty where there is no value."""
        if not self._values:
            return {}
        ordered = sorted(self._values)
        summary = {
            name: percentile(ordered, share) / _NANOSECONDS for name, share in PERCENTILES.items()
        }
        return summary | {"mean": sum(ordered) / len(ordered) / _NANOSECONDS}

    def histogram(self) -> list[tuple[float, int]]:
        """Upper bounds in microseconds and how many lie below each and above the one before.

        The bounds are the same for all histograms, so that those of several runs can be added.
        """
        ordered = sorted(self._values)
        found: list[tuple[float, int]] = []
        begin = 0
        while begin < len(ordered):
            bound = _bound_above(ordered[begin])
            end = bisect.bisect_right(ordered, bound * _NANOSECONDS, begin)
            found.append((bound, end - begin))
            begin = end
        return found


def percentile(ordered: "list[int] | array[int]", share: float) -> int:
    """The smallest value that at least `share` percent of the `ordered` ones do not exceed."""
    # Rounded first: 99.9 % of 1000 is 999, which floating point puts a little above.
    rank = math.ceil(round(share / 100 * len(ordered), 6))
    return ordered[max(rank, 1) - 1]


def total(histograms: Iterable[Iterable[Iterable[Any]]]) -> list[tuple[float, int]]:
    """The sum of several histograms, as they are or as they come out of JSON."""
    counts: dict[float, int] = {}
    for histogram in histograms:
        for bound, count in histogram:
            counts[bound] = counts.get(bound, 0) + count
    return sorted(counts.items())


def _bound_above(nanoseconds: int) -> float:
    """The least bound that is not below a duration, in microseconds."""
    step = math.ceil(math.log10(max(nanoseconds, 1)) * _STEPS_A_DECADE - 1e-9)
    # Rounding may have put the bound a little below.
    while _bound(step) * _NANOSECONDS < nanoseconds:
        step += 1
    return _bound(step)


def _bound(step: int) -> float:
    return float(f"{10 ** (step / _STEPS_A_DECADE) / _NANOSECONDS:.4g}")
