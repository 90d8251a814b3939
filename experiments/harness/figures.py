"""Medians with intervals over launches, paired by round where two are compared.

From six launches on the interval is a bootstrap of 95 %. With fewer, a bootstrap of the median
cannot be more than the range, and its 95 % would be a pretence: the range is shown. The true
median lies outside the range of n launches if all fall on one side of it, with a chance of
2^(1-n): a quarter with three, one in sixteen with five.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

_RESAMPLES = 500
_CONFIDENCE = 0.95
#: With fewer launches the range is shown.
ENOUGH = 6
#: With fewer launches nothing is said to differ.
LEAST = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A median, an interval around it, and the number of launches behind both.

    The interval is a 95 % percentile bootstrap over launches; with fewer than six, their range.
    """

    value: float
    low: float
    high: float
    n: int

    def text(self, digits: int) -> str:
        """The figure for a table: "1.52 [1.47, 1.60]"; alone where a single launch made it."""
        shown = f"{self.value:,.{digits}f}"
        if self.n < 2:
            return shown
        return f"{shown} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


def figure(values: Sequence[float]) -> Figure | None:
    """The median of the launches' values; None where there are none."""
    return _bootstrap([values], lambda groups: statistics.median(groups[0]))


def ratio(above: Sequence[float], below: Sequence[float]) -> Figure | None:
    """The ratio of two medians, the n-th launch of one paired with the n-th of the other.

    Both ran in the same round, so what the machine did to that round stays out of the interval.
    None where either has no values.
    """
    return _bootstrap([above, below], lambda groups: _divided(*groups))


def difference(above: Sequence[float], below: Sequence[float]) -> Figure | None:
    """As `ratio`, but the difference of the medians."""
    return _bootstrap(
        [above, below],
        lambda groups: statistics.median(groups[0]) - statistics.median(groups[1]),
    )


def _divided(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(above) / statistics.median(below)


def _bootstrap(
    groups: Sequence[Sequence[float]], statistic: Callable[[Sequence[Sequence[float]]], float]
) -> Figure | None:
    n = min(map(len, groups))
    if n == 0:
        return None
    groups = [values[:n] for values in groups]
    value = statistic(groups)
    if n < ENOUGH:
        each = [statistic([[values[index]] for values in groups]) for index in range(n)]
        return Figure(value, min(each), max(each), n)
    found = sorted(
        statistic([[values[index] for index in picked] for values in groups])
        for picked in _picks(n)
    )
    tail = round((1 - _CONFIDENCE) / 2 * _RESAMPLES)
    return Figure(value, found[tail], found[-tail - 1], n)


@cache
def _picks(n: int) -> list[list[int]]:
    """Which launches each resample takes: always the same ones, so that reports can be checked."""
    generator = random.Random(n)
    return [[int(generator.random() * n) for _ in range(n)] for _ in range(_RESAMPLES)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ratio beside the ratio of one configuration to itself, launched under two labels (A/A)."""

    ratio: Figure
    control: Figure | None

    @property
    def noise(self) -> float:
        """How far from 1 the A/A interval reaches; 0 where there is none."""
        if self.control is None:
            return 0.0
        return max(self.control.high - 1, 1 - self.control.low, 0.0)

    @property
    def clear(self) -> bool:
        """Whether the ratio's whole interval lies outside what A/A reaches."""
        if self.control is None or self.ratio.n < LEAST:
            return False
        return self.ratio.low > 1 + self.noise or self.ratio.high < 1 / (1 + self.noise)

    def text(self, digits: int = 2) -> str:
        """The ratio with A/A beside it, for a sentence."""
        beside = f" (A/A {self.control.text(digits)})" if self.control else ""
        return f"{self.ratio.text(digits)}{beside}"

    @property
    def verdict(self) -> str:
        """For a table."""
        if self.ratio.n < LEAST:
            return f"too few launches ({self.ratio.n})"
        if self.control is None:
            return "no A/A"
        if not self.clear:
            return "not clear of A/A"
        return "higher" if self.ratio.value > 1 else "lower"
