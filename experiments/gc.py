"""How long does garbage collection stop workers, and what does it take from them?"""

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.apps.garbage import DONE
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers, serving
from experiments.harness.data import Data
from experiments.harness.interpreters import FREE_THREADED
from experiments.harness.metrics import Metric
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.workers import states
from experiments.harness.wrk import Wrk

_APP = "experiments.apps.garbage:native"
_LOAD = Wrk(connections=16)
_WORKERS = 2

_STOPPED = Metric("share of time in GC", "integer", "time in GC, %", 100, 2)
_COLLECTIONS = Metric("collections per second", "integer", "collections/s", digits=1)
_PAUSE_MEDIAN = Metric("GC pause, median", "second", "median pause, ms", 1e3, 3)
_PAUSE_LONGEST = Metric("GC pause, longest", "second", "longest pause, ms", 1e3, 2)

_MODES = ("interp", "nogil", "thread", "process")
_GIL_LEGS = ("3.13", "3.14", "3.15")


@dataclass(slots=True)
class _Pauses:
    """Asks a server's collectors for their pauses, and takes those since it asked before.

    Each isolate that shares nothing has a collector of its own; threads share one, which stops
    them all.
    """

    seconds: int
    _seen: dict[tuple[int, int], int] = field(default_factory=dict)

    def __call__(self, server: Server) -> Mapping[Metric, float]:
        collectors: dict[tuple[int, int], list[float]] = {}
        for state in states(server, _WORKERS):
            key = (state["pid"], state["interpreter"])
            collectors[key] = max(collectors.get(key, []), state["pauses"], key=len)
        pauses = []
        for key, each in collectors.items():
            pauses += each[self._seen.get(key, 0) :]
            self._seen[key] = len(each)
        if not pauses:
            return {}
        return {
            _STOPPED: sum(pauses) / len(collectors) / self.seconds,
            _COLLECTIONS: len(pauses) / len(collectors) / self.seconds,
            _PAUSE_MEDIAN: statistics.median(pauses),
            _PAUSE_LONGEST: max(pauses),
        }


def _legs(settings: Settings, mode: str) -> list[str]:
    return [FREE_THREADED] if mode == "nogil" else settings["legs"]


def _label(mode: str, leg: str) -> str:
    return f"{mode} {leg}"


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        serving(
            _label(mode, leg),
            _APP,
            _LOAD,
            mode=mode,
            workers=_WORKERS,
            leg=leg,
            check=answers(DONE),
            observe=_Pauses(settings["seconds"]),
            facts={"leg": leg},
        )
        for mode in settings["modes"]
        for leg in _legs(settings, mode)
    ]


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (
        *(metrics.RATE, metrics.CPU, _STOPPED, _COLLECTIONS, _PAUSE_MEDIAN, _PAUSE_LONGEST),
        metrics.LATENCY_MAX,
    )
    legs = data.settings["legs"]
    versions = [
        (f"{mode}: {leg} / {legs[0]}", _label(mode, leg), _label(mode, legs[0]))
        for mode in data.settings["modes"]
        if mode != "nogil"
        for leg in legs[1:]
    ]
    modes = [
        (f"{leg}: {mode} / process", _label(mode, leg), _label("process", leg))
        for leg in legs
        for mode in data.settings["modes"]
        if mode not in ("nogil", "process") and "process" in data.settings["modes"]
    ]
    return {
        "Throughput and pauses": tables.overview(data, shown, facts=("python_version",)),
        "Versions and modes beside each other": tables.ratios(
            data, [*versions, *modes], [metrics.RATE, _PAUSE_LONGEST]
        ),
    }


def _plots(data: Data) -> Mapping[str, str]:
    def drawn(title: str, metric: Metric, digits: int) -> str:
        groups = {
            mode: [
                Bar(
                    data.python(label) or leg,
                    data.figure(label, metric),
                    failed=data.missing(label),
                )
                for leg in _legs(data.settings, mode)
                for label in [_label(mode, leg)]
            ]
            for mode in data.settings["modes"]
        }
        return charts.bars(title, groups, metric.heading, digits=digits)

    return {
        "pause": drawn("The longest stop for garbage collection", _PAUSE_LONGEST, 1),
        "rate": drawn("Requests/s of a handler that makes garbage", metrics.RATE, 0),
    }


def _answer(data: Data) -> str:
    found = [
        f"{mode} {data.python(label)} {longest.text(1)} ms and {stopped.text(1)} %"
        for mode in data.settings["modes"]
        for leg in _legs(data.settings, mode)
        for label in [_label(mode, leg)]
        if (longest := data.figure(label, _PAUSE_LONGEST))
        and (stopped := data.figure(label, _STOPPED))
    ]
    if not found:
        return "No collection was measured in this run."
    return f"The longest pause, and the share of time spent in collections: {'; '.join(found)}."


STUDY = Study(
    name="gc",
    title="Garbage collection",
    question=(
        "How long does garbage collection stop workers, and what does it take from them? A handler "
        "that makes two hundred objects in cycles for each request, keeps twenty for a while, and "
        "stands on a heap of two hundred thousand; two workers. Isolates collect each for itself "
        "and stop alone; threads have one collector, which stops them all. Pauses are timed inside "
        "the workers, by `gc.callbacks`."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "Threads have the heap once, interpreters and processes each for itself.",
        "Where workers outnumber free CPUs, a pause includes the time in which its thread waited "
        "for a CPU, and in thread mode for the GIL.",
        "Collectors differ by version and by build; thresholds are those that each comes with.",
    ),
    options=(
        Option("modes", "kinds of worker", _MODES, _MODES),
        Option("legs", "builds with a GIL", _GIL_LEGS, _GIL_LEGS),
    ),
    control=_label("interp", "3.14"),
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=3),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
