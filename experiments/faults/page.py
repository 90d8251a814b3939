"""The page of the faults, made from their newest raw data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.faults.cases import FAULTS
from experiments.harness.publish import Page
from experiments.harness.table import Table

_QUESTION = (
    "What do a crash, an exit, a hang and an out-of-memory in one worker do to the others, by "
    "mode? Two workers, `--hang-timeout 1`; a request does to its worker what the first column "
    "says, while another request of the same worker waits. One client has a connection to the "
    "other worker and asks it every 5 ms; another makes a new connection each time."
)
_READING = (
    "Fates: **served on**; **replaced** (it ended; another one takes its place); "
    "**not replaced** (none could, while it was looked at); **rescued** (what "
    "it did was broken off, it drained, another one has its place); **killed**; **left behind** "
    "(nothing can end it; another one has its place); **server dies**. *Replaced after* is counted "
    "from the fault to the first answer of the new worker, *failed* of all requests to the other "
    "worker after the fault, the *longest gap* between two of its answers, in the half second "
    "before the fault and after it; of *new* connections, those fail that the faulty worker had "
    "just accepted. In the end the server is sent SIGTERM. Memory is taken to the last 64 bytes "
    "under a limit (RLIMIT_AS) of 64 MB more than the process had. One launch each: what happens "
    "is the same each time, and tested, but without a GIL where memory is all taken: there little "
    "of it comes back, and launches differ, up to a server that hangs. Times and gaps are of a "
    "machine that was doing other things."
)


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
    runs = raw["runs"]
    failures = "\n".join(f"- {each}" for each in raw["failures"])
    return [
        _summary(runs).markdown(),
        "## The facts",
        _READING,
        _facts(runs).markdown(),
        "## What the log says",
        "Beside tracebacks; N is the worker's number.",
        "\n".join(_logs(runs)),
        "## The tests that hold it",
        "\n".join(_tests()),
        *(["## Failures", failures] if failures else []),
        f"Server and clients shared one machine ({raw['about']['cpu_model_name']}).",
    ]


def _modes(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The interpreter of each mode."""
    return {run["mode"]: run["python"] for run in runs}


def _of(runs: Sequence[Mapping[str, Any]], fault: str) -> list[Mapping[str, Any]]:
    return [run for run in runs if run["fault"] == fault]


def fate(run: Mapping[str, Any]) -> str:
    """What became of the worker, or of the whole server."""
    log = "\n".join(run["log"])
    if run["died"]:
        return "server dies"
    if run["exit"] is None:
        return "server hangs"
    for said, meant in (
        ("left behind", "left behind"),
        ("killing worker", "killed"),
        ("goes on, and drains", "rescued"),
    ):
        if said in log:
            return meant
    if run["replaced"] is not None:
        return "replaced"
    return "not replaced" if " died: " in log else "served on"


def _reached(run: Mapping[str, Any]) -> bool:
    """Whether the other worker's clients noticed."""
    return bool(run["died"] or run["other"]["failed"])


def _answer(raw: Mapping[str, Any]) -> str:
    runs = raw["runs"]
    said = []
    for mode, python in _modes(runs).items():
        own = [run for run in runs if run["mode"] == mode]
        reached = [FAULTS[run["fault"]].title for run in own if _reached(run)]
        named = f": {', '.join(reached)}" if reached else ""
        said.append(f"{mode} ({python}) {len(reached)} of {len(own)}{named}")
    return f"Faults that the other worker's clients noticed: {'; '.join(said)}."


def _summary(runs: Sequence[Mapping[str, Any]]) -> Table:
    modes = _modes(runs)
    rows = []
    for name, fault in FAULTS.items():
        found = {run["mode"]: fate(run) for run in _of(runs, name)}
        rows.append((fault.title, *(found.get(mode, "n/a") for mode in modes)))
    return Table(("fault", *modes), rows, labels=len(modes) + 1)


def _facts(runs: Sequence[Mapping[str, Any]]) -> Table:
    heading = (
        *("fault", "mode", "its fate", "the request", "one beside it", "replaced after, s"),
        *("other worker: answered", "failed", "longest gap, ms", "new: failed", "the server ends"),
    )
    rows = [_row(run) for name in FAULTS for run in _of(runs, name)]
    return Table(heading, rows, labels=5)


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    other, new, status = run["other"], run["new"], run["exit"]
    gap = "for ever" if run["died"] else f"{other['gap'] * 1e3:,.0f}"
    return (
        *(FAULTS[run["fault"]].title, run["mode"], fate(run), run["asked"], run["beside"]),
        "never" if run["replaced"] is None else f"{run['replaced']:.2f}",
        f"{other['answered']:,}",
        "all" if run["died"] else f"{other['failed']:,}",
        f"{run['calm']['gap'] * 1e3:,.0f} → {gap}",
        "all" if run["died"] else f"{new['failed']:,} of {new['failed'] + new['answered']:,}",
        "by SIGKILL alone" if status is None else f"status {status}",
    )


def _logs(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name, fault in FAULTS.items():
        said: dict[str, list[str]] = {}
        for run in _of(runs, name):
            lines = " / ".join(f"`{line}`" for line in run["log"]) or "nothing"
            said.setdefault(lines, []).append(run["mode"])
        for lines, modes in said.items():
            yield f"- {fault.title}, {', '.join(modes)}: {lines}"


def _tests() -> Iterator[str]:
    held: dict[tuple[str, ...], list[str]] = {}
    for fault in FAULTS.values():
        held.setdefault(fault.tests, []).append(fault.title)
    for tests, titles in held.items():
        yield f"- {', '.join(titles)}: {', '.join(f'`{test}`' for test in tests)}"


_PAGE = Page(
    name="faults",
    title="A fault in one worker, and the others",
    question=_QUESTION,
    command="python -m experiments.faults",
    answer=_answer,
    body=_body,
)
made, section = _PAGE.made, _PAGE.section
