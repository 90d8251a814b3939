"""The page of the soak, made from its newest raw data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.harness import publish
from experiments.harness.publish import newest
from experiments.harness.table import Table
from experiments.soak.watch import MOST_GROWN

_NAME = "soak"
_TITLE = "Good, bad, slow, deaf and vanishing clients for minutes"
_NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"
_QUESTION = (
    "Does mixed traffic make anything go wrong, stick, or grow? Two workers of each mode; clients "
    "that ask and check every byte, send what is no request, send in pieces, read nothing, or "
    "reset the connection, all at once. A soak fails at one wrong or missing answer, one exchange "
    "that does not end, one descriptor that does not come back, or private memory (USS) whose "
    f"median in the last quarter lies more than {MOST_GROWN:g} MB above that in the second."
)


def made(results: Path) -> dict[Path, str]:
    """The page by its file; nothing where nothing has been measured."""
    path = newest(results, _NAME)
    if path is None:
        return {}
    raw = json.loads(path.read_text())
    rows = [
        (
            *(mode, found.get("python", ""), f"{sum(found.get('done', {}).values()):,}"),
            *(str(found.get("wrong", "n/a")), str(found.get("stuck", "n/a"))),
            " to ".join(map(str, found.get("descriptors", ()))),
            f"{found['grown_mb']:+.1f}" if "grown_mb" in found else "n/a",
            "failed" if found["failures"] else "nothing wrong",
        )
        for mode, found in raw["modes"].items()
    ]
    heading = ("mode", "CPython", "exchanges", "wrong", "stuck", "descriptors", "MB", "verdict")
    about = raw["about"]
    failures = [
        f"- {mode}: {each}" for mode, found in raw["modes"].items() for each in found["failures"]
    ]
    parts = [
        _NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(raw)}**",
        Table(heading, rows, labels=2).markdown(),
        *(["## Failures", "\n".join(failures)] if failures else []),
        f"{raw['seconds']} s over all modes, begun {about['begun']} at commit "
        f"{about['subsrv_commit']}. To repeat it: `make soak`. Raw data: "
        f"[{path.name}]({path.name})",
    ]
    return {results / _NAME / "README.md": "\n\n".join(parts) + "\n"}


def section(results: Path) -> str:
    """What the index says of the study."""
    return publish.section(
        results,
        _NAME,
        title=_TITLE,
        question=_QUESTION,
        command="make soak",
        answer=lambda path: _answer(json.loads(path.read_text())),
    )


def _answer(raw: Mapping[str, Any]) -> str:
    failed = [mode for mode, found in raw["modes"].items() if found["failures"]]
    total = sum(sum(found.get("done", {}).values()) for found in raw["modes"].values())
    modes = ", ".join(raw["modes"])
    if failed:
        return f"In {total:,} exchanges, something was wrong in {', '.join(failed)} ({modes} ran)."
    return f"In {total:,} exchanges in {modes}, nothing was wrong, stuck, or left behind."
