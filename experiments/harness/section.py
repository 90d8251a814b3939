"""What a section of the benchmark is asked, and how it is judged."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.harness.interpreters import Interpreters
from experiments.harness.table import Table, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to measure. `rounds` are counted without the warm-up; `duration` is a round's seconds."""

    interpreters: Interpreters
    rounds: int
    duration: int
    seed: int
    interfaces: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be: at most `limit`, or with `least` at least. No value is a miss."""

    name: str
    value: float | None
    limit: float
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether it was measured and is within its limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.least else self.value <= self.limit


def targets_table(targets: Sequence[Target]) -> Table:
    """The targets with what was measured, for people."""
    rows = []
    for target in targets:
        value = "not measured" if target.value is None else f"{target.value:.2f}"
        sign = "≥" if target.least else "≤"
        verdict = "met" if target.met else "MISSED"
        rows.append((target.name, f"{sign} {target.limit:g}", value, verdict))
    return Table(("target", "limit", "measured", ""), rows)


def median(values: Sequence[float]) -> float | None:
    """The median, or None where there are no values."""
    return statistics.median(values) if values else None


def cells(values: Sequence[float], digits: int) -> tuple[str, str]:
    """Median and range for a table; "n/a" where there are no values."""
    if not values:
        return "n/a", ""
    return f"{statistics.median(values):,.{digits}f}", spread(values, digits)
