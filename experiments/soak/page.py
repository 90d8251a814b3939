"""The page of the soak, made from its newest raw data."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.harness.publish import Page
from experiments.harness.table import Table
from experiments.soak.watch import MOST_GROWN

_QUESTION = (
    "Does mixed traffic make anything go wrong, stick, or grow? Two workers of each mode; clients "
    "that ask and check every byte, send what is no request, send in pieces, read nothing, or "
    "reset the connection, all at once. A soak fails at one wrong or missing answer, one exchange "
    "that does not end, one descriptor that does not come back, or private memory (USS) whose "
    f"median in the last quarter lies more than {MOST_GROWN:g} MB above that in the second."
)


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
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
    failures = [
        f"- {mode}: {each}" for mode, found in raw["modes"].items() for each in found["failures"]
    ]
    return [
        Table(heading, rows, labels=2).markdown(),
        *(["## Failures", "\n".join(failures)] if failures else []),
        f"{raw['seconds']} s over all modes.",
    ]


def _answer(raw: Mapping[str, Any]) -> str:
    failed = [mode for mode, found in raw["modes"].items() if found["failures"]]
    total = sum(sum(found.get("done", {}).values()) for found in raw["modes"].values())
    modes = ", ".join(raw["modes"])
    if failed:
        return f"In {total:,} exchanges, something was wrong in {', '.join(failed)} ({modes} ran)."
    return f"In {total:,} exchanges in {modes}, nothing was wrong, stuck, or left behind."


_PAGE = Page(
    name="soak",
    title="Good, bad, slow, deaf and vanishing clients for minutes",
    question=_QUESTION,
    command="make soak",
    answer=_answer,
    body=_body,
)
made, section = _PAGE.made, _PAGE.section
