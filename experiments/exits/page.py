"""The page of the exits, made from their newest raw data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.exits.ends import ENDS
from experiments.harness.publish import Page
from experiments.harness.table import Table

_QUESTION = (
    "Does a server always end with status 0? CPython has crashed at the end of processes with "
    "interpreters: 3.13.0 where several have imported `datetime` (issues 136421, 136423), 3.15 "
    "with daemon threads. Three workers that have imported ctypes, datetime, decimal, hashlib, "
    "sqlite3, ssl and zoneinfo, and used them in requests; then the server is ended in one of four "
    "ways, each in its turn. Clean is status 0 and no traceback, fatal error or ignored exception "
    "in the log."
)


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
    cells = raw["cells"]
    heading = ("CPython", "mode", *(f"{name}: clean" for name in ENDS), "not clean")
    unclean = [f"- {name}: {log}" for name, cell in cells.items() for log in cell["logs"]]
    failures = [f"- {each}" for each in raw["failures"]]
    return [
        Table(heading, [_row(name, cells[name]) for name in sorted(cells)], labels=2).markdown(),
        *(["## Not clean", "\n".join(unclean)] if unclean else []),
        *(["## Failures", "\n".join(failures)] if failures else []),
        f"Machine: {raw['about']['cpu_model_name']}.",
    ]


def statuses(cell: Mapping[str, Any]) -> Counter[str]:
    """How often each exit status came, however the server was ended."""
    total = Counter[str]()
    for counts in cell["ends"].values():
        total.update(counts)
    return total


def _row(name: str, cell: Mapping[str, Any]) -> tuple[str, ...]:
    ends = [Counter[str](cell["ends"].get(each, {})) for each in ENDS]
    unclean = ", ".join(
        f"{count} of {status}" for status, count in statuses(cell).items() if status != "0"
    )
    python, _, mode = name.partition(" ")
    return (python, mode, *(f"{end['0']} of {end.total()}" for end in ends), unclean or "none")


def _answer(raw: Mapping[str, Any]) -> str:
    cells = raw["cells"]
    total = Counter[str]()
    for cell in cells.values():
        total.update(statuses(cell))
    if total["0"] == total.total():
        return f"All of {total.total():,} exits were clean."
    where = [name for name, cell in cells.items() if statuses(cell).keys() - {"0"}]
    return f"{total['0']:,} of {total.total():,} exits were clean; not all in {', '.join(where)}."


_PAGE = Page(
    name="exits",
    title="Clean exits",
    question=_QUESTION,
    command="python -m experiments.exits",
    answer=_answer,
    body=_body,
)
made, section = _PAGE.made, _PAGE.section
