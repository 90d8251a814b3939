"""What do forked workers share with each other, and how much of it is left after traffic?"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.harness import charts, figures, tables
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, says_hello, serving
from experiments.harness.counted import Counted
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.metrics import Metric
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.verify import WrongAnswerError
from experiments.memory import APPS
from experiments.options import KINDS
from subsrv.bench import processes
from subsrv.bench.processes import Memory

_KINDS = ("process", "process-fork")
_HOW = {"process": "spawned", "process-fork": "forked"}
_WORKERS = 2
_LOAD = Counted(count=4000)
_EACH = _LOAD.count // _WORKERS

_USS = Metric("USS of a worker", "byte", "a worker's USS, MB", 1e-6)
_PSS = Metric("PSS of a worker", "byte", "a worker's PSS, MB", 1e-6)
_USS_READY = Metric("USS of a worker when ready", "byte", "a worker's USS when ready, MB", 1e-6)
_PSS_READY = Metric("PSS of a worker when ready", "byte", "a worker's PSS when ready, MB", 1e-6)


def _workers(server: Server) -> Memory:
    """The mean of the worker processes, without their supervisor. WrongAnswerError if some lack."""
    pids = [pid for pid in processes.tree(server.pid) if pid != server.pid]
    if len(pids) != _WORKERS:
        raise WrongAnswerError(f"{len(pids)} worker processes instead of {_WORKERS}")
    found = [processes.memory(pid) for pid in pids]
    return Memory(
        sum(each.pss for each in found) // _WORKERS, sum(each.uss for each in found) // _WORKERS
    )


@dataclass(slots=True)
class _Look:
    """Looks at the workers when they are ready, which each launch's first check is, and later."""

    _ready: dict[int, Memory] = field(default_factory=dict)

    def check(self, server: Server) -> int:
        size = says_hello(server)
        self._ready.setdefault(server.pid, _workers(server))
        return size

    def observe(self, server: Server) -> Mapping[Metric, float]:
        ready, now = self._ready[server.pid], _workers(server)
        return {
            _USS_READY: ready.uss,
            _PSS_READY: ready.pss,
            _USS: now.uss,
            _PSS: now.pss,
        }


def _configuration(app: str, kind: str) -> Configuration:
    mode, leg, options = KINDS[kind]
    look = _Look()
    return serving(
        f"{app} {kind}",
        APPS[app],
        _LOAD,
        mode=mode,
        workers=_WORKERS,
        leg=leg,
        options=options,
        stateful=False,
        check=look.check,
        observe=look.observe,
        facts={"app": app, "kind": kind},
    )


def _configurations(settings: Settings) -> list[Configuration]:
    return [_configuration(app, kind) for app in settings["apps"] for kind in settings["modes"]]


def _course(data: Data, label: str, ready: Metric, later: Metric) -> list[Figure]:
    """A worker's memory when ready, and after each part of the load."""
    first = data.figure(label, ready)
    return [first, *data.positions(label, later)] if first else []


def _tables(data: Data) -> Mapping[str, Table | str]:
    found: dict[str, Table | str] = {}
    for title, ready, later in (
        ("Private memory of a worker (USS), MB, by its requests", _USS_READY, _USS),
        ("With its share of what is common (PSS), MB, by its requests", _PSS_READY, _PSS),
    ):
        courses = {label: _course(data, label, ready, later) for label in data.labels}
        parts = max([2, *map(len, courses.values())]) - 1
        rows = []
        for label, course in courses.items():
            cells = [each.text(2) for each in course] or [data.missing(label), *("",) * parts]
            rows.append((label, str(data.launches([label])), *cells))
        after = (f"after {_EACH * part:,}" for part in range(1, parts + 1))
        found[title] = Table(("configuration", "n", "when ready", *after), rows)
    found["Every configuration"] = tables.overview(
        data, (_USS_READY, _USS, _PSS_READY, _PSS), facts=("python_version",)
    )
    return found


def _plots(data: Data) -> Mapping[str, str]:
    series = {}
    for label in data.labels:
        course = _course(data, label, _USS_READY, _USS)
        shown = label if course else f"{label}: {data.missing(label)}"
        series[shown] = [(float(_EACH * at), figure) for at, figure in enumerate(course)]
    return {
        "private": charts.lines(
            "Private memory of a worker, by its requests",
            series,
            x_axis="requests that each worker has answered, about",
            y_axis="USS, MB",
        )
    }


def _grown(data: Data, label: str) -> Figure | None:
    """MB of private memory that a worker has gained since it was ready."""
    return figures.difference(data.values(label, _USS, at=-1), data.values(label, _USS_READY, at=0))


def _answer(data: Data) -> str:
    found = []
    for app in data.settings["apps"]:
        said = []
        for kind in reversed(_KINDS):
            label = f"{app} {kind}"
            ready, grown = data.figure(label, _USS_READY), _grown(data, label)
            if ready and grown:
                said.append(f"{_HOW[kind]} {ready.text(1)} and {grown.text(1)} more")
            elif data.failure(label):
                said.append(f"{_HOW[kind]} failed")
        if said:
            found.append(f"{app} {', '.join(said)}")
    if not found:
        return "Neither forked nor spawned workers were measured in this run."
    requests = _EACH * int(data.settings["values"])
    return (
        f"MB of a worker's private memory when ready, and what {requests:,} requests add: "
        f"{'; '.join(found)}."
    )


STUDY = Study(
    name="forks",
    title="What forked workers share",
    question=(
        "How much less of its own does a forked worker have than a spawned one, and how fast does "
        "it lose that? After a fork all pages are common; each that a worker writes to, if only "
        "to count references, is copied. Memory of two worker processes, without their "
        f"supervisor, when they are ready and after every {_LOAD.count:,} requests to both. What "
        "spawned workers grow by is no copying: that is the application's own."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "subsrv forks before the application is loaded, so what is common is Python and subsrv; "
        "each worker freezes what start-up made (`gc.freeze`), so that collections write to less "
        "of it.",
        "`process` is spawned, `process-fork` is forked.",
        "MB are 10^6 bytes; PSS divides a page by the processes that have it, the supervisor too.",
    ),
    options=(
        Option("apps", "applications", tuple(APPS), tuple(APPS)),
        Option("modes", "how workers are started", _KINDS, _KINDS),
    ),
    control=f"hello {_KINDS[-1]}",
    controlled=(_USS_READY, _USS, _PSS_READY, _PSS),
    rounds=5,
    timing=Timing(warm_up=0, values=5, seconds=1),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
