"""What memory does one more worker take?"""

import sys
from collections.abc import Mapping, Sequence

from experiments import grid
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import TWIN, Configuration, Timing
from experiments.harness.data import NOT_MEASURED, Data
from experiments.harness.figures import Figure
from experiments.harness.metrics import Metric
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import kinds

#: What is served, from bare to the most that is imported.
APPS = {
    "hello": "subsrv.hello:native",
    "flask": "experiments.apps.flask_app:app",
    "django": "experiments.apps.django_app:app",
    "starlette": "experiments.apps.starlette_app:app",
}
_LOAD = Wrk(connections=64)
_LIMIT = 12.0  # MB for the second interp worker with hello
_MOMENTS = {"when ready": metrics.PSS_READY, "after traffic": metrics.PSS}


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        each
        for app in settings["apps"]
        for each in grid.configurations(settings, APPS[app], _LOAD, app=app)
    ]


def _added(data: Data, app: str, kind: str, worker: int, metric: Metric) -> Figure | None:
    """MB that the worker of this number adds."""
    more, fewer = grid.label(kind, worker, app), grid.label(kind, worker - 1, app)
    return data.difference(more, fewer, metric)


def _adds(data: Data, app: str, kind: str, worker: int, metric: Metric) -> str:
    """The same for a table."""
    digits = 2 if metric is metrics.READY else 1
    if added := _added(data, app, kind, worker, metric):
        return added.text(digits)
    return data.missing(grid.label(kind, worker, app), grid.label(kind, worker - 1, app))


def _noise(data: Data) -> str:
    """What the same launched twice differs by: the A/A of differences."""
    label = data.controlled
    shown = ((metrics.PSS_READY, 1), (metrics.USS_READY, 1), (metrics.PSS, 1), (metrics.READY, 2))
    found = [
        f"{metric.heading} {difference.text(digits)}"
        for metric, digits in shown
        if (difference := data.difference(label + TWIN, label, metric))
    ]
    if not found:
        return "Nothing was launched twice."
    return f"`{label}`, launched under two labels, differs from itself by: {'; '.join(found)}."


def _tables(data: Data) -> Mapping[str, Table | str]:
    rows = []
    for app in data.settings["apps"]:
        for kind in data.settings["modes"]:
            one = grid.label(kind, 1, app)
            alone = ((metrics.PSS_READY, 1), (metrics.READY, 2))
            memory, start = (
                figure.text(digits) if (figure := data.figure(one, metric)) else data.missing(one)
                for metric, digits in alone
            )
            added = (
                _adds(data, app, kind, worker, metric)
                for worker, metric in (
                    (2, metrics.PSS_READY),
                    (2, metrics.USS_READY),
                    (2, metrics.PSS),
                    (3, metrics.PSS),
                )
            )
            second = _adds(data, app, kind, 2, metrics.READY)
            n = str(data.launches([one]))
            rows.append((app, kind, n, memory, *added, start, second))
    heading = (
        *("app", "mode", "n", "one worker: PSS, MB", "second adds: PSS, MB", "USS, MB"),
        *("second adds, after traffic: PSS, MB", "third adds, after traffic: PSS, MB"),
        *("one worker: first answer after, s", "second adds, s"),
    )
    shown = (metrics.PSS_READY, metrics.USS_READY, metrics.PSS, metrics.USS, metrics.READY)
    return {
        "What workers add": Table(heading, rows, labels=2),
        "A/A of these differences": _noise(data),
        "Every configuration": tables.overview(data, shown, facts=("python_version",)),
    }


def _plots(data: Data) -> Mapping[str, str]:
    found = {}
    for number, app in enumerate(data.settings["apps"]):
        drawn = grid.bars(data, f"Memory of {app} by mode and workers", metrics.PSS, apps=(app,))
        found[f"memory-{app}" if number else "memory"] = drawn
    starts = {
        app: [
            Bar(kind, data.figure(label, metrics.READY), failed=data.missing(label))
            for kind in data.settings["modes"]
            for label in [grid.label(kind, 1, app)]
        ]
        for app in data.settings["apps"]
    }
    title = "From launch to the first answer, one worker"
    return {**found, "start": charts.bars(title, starts, metrics.READY.heading, digits=2)}


def _answer(data: Data) -> str:
    parts = []
    for app in data.settings["apps"]:
        found = [
            f"{kind} {added}"
            for kind in data.settings["modes"]
            if (added := _adds(data, app, kind, 2, metrics.PSS_READY)) != NOT_MEASURED
        ]
        if found:
            parts.append(f"with {app}: {', '.join(found)}")
    if not parts:
        return "One worker beside two was not measured in this run."
    return f"MB of PSS that a second worker adds, {'; '.join(parts)}."


def _targets(data: Data) -> Sequence[Target]:
    if "hello" not in data.settings["apps"] or "interp" not in data.settings["modes"]:
        return []
    found = []
    for moment, metric in _MOMENTS.items():
        added = _added(data, "hello", "interp", 2, metric)
        name = f"interp, hello, MB that the second worker adds, {moment}"
        found.append(Target(name, added, _LIMIT, digits=1))
    return found


STUDY = Study(
    name="memory",
    title="Memory and start-up of one more worker",
    question=(
        "What does one more worker take, in memory and in time to the first answer? PSS divides "
        "what processes share among them, USS leaves it out; both are of the server's whole "
        "process tree, when it is ready and after traffic, by which copies on write have been made."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "MB are 10^6 bytes. Differences pair launches of one round, which are different processes.",
        "In nogil and thread mode the application is loaded once, in the others in each worker.",
    ),
    options=(
        Option("apps", "applications", tuple(APPS), tuple(APPS)),
        kinds("interp", "nogil", "thread", "process", "process-fork"),
        Option("workers", "numbers of workers, in a row from 1", ("1", "2", "3")),
    ),
    control="hello interp 1",
    rounds=5,
    timing=Timing(warm_up=0, values=1, seconds=1),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
