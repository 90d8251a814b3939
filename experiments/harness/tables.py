"""The tables that most studies have: every configuration, and differences beside A/A."""

from collections.abc import Callable, Sequence

from experiments.harness.data import Data
from experiments.harness.figures import Comparison, Figure
from experiments.harness.metrics import Metric
from experiments.harness.table import Table

NOT_MEASURED = "n/a"


def cell(figure: Figure | None, digits: int) -> str:
    """A figure in a table."""
    return figure.text(digits) if figure else NOT_MEASURED


def overview(
    data: Data,
    metrics: Sequence[Metric],
    *,
    facts: Sequence[str] = (),
    labels: Sequence[str] | None = None,
    labelled: bool = True,
) -> Table:
    """A row for each configuration: label, facts, and the figures with their intervals.

    Without the label where `labelled` says so: the facts name the configuration then.

    One that failed stands there as failed; the reason is in the page's list of failures.
    """
    first = ("configuration",) if labelled else ()
    heading = (*first, *(name.replace("_", " ") for name in facts), "n")
    rows = []
    for label in data.labels if labels is None else labels:
        known = [str(data.fact(label, name) or "") for name in facts]
        launches = data.launches([label])
        if data.failure(label):
            cells = ["failed", *("",) * (len(metrics) - 1)]
        else:
            cells = [cell(data.figure(label, each), each.digits) for each in metrics]
        rows.append((*((label,) if labelled else ()), *known, str(launches), *cells))
    aligned = len(first) + len(facts)
    return Table((*heading, *(each.heading for each in metrics)), rows, labels=aligned)


def ratios(
    data: Data,
    pairs: Sequence[tuple[str, str, str]],
    metrics: Sequence[Metric],
    *,
    digits: int = 2,
) -> Table:
    """A row for each pair and metric: the ratio, A/A beside it, and whether they are apart.

    `pairs` are what is compared, in words, and the labels above and below the line.
    """
    rows = []
    for what, above, below in pairs:
        for metric in metrics:
            name = f"{what}, {_bare(metric)}" if len(metrics) > 1 else what
            compared = data.compare(above, below, metric)
            missing = data.missing(above, below)
            rows.append((name, *(_compared(compared, digits) or (NOT_MEASURED, "", "", missing))))
    heading = "compared" if len(metrics) > 1 else f"compared: {_bare(metrics[0])}"
    return Table((heading, "ratio", "A/A", "n", "so it is"), rows)


def _compared(found: Comparison | None, digits: int) -> tuple[str, ...]:
    if found is None:
        return ()
    return (
        found.ratio.text(digits),
        cell(found.control, digits),
        str(found.ratio.n),
        found.verdict,
    )


def _bare(metric: Metric) -> str:
    """The metric's heading without its unit, which a ratio does not have."""
    return metric.heading.partition(",")[0]


def matrix(
    data: Data,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    label: Callable[[str, str], str],
    metric: Metric,
    corner: str = "",
) -> Table:
    """One metric in two dimensions; `label` names the configuration of a row and a column."""
    lines = []
    for row in rows:
        cells = []
        for column in columns:
            each = label(row, column)
            failed = each in data.labels and data.failure(each)
            cells.append("failed" if failed else cell(data.figure(each, metric), metric.digits))
        lines.append((row, *cells))
    return Table((corner or metric.heading, *columns), lines)
