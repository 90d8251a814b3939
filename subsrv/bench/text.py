"""The study's outcome for a terminal."""

from collections.abc import Sequence
from statistics import median

from subsrv.bench.judge import METRICS, spread, values
from subsrv.bench.study import Outcome, Setup


def table(outcome: Outcome) -> str:
    """A row for each configuration: the median of each figure, and below it how equals differed."""
    rows = [("configuration", "rounds", *(metric.title for metric in METRICS))]
    for setup in outcome.setups:
        count = len(outcome.of(setup))
        rows.append((str(setup), str(count), *cells(outcome, setup)))
    noise = (spread(outcome, metric) for metric in METRICS)
    rows.append(("A/A spread", "", *("-" if each is None else f"±{each:.0%}" for each in noise)))
    return _aligned(rows)


def cells(outcome: Outcome, setup: Setup) -> list[str]:
    """The medians of a configuration, or that it failed."""
    if setup in outcome.failures:
        return ["FAILED"] * len(METRICS)
    found = ((metric, values(outcome, setup, metric)) for metric in METRICS)
    return [f"{median(each):,.{metric.digits}f}" if each else "-" for metric, each in found]


def notes(outcome: Outcome) -> list[str]:
    """What did not load, and what failed, each with its reason."""
    found = [f"{mode}: not measured: {why}" for mode, why in outcome.refusals.items()]
    found += (
        f"{setup}: FAILED: {why}"
        for setup, why in outcome.failures.items()
        if setup in outcome.setups
    )
    if outcome.interrupted:
        found.append("interrupted: this is what there was so far")
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *figures in rows:
        cells = [name.ljust(widths[0])]
        cells += (cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
