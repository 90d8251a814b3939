"""The page of the hot swaps, made from their newest raw data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness import charts
from experiments.harness.figures import Figure
from experiments.harness.publish import Page, newest
from experiments.harness.table import Table
from experiments.swaps.trend import slope, steady

_TITLE = "Hot swaps under load"
_QUESTION = (
    "Does replacing all workers lose a request, refuse a connection, or leave memory behind? Two "
    "workers; each swap loads another version of the application, and the next begins when the "
    "last has taken over. Meanwhile wrk keeps 16 connections busy, at a lower priority than all "
    "others, and ten clients of three kinds (four with hardly a pause, two with one request a "
    "connection, four with pauses of up to 1.5 s) check every byte, that a connection ends only "
    "after an answer that says so, and that no connection meets a version that was replaced before "
    "it was made. One wrong or missing answer fails a run. Memory is private (USS), of the whole "
    "process tree, whenever the old workers are gone; its slope is that of a line through all "
    "looks after the first quarter of the swaps, with an interval of 95 %."
)


def made(results: Path) -> dict[Path, str]:
    """The page and its plot by their files; nothing where nothing has been measured."""
    path = newest(results, _PAGE.name)
    if path is None:
        return {}
    plot = _plot(json.loads(path.read_text())["runs"])
    return _PAGE.made(results) | {path.with_name("memory.svg"): plot}


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
    heading = (
        *("mode", "CPython", "swaps", "requests", "failures", "median s a swap", "longest, s"),
        *("MB after a quarter, at the end", "KB a swap", "verdict"),
    )
    rows = [_row(run) for run in raw["runs"]]
    failures = [f"- {_name(run)}: {each}" for run in raw["runs"] for each in run["failures"]]
    return [
        f"![{_TITLE}: memory](memory.svg)",
        Table(heading, rows, labels=2).markdown(),
        *(["## Failures", "\n".join(failures)] if failures else []),
        f"Server and clients shared one machine ({raw['about']['cpu_model_name']}). "
        f"Each run began: {'; '.join(map(_begun, raw['runs']))}.",
    ]


def _name(run: Mapping[str, Any]) -> str:
    return f"{run['mode']} on {run['python']}"


def _begun(run: Mapping[str, Any]) -> str:
    return f"{_name(run)} {run['begun']} at commit {run['subsrv_commit']}"


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    counted = [f"{run[name]:,}" if name in run else "n/a" for name in ("swaps", "requests")]
    looks = steady(run.get("looks", ()))
    sizes = f"{looks[0][1] / 1e6:.1f}, {looks[-1][1] / 1e6:.1f}" if looks else "n/a"
    failed = len(run["failures"])
    return (
        *(run["mode"], run["python"], *counted, str(failed)),
        *(str(run.get(name, "n/a")) for name in ("seconds", "longest")),
        *(sizes, _slope(run), "failed" if failed else "nothing lost"),
    )


def _slope(run: Mapping[str, Any]) -> str:
    figure = slope(run.get("looks", ()))
    return figure.text(2) if figure else "n/a"


def _plot(runs: Sequence[Mapping[str, Any]]) -> str:
    """Memory over the swaps."""
    series = {
        _name(run): [(swaps, Figure(*(size / 1e6,) * 3, 1)) for swaps, size in looks]
        for run in runs
        if (looks := run.get("looks"))
    }
    return charts.lines(
        "Private memory over the swaps", series, x_axis="swaps", y_axis="USS of all processes, MB"
    )


def _answer(raw: Mapping[str, Any]) -> str:
    runs = raw["runs"]
    failed = [_name(run) for run in runs if run["failures"]]
    if failed:
        return f"Something was wrong in {', '.join(failed)}."
    total, swaps = sum(run["requests"] for run in runs), sum(run["swaps"] for run in runs)
    slopes = ", ".join(f"{_name(run)} {_slope(run)}" for run in runs)
    return (
        f"In {swaps:,} swaps and {total:,} requests, none was lost and no connection refused. "
        f"KB of memory for each swap: {slopes}."
    )


_PAGE = Page(
    name="swaps",
    title=_TITLE,
    question=_QUESTION,
    command="python -m experiments.swaps",
    answer=_answer,
    body=_body,
)
section = _PAGE.section
