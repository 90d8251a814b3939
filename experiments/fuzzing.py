"""The page of what `make fuzz` has tried so far, from results/fuzz/runs.json."""

import json
from pathlib import Path
from typing import Any

from experiments.harness.publish import NOTE
from experiments.harness.table import Table

_TITLE = "Fuzzing"
_QUESTION = (
    "Does any input break what the parser and the connection promise? Coverage-guided fuzzing with "
    "atheris (`make fuzz`). The parser: no exception but ProtocolError, the same events however "
    "the bytes are cut, the same with the memo on and off. The connection, between a fake socket "
    "and a scripted application: each response whole and in order as h11 reads it, nothing "
    "pending without bound, everything closed in the end."
)


def made(results: Path) -> dict[Path, str]:
    """The page by its file; nothing where nothing has been recorded."""
    runs = _runs(results)
    if not runs:
        return {}
    rows = [
        (
            *(run["target"], run["when"], run["code"], run["python"], run["atheris"]),
            *(f"{run['executions']:,}", f"{run['seconds']:,.0f}", str(run["coverage"])),
            *(f"{run['corpus_inputs']:,}", str(run["findings"])),
        )
        for run in runs
    ]
    heading = (
        *("target", "begun", "digest of the code", "CPython", "atheris", "inputs tried", "seconds"),
        *("edges", "corpus", "findings"),
    )
    parts = [
        NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(runs)}**",
        "## Runs",
        Table(heading, rows, labels=5).markdown(),
        "Edges are of subsrv's bytecode. Seconds are of a machine that did other things as well. "
        "To go on: `make fuzz`. Raw data: [runs.json](runs.json)",
    ]
    return {results / "fuzz" / "README.md": "\n\n".join(parts) + "\n"}


def section(results: Path) -> str:
    """What the index says of it."""
    runs = _runs(results)
    if not runs:
        return f"## {_TITLE}\n\nNot recorded yet: `make fuzz`."
    return (
        f"## [{_TITLE}](fuzz/README.md)\n\n{_QUESTION}\n\n**{_answer(runs)}**\n\n"
        "[All runs](fuzz/README.md). To go on: `make fuzz`."
    )


def _runs(results: Path) -> list[dict[str, Any]]:
    path = results / "fuzz" / "runs.json"
    if not path.exists():
        return []
    runs: list[dict[str, Any]] = json.loads(path.read_text())
    return runs


def _answer(runs: list[dict[str, Any]]) -> str:
    tried: dict[str, int] = {}
    for run in runs:
        tried[run["target"]] = tried.get(run["target"], 0) + run["executions"]
    found = sum(run["findings"] for run in runs)
    parts = " and ".join(f"{count:,} of the {target}" for target, count in tried.items())
    return f"{sum(tried.values()):,} inputs were tried, {parts}; {found or 'none'} broke a promise."
