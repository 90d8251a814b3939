"""The study's outcome as one HTML file: plots, table and recommendation, nothing from outside."""

from html import escape
from statistics import median
from typing import Any

from subsrv.bench import text
from subsrv.bench.judge import METRICS, Metric, spread, values
from subsrv.bench.study import Outcome

_WIDTH, _LABEL, _FIGURE, _ROW = 720, 130, 80, 26
_COLOURS = {"interp": "#3366aa", "nogil": "#228833", "thread": "#aa7722", "process": "#aa3377"}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse } th, td { padding: .2em .7em; text-align: right }
th:first-child, td:first-child { text-align: left } tr { border-bottom: 1px solid #ddd }
svg { display: block; margin: .5em 0 1.5em; max-width: 100%; height: auto } h3 { margin-bottom: 0 }
"""


def page(outcome: Outcome, about: dict[str, Any], recommendation: str) -> str:
    """The whole file."""
    title = f"subsrv bench {escape(str(about['app']))}"
    notes = "".join(f"<li>{escape(note)}</li>" for note in text.notes(outcome))
    facts = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>"
        for name, value in about.items()
    )
    plots = "".join(_plot(outcome, metric) for metric in METRICS if outcome.runs)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<p>{escape(recommendation)}</p>\n"
        f"{_table(outcome)}\n<ul>{notes}</ul>\n"
        "<p>A bar is the median of all rounds, a dot one round. "
        "“again” is the A/A control: what it differs by from its twin is noise.</p>\n"
        f"{plots}\n<h3>How it was measured</h3>\n<table>{facts}</table>\n</html>\n"
    )


def _table(outcome: Outcome) -> str:
    head = "".join(f"<th>{escape(metric.title)}</th>" for metric in METRICS)
    rows = "".join(
        f"<tr><td>{setup}</td>" + "".join(f"<td>{cell}</td>" for cell in text.cells(outcome, setup))
        for setup in outcome.setups
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _plot(outcome: Outcome, metric: Metric) -> str:
    shown = [
        (setup, found) for setup in outcome.setups if (found := values(outcome, setup, metric))
    ]
    if not shown:
        return ""
    most = max(max(found) for _, found in shown) or 1.0
    scale = (_WIDTH - _LABEL - _FIGURE) / most
    parts = []
    for row, (setup, found) in enumerate(shown):
        y = row * _ROW
        middle = median(found)
        colour = _COLOURS[setup.mode]
        dots = "".join(
            f'<circle cx="{_LABEL + each * scale:.1f}" cy="{y + 12}" r="3" fill="#222"/>'
            for each in found
        )
        parts.append(
            f'<text x="0" y="{y + 16}">{setup}</text>'
            f'<rect x="{_LABEL}" y="{y + 4}" width="{middle * scale:.1f}" height="16" '
            f'fill="{colour}" fill-opacity="{0.35 if setup.again else 0.7}"/>{dots}'
            f'<text x="{_WIDTH}" y="{y + 16}" text-anchor="end">{middle:,.{metric.digits}f}</text>'
        )
    noise = spread(outcome, metric)
    control = "" if noise is None else f" (A/A spread ±{noise:.0%})"
    better = "more is better" if metric.more_is_better else "less is better"
    height = len(shown) * _ROW
    return (
        f"<h3>{escape(metric.title)}, {better}{control}</h3>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-size="13" font-family="system-ui, sans-serif">{"".join(parts)}</svg>\n'
    )
