"""The page of what messages between isolates cost, made from the newest raw data."""

from pathlib import Path
from statistics import median

import pyperf  # type: ignore[import-untyped]

from experiments.harness.publish import newest
from experiments.harness.table import Table
from experiments.isolates.cases import CASES

_NAME = "isolates"
_TITLE = "Messages between isolates"
_NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"
_QUESTION = (
    "What do a message, a round trip, ten megabytes and a call in a warm pool cost between "
    "isolates of each kind, beside what else Python has for it? A small message is an int; a "
    "stream is timed at its receiver. A bare socketpair between two interpreters shows what two "
    "wake-ups cost."
)
_COMMAND = "python -m experiments.isolates"

type Medians = dict[str, tuple[float, float, float]]


def made(results: Path) -> dict[Path, str]:
    """The page by its file; nothing where nothing has been measured."""
    path = newest(results, _NAME)
    if path is None:
        return {}
    suite = pyperf.BenchmarkSuite.load(str(path))
    found = _medians(suite)
    rows = [
        (
            *(metric, *peer.split(": ", 1), _micro(found[f"{metric}: {peer}"][0])),
            f"{_micro(found[f'{metric}: {peer}'][1])} to {_micro(found[f'{metric}: {peer}'][2])}",
            f"{1 / found[f'{metric}: {peer}'][0]:,.0f}",
        )
        for metric, peers in CASES.items()
        for peer in peers
        if f"{metric}: {peer}" in found
    ]
    heading = ("what", "isolation", "by", "µs, median", "least and most", "a second")
    about = suite.get_benchmarks()[0].get_runs()[0].get_metadata()
    runs = min(benchmark.get_nrun() for benchmark in suite.get_benchmarks())
    parts = [
        _NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(found)}**",
        Table(heading, rows, labels=3).markdown(),
        f"{runs} processes a case, in a shuffled order; medians, and the extremes, of a process's "
        f"medians. CPython {about['python_version']}, {about['cpu_count']} CPUs "
        f"({about['cpu_model_name']}).",
        f"Begun {about['begun']} at commit {about['subsrv_commit']}. To repeat it: `{_COMMAND}`. "
        f"Raw data: [{path.name}]({path.name})",
    ]
    return {results / _NAME / "README.md": "\n\n".join(parts) + "\n"}


def section(results: Path) -> str:
    """What the index says of the study."""
    path = newest(results, _NAME)
    if path is None:
        return f"## {_TITLE}\n\nNot measured yet: `{_COMMAND}`."
    return (
        f"## [{_TITLE}]({_NAME}/README.md)\n\n{_QUESTION}\n\n"
        f"**{_answer(_medians(pyperf.BenchmarkSuite.load(str(path))))}**\n\n"
        f"[Table and raw data]({_NAME}/README.md). To repeat it: `{_COMMAND}`."
    )


def _medians(suite: pyperf.BenchmarkSuite) -> Medians:
    found = {}
    for benchmark in suite.get_benchmarks():
        each = [median(run.values) for run in benchmark.get_runs()]
        found[benchmark.get_name()] = (median(each), min(each), max(each))
    return found


def _micro(seconds: float) -> str:
    micro = seconds * 1e6
    return f"{micro:,.2f}" if micro < 10 else f"{micro:,.1f}" if micro < 1000 else f"{micro:,.0f}"


def _answer(found: Medians) -> str:
    stream = found["stream: interp: send in a loop"][0]
    trip = found["round trip: interp: ports"][0]
    bare = found["round trip: interp: a bare socketpair"][0]
    call = found["call: interp: Pool.run_sync"][0]
    executor = found["call: interp: InterpreterPoolExecutor"][0]
    return (
        f"Between two interpreters: {1 / stream:,.0f} small messages a second one way; a round "
        f"trip in {_micro(trip)} µs, where a bare socketpair takes {_micro(bare)}; a call in a "
        f"warm pool in {_micro(call)} µs, where InterpreterPoolExecutor takes {_micro(executor)}."
    )
