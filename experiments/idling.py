"""The page of what idle connections cost, made from the newest raw data of `experiments.idle`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness import publish
from experiments.harness.publish import newest
from experiments.harness.table import Table

_NAME = "idle"
_TITLE = "Ten thousand connections that do nothing"
_NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"
_QUESTION = (
    "What do idle keep-alive connections cost: memory of the process, CPU while nothing happens, "
    "and a busy client's requests beside them? One worker, an ASGI hello; each connection has had "
    "one answer. The kernel's own memory for a socket is not in these figures."
)
_COMMAND = "python -m experiments.idle --publish"


def made(results: Path) -> dict[Path, str]:
    """The page by its file; nothing where nothing has been measured."""
    path = newest(results, _NAME)
    if path is None:
        return {}
    raw = json.loads(path.read_text())
    rows = [
        (
            *(run["mode"], run["python"], f"{run['connections']:,}"),
            *(str(run["bytes_per_connection"][kind]) for kind in ("uss", "pss")),
            f"{run['crowded']['idle_cpu_share']:.2%}",
            *(_both(run, name, 1) for name in ("cpu_us_per_request", "latency_us_p50")),
            _both(run, "latency_us_p99", 0),
        )
        for run in raw["runs"]
    ]
    heading = (
        *("mode", "CPython", "connections", "bytes each, USS", "bytes each, PSS"),
        *("CPU while idle", "CPU µs/request, alone / crowded", "p50 µs, alone / crowded"),
        "p99 µs, alone / crowded",
    )
    about = raw["about"]
    parts = [
        _NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(raw['runs'])}**",
        Table(heading, rows, labels=2).markdown(),
        "One launch of each mode: a look, not a comparison. Client and server share CPUs "
        f"{about['cpus_server']} of one machine ({about['cpu_model_name']}).",
        f"Begun {about['begun']} at commit {about['subsrv_commit']}. To repeat it: `{_COMMAND}`. "
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


def _both(run: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{run['alone'][name]:,.{digits}f} / {run['crowded'][name]:,.{digits}f}"


def _answer(runs: Sequence[Mapping[str, Any]]) -> str:
    each = ", ".join(f"{run['mode']} {run['bytes_per_connection']['uss']:,}" for run in runs)
    return f"Bytes of private memory for each of {runs[0]['connections']:,} connections: {each}."
