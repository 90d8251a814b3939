"""The page of what messages between isolates cost, made from the newest raw data."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pyperf  # type: ignore[import-untyped]

from experiments.harness import charts, figures, publish
from experiments.harness.charts import Bar
from experiments.harness.figures import Figure
from experiments.harness.pages import targets_table
from experiments.harness.study import Target
from experiments.harness.table import Table
from experiments.isolates import offload
from experiments.isolates.cases import CASES

_NAME = "isolates"
_TITLE = "Messages between isolates"
_NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"
_QUESTION = (
    "What do a message, a round trip, ten megabytes and a call in a warm pool cost between "
    "isolates of each kind, beside what else Python has for it? A stream is timed from the "
    "sender's first message to the receiver's last. Threads share what they "
    "send; all others copy it."
)
_COMMAND = "python -m experiments.isolates"
_WHERE_TIME_GOES = (
    "A round trip is two wake-ups, each of a CPU that has gone idle: of a port's round trip, "
    "{share:.0%} is what a bare socketpair for each direction takes. One pair of streams for both "
    "directions saves part of the waking: when its message is taken, Linux tells the sender that "
    "there is room, by the queue in which that one waits for the answer already, so its CPU is "
    "awake before the answer comes. A socketpair of packets, as ports are, wakes its users only "
    "for what they wait for. Nothing here spins to stay awake: a waiting isolate uses no CPU.\n\n"
    "The worker, its clients and the isolates that work for it share these {cpus} CPUs: what a "
    "request costs the worker and its client is not there for the isolates. A hello that comes "
    "while all are busy waits for its turn, up to the three or four milliseconds that Linux leaves "
    "to whoever computes; isolates of low priority (`Pool(2, nice=19)`) make room for it at once."
)

type Values = dict[str, list[float]]


def made(results: Path) -> dict[Path, str]:
    """The page and its plot by their files; nothing where nothing has been measured."""
    path = publish.newest(results, _NAME)
    if path is None:
        return {}
    suite = pyperf.BenchmarkSuite.load(str(path))
    found = _values(suite)
    about = suite.get_benchmarks()[0].get_runs()[0].get_metadata()
    share = _middle(found, "round trip: interp: a bare socketpair each way") / _middle(
        found, "round trip: interp: ports"
    )
    parts = [
        _NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(found)}**",
        f"![{_TITLE}: cost](cost.svg)",
        Table(
            ("what", "isolation", "by", "n", "µs", "a second"), list(_rows(found)), labels=3
        ).markdown(),
        "## Targets",
        targets_table(_targets(found)).markdown(),
        "## Where the time goes",
        _WHERE_TIME_GOES.format(share=share, cpus=about["cpu_count"]),
        "## Where and with what",
        "Each of the n values is the median of a process; cases take turns in a shuffled order. "
        f"Medians, with 95 % intervals. CPython {about['python_version']}, {about['cpu_count']} "
        f"CPUs ({about['cpu_model_name']}).",
        f"Begun {about['begun']} at commit {about['subsrv_commit']}. To repeat it: `{_COMMAND}`. "
        f"Raw data: [{path.name}]({path.name})",
    ]
    folder = results / _NAME
    return {folder / "README.md": "\n\n".join(parts) + "\n", folder / "cost.svg": _plot(found)}


def section(results: Path) -> str:
    """What the index says of the study."""
    return publish.section(
        results,
        _NAME,
        title=_TITLE,
        question=_QUESTION,
        command=_COMMAND,
        answer=lambda path: _answer(_values(pyperf.BenchmarkSuite.load(str(path)))),
        shown=f"![{_TITLE}: cost]({_NAME}/cost.svg)\n\n[Table and raw data]",
    )


def _values(suite: pyperf.BenchmarkSuite) -> Values:
    return {
        benchmark.get_name(): [median(run.values) for run in benchmark.get_runs()]
        for benchmark in suite.get_benchmarks()
    }


def _middle(found: Values, name: str) -> float:
    return median(found[name])


def _micro(found: Values, name: str) -> Figure | None:
    return figures.figure([value * 1e6 for value in found.get(name, ())])


def _rows(found: Values) -> Iterator[tuple[str, ...]]:
    for metric, peers in CASES.items():
        for peer in sorted(peers, key=_isolation):
            if figure := _micro(found, f"{metric}: {peer}"):
                digits = 2 if figure.value < 10 else 1 if figure.value < 1000 else 0
                rate = "" if metric == offload.BESIDE else f"{1e6 / figure.value:,.0f}"
                row = *peer.split(": ", 1), str(figure.n), figure.text(digits), rate
                yield (metric, *row)


def _isolation(peer: str) -> int:
    return ("interp", "thread", "process", "Dart").index(peer.partition(":")[0])


def _plot(found: Values) -> str:
    groups = {
        metric: [
            Bar(peer, figure)
            for peer in sorted(CASES[metric], key=_isolation)
            # What polls would leave the others no room.
            if (figure := _micro(found, f"{metric}: {peer}")) and figure.value < 1000
        ]
        for metric in ("round trip", "call")
    }
    return charts.bars("There and back", groups, "µs", digits=1)


def _answer(found: Values) -> str:
    stream = 1 / _middle(found, "stream of int: interp: send in a loop")
    names = {
        "a round trip in {} µs, where bare socketpairs take {}": (
            "round trip: interp: ports",
            "round trip: interp: a bare socketpair each way",
        ),
        "a Transferable of 10 MB there and back in {} µs, of 10 bytes in {}": (
            "round trip of 10 MB: interp: Transferable, 10 MB",
            "round trip of 10 MB: interp: Transferable, 10 bytes",
        ),
        "a call in a warm pool in {} µs, where InterpreterPoolExecutor takes {}": (
            "call: interp: Pool.run_sync",
            "call: interp: InterpreterPoolExecutor",
        ),
    }
    said = [
        text.format(*(f"{_middle(found, name) * 1e6:,.0f}" for name in pair))
        for text, pair in names.items()
    ]
    said.insert(0, f"{stream:,.0f} small messages a second one way")
    return f"Between two interpreters: {'; '.join(said)}."


def _targets(found: Values) -> list[Target]:
    def ratio(above: str, below: str) -> float | None:
        compared = figures.ratio(found.get(above, ()), found.get(below, ()))
        return compared.value if compared else None

    stream, trip = "stream of int: interp: send in a loop", "round trip: interp: ports"
    large = "round trip of 10 MB: interp: Transferable, 10"
    work, beside = f"{offload.CALLS}: interp: in", f"{offload.BESIDE}: interp:"
    rivals = [
        Target(f"{each}, {kind}, the best peer x ours", _rival(found, each, kind), 1.0, least=True)
        for each in CASES
        if each.startswith("stream")
        for kind in ("interp", "process")
    ]
    return [
        Target(
            "stream between interpreters, million a second",
            1e-6 / _middle(found, stream),
            0.5,
            least=True,
        ),
        *rivals,
        Target(
            "round trip, ports x a bare socketpair each way",
            ratio(trip, "round trip: interp: a bare socketpair each way"),
            1.0,
        ),
        Target(
            "round trip, ports x one bare socketpair of packets",
            ratio(trip, "round trip: interp: a bare socketpair of packets"),
            1.0,
        ),
        Target(
            "round trip, ports x one bare socketpair of streams",
            ratio(trip, "round trip: interp: a bare socketpair"),
            1.0,
        ),
        Target("Transferable, 10 MB x 10 bytes", ratio(f"{large} MB", f"{large} bytes"), 1.1),
        Target(
            "call, Pool x InterpreterPoolExecutor",
            ratio("call: interp: Pool.run_sync", "call: interp: InterpreterPoolExecutor"),
            0.5,
        ),
        Target(
            "call, Pool of processes x ProcessPoolExecutor",
            ratio("call: process: Pool.run_sync", "call: process: ProcessPoolExecutor"),
            0.5,
        ),
        Target(
            "work of one worker, two isolates x the worker itself, in speed",
            ratio(f"{work} the worker itself", f"{work} two isolates"),
            1.9,
            least=True,
        ),
        Target(
            "the same with two isolates of low priority",
            ratio(f"{work} the worker itself", f"{work} two isolates of low priority"),
            1.9,
            least=True,
        ),
        Target(
            "p99 of a hello, while two isolates work x nothing else",
            ratio(f"{beside} while two isolates work", f"{beside} nothing else"),
            1.5,
        ),
        Target(
            "the same with two isolates of low priority, p99",
            ratio(f"{beside} while two isolates of low priority work", f"{beside} nothing else"),
            1.5,
        ),
    ]


def _rival(found: Values, metric: str, kind: str) -> float | None:
    ours = f"{metric}: {kind}: send in a loop"
    others = [
        median(values)
        for name, values in found.items()
        if name.startswith(f"{metric}: {kind}: ") and "send" not in name
    ]
    return min(others) / _middle(found, ours) if others and ours in found else None
