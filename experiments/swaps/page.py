"""The page of the hot swaps, made from their newest raw data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness import publish
from experiments.harness.publish import newest
from experiments.harness.table import Table

_NAME = "swaps"
_TITLE = "Hot swaps under load"
_NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"
_QUESTION = (
    "Does replacing all workers lose a request, refuse a connection, or leave memory behind? Two "
    "workers; each swap loads another version of the application, and the next begins when the "
    "last has taken over. Meanwhile wrk keeps 16 connections busy, and ten clients of three kinds "
    "(without pause, one request a connection, with pauses of up to 1.5 s) check every byte, that "
    "a connection ends only after an answer that says so, and that no connection meets a version "
    "that was replaced before it was made. One wrong or missing answer fails a run. Memory is "
    "private (USS), of the whole process tree, when the old workers are gone; its slope is that of "
    "a line through all looks but the first quarter."
)
_COMMAND = "python -m experiments.swaps"


def made(results: Path) -> dict[Path, str]:
    """The page by its file; nothing where nothing has been measured."""
    path = newest(results, _NAME)
    if path is None:
        return {}
    raw = json.loads(path.read_text())
    heading = (
        *("mode", "CPython", "swaps", "requests", "failures"),
        *("median s a swap", "longest, s", "KB a swap", "verdict"),
    )
    rows = [_row(run) for run in raw["runs"]]
    about = raw["about"]
    failures = [f"- {run['mode']}: {each}" for run in raw["runs"] for each in run["failures"]]
    parts = [
        _NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(raw['runs'])}**",
        Table(heading, rows, labels=2).markdown(),
        *(["## Failures", "\n".join(failures)] if failures else []),
        f"Server and clients shared one machine ({about['cpu_model_name']}). Begun "
        f"{about['begun']} at commit {about['subsrv_commit']}. To repeat it: `{_COMMAND}`. "
        f"Raw data: [{path.name}]({path.name})",
    ]
    return {results / _NAME / "README.md": "\n\n".join(parts) + "\n"}


def section(results: Path) -> str:
    """What the index says of the study."""
    return publish.section(
        results,
        _NAME,
        title=_TITLE,
        question=_QUESTION,
        command=_COMMAND,
        answer=lambda path: _answer(json.loads(path.read_text())["runs"]),
    )


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    counted = [f"{run[name]:,}" if name in run else "n/a" for name in ("swaps", "requests")]
    measured = [str(run.get(name, "n/a")) for name in ("seconds", "longest", "kb_per_swap")]
    failed = len(run["failures"])
    return (
        *(run["mode"], run["python"], *counted, str(failed), *measured),
        "failed" if failed else "nothing lost",
    )


def _answer(runs: Sequence[Mapping[str, Any]]) -> str:
    failed = [f"{run['mode']} on {run['python']}" for run in runs if run["failures"]]
    if failed:
        return f"Something was wrong in {', '.join(failed)}."
    total, swaps = sum(run["requests"] for run in runs), sum(run["swaps"] for run in runs)
    slopes = ", ".join(f"{run['mode']} {run['python']} {run['kb_per_swap']:+g}" for run in runs)
    return (
        f"In {swaps:,} swaps and {total:,} requests, none was lost and no connection refused. "
        f"KB of memory for each swap: {slopes}."
    )
