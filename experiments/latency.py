"""How long do requests take at fixed rates, in each kind of worker?"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from experiments import grid
from experiments.apps.cpu import answer as work_done
from experiments.harness import charts, metrics, tables
from experiments.harness.command import main
from experiments.harness.configuration import (
    Configuration,
    Timing,
    answers,
    says_hello,
    serving,
)
from experiments.harness.data import Data
from experiments.harness.metrics import Metric
from experiments.harness.openloop import OpenLoop
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.options import KINDS, MODES, kinds


@dataclass(frozen=True, slots=True)
class _Traffic:
    """What is asked for, and how often: at the highest rate two cores are a third busy."""

    what: str
    app: str
    check: Callable[[Server], int | None]
    stateful: bool
    rates: tuple[int, ...]


_TRAFFIC = {
    "work": _Traffic(
        "half a millisecond of Python",
        "experiments.apps.cpu:asgi",
        answers(work_done()),
        False,
        (125, 250, 500),
    ),
    "hello": _Traffic(
        "a hello", "experiments.apps.hello:asgi", says_hello, True, (1000, 2000, 4000)
    ),
}
_PERCENTILES = (metrics.P50, metrics.P90, metrics.P99, metrics.P999)


def _label(traffic: str, kind: str, rate: int) -> str:
    return f"{traffic} {kind} {rate}/s"


def _configurations(settings: Settings) -> list[Configuration]:
    found = []
    for name in settings["traffic"]:
        traffic = _TRAFFIC[name]
        for kind in settings["modes"]:
            mode, leg, options = KINDS[kind]
            for rate in traffic.rates:
                found.append(
                    serving(
                        _label(name, kind, rate),
                        traffic.app,
                        OpenLoop(rate=rate),
                        mode=mode,
                        workers=int(settings["workers"][0]),
                        leg=leg,
                        options=options,
                        stateful=traffic.stateful,
                        check=traffic.check,
                        facts={"traffic": name, "kind": kind, "rate": rate},
                    )
                )
    return found


def _title(name: str) -> str:
    what = _TRAFFIC[name].what
    return what[0].upper() + what[1:]


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (*_PERCENTILES, metrics.LATENCY_MAX, metrics.LAG, metrics.SERVER_CPUS, metrics.CLIENT)
    found: dict[str, Table | str] = {
        _title(name): tables.overview(
            data, shown, facts=("python_version",), labels=data.where(traffic=name)
        )
        for name in data.settings["traffic"]
    }
    pairs = [
        (
            f"{_label(name, kind, rate)}: {kind} / process",
            _label(name, kind, rate),
            _label(name, "process", rate),
        )
        for name in data.settings["traffic"]
        for kind in data.settings["modes"]
        if kind != "process" and "process" in data.settings["modes"]
        for rate in _TRAFFIC[name].rates[-1:]
    ]
    found["Modes beside processes, at the highest rate"] = tables.ratios(
        data, pairs, [metrics.P50, metrics.P99]
    )
    return found


def _plots(data: Data) -> Mapping[str, str]:
    return {name: _curve(data, name) for name in data.settings["traffic"]}


def _curve(data: Data, name: str) -> str:
    """Percentiles at the highest rate, a line for each kind of worker."""
    rate = _TRAFFIC[name].rates[-1]
    series = {}
    for kind in data.settings["modes"]:
        figures = [data.figure(_label(name, kind, rate), each) for each in _PERCENTILES]
        points = [(float(at), figure) for at, figure in enumerate(figures) if figure]
        shown = kind if points else f"{kind}: {data.missing(_label(name, kind, rate))}"
        series[shown] = points
    return charts.lines(
        f"Latency of {_TRAFFIC[name].what} at {rate} requests/s",
        series,
        x_axis=f"percentile of latency, {_TRAFFIC[name].what} at {rate:,} requests/s",
        y_axis="ms",
        logarithmic=True,
        x_names=dict(enumerate(_bare(each) for each in _PERCENTILES)),
    )


def _bare(metric: Metric) -> str:
    return metric.heading.partition(",")[0]


def _answer(data: Data) -> str:
    parts = []
    for name in data.settings["traffic"]:
        rate = _TRAFFIC[name].rates[-1]
        found = []
        for kind in data.settings["modes"]:
            label = _label(name, kind, rate)
            half, tail = (data.figure(label, metric) for metric in (metrics.P50, metrics.P99))
            if half and tail:
                found.append(f"{kind} {half.text(2)} and {tail.text(2)}")
            elif data.failure(label):
                found.append(f"{kind} failed")
        if found:
            parts.append(f"{_TRAFFIC[name].what} at {rate:,}/s: {', '.join(found)}")
    if not parts:
        return "The highest rate was not measured in this run."
    workers = grid.counted(data.settings["workers"][0])
    return f"p50 and p99 in ms, {workers}; {'; '.join(parts)}."


STUDY = Study(
    name="latency",
    title="Latency at fixed rates",
    question=(
        "How long do requests take, in each kind of worker, when they come at a fixed rate? The "
        "client does not wait for answers before it sends the next request, and times each from "
        "the moment at which it was due: a stall counts in all that it delays. (A closed loop, "
        "such as wrk's, asks nothing of a server that stalls, and so leaves out what hurts.) Two "
        "workers, 64 connections, rates that leave the machine time to spare."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "A percentile is taken in each launch; at 125 requests/s for 5 s, p99.9 is the longest of "
        "them.",
        "What the client itself was late by is in the latencies: its own 99th percentile stands "
        "beside them.",
        "A/A is that of work at its highest rate, where queues make the most of any disturbance: a "
        "hello may differ by less, and yet not be clear of it.",
        "Threads under one GIL have one CPU between them: where their server CPUs come near 1, it "
        "is a queue that is measured.",
        "The free-threaded build is another version of CPython than the one with a GIL.",
    ),
    options=(
        Option("traffic", "what is asked for", tuple(_TRAFFIC), tuple(_TRAFFIC)),
        kinds(*MODES),
        Option("workers", "number of workers", ("2",)),
    ),
    control=_label("work", "interp", _TRAFFIC["work"].rates[-1]),
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=5),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
