"""When one request in a hundred is slow, who else suffers?"""

import sys
from collections.abc import Mapping

from experiments import grid
from experiments.apps.mixed import slow_answer
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, says_hello, serving
from experiments.harness.data import FAILED, Data
from experiments.harness.load import Load
from experiments.harness.openloop import OTHERS_P50, OTHERS_P99, Mixed, OpenLoop
from experiments.harness.server import Server
from experiments.harness.study import Settings, Study
from experiments.harness.table import Table
from experiments.harness.verify import verify
from experiments.options import KINDS, MODES, WORKERS, kinds

_APP = "experiments.apps.mixed:asgi"
_FAST = OpenLoop(rate=990)
_SLOW = OpenLoop(rate=10, connections=16, path="/slow")
_LOADS: dict[str, Load] = {"calm": _FAST, "mixed": Mixed(first=_FAST, others=_SLOW)}


def _label(kind: str, workers: str | int, load: str) -> str:
    return f"{grid.label(kind, workers)} {load}"


def _check(server: Server) -> int:
    verify(server, slow_answer(), _SLOW.path)
    return says_hello(server)


def _configurations(settings: Settings) -> list[Configuration]:
    found = []
    for kind in settings["modes"]:
        mode, leg, options = KINDS[kind]
        for workers in settings["workers"]:
            for name, load in _LOADS.items():
                found.append(
                    serving(
                        _label(kind, workers, name),
                        _APP,
                        load,
                        mode=mode,
                        workers=int(workers),
                        leg=leg,
                        options=options,
                        check=_check,
                        facts={"kind": kind, "traffic": name},
                    )
                )
    return found


def _pairs(data: Data) -> list[tuple[str, str, str]]:
    """Each kind and number of workers, with slow requests beside without."""
    return [
        (f"{grid.label(kind, n)}: mixed / calm", _label(kind, n, "mixed"), _label(kind, n, "calm"))
        for kind in data.settings["modes"]
        for n in data.settings["workers"]
    ]


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (
        *(metrics.P50, metrics.P90, metrics.P99, metrics.P999, OTHERS_P50, OTHERS_P99),
        *(metrics.SERVER_CPUS, metrics.LAG),
    )
    return {
        "Latency of the fast requests": tables.overview(data, shown, facts=("python_version",)),
        "What slow requests do to the fast ones": tables.ratios(
            data, _pairs(data), [metrics.P50, metrics.P90, metrics.P99]
        ),
    }


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        f"{kind}, {grid.counted(workers)}": [
            Bar(
                f"{name}, {metric.heading.partition(',')[0]}",
                data.figure(label, metric),
                series=series,
                failed=data.missing(label),
            )
            for series, name in enumerate(_LOADS)
            for label in [_label(kind, workers, name)]
            for metric in (metrics.P90, metrics.P99)
        ]
        for kind in data.settings["modes"]
        for workers in data.settings["workers"]
    }
    title = "Latency of the fast requests, with slow ones beside them and without"
    return {"latency": charts.bars(title, groups, "latency of the fast requests, ms", digits=2)}


def _answer(data: Data) -> str:
    parts = []
    for workers in data.settings["workers"]:
        found = []
        for kind in data.settings["modes"]:
            labels = [_label(kind, workers, load) for load in _LOADS]
            calm, mixed = (data.figure(label, metrics.P90) for label in labels)
            if calm and mixed:
                found.append(f"{kind} {calm.text(1)} and {mixed.text(1)}")
            elif data.missing(*labels) == FAILED:
                found.append(f"{kind} failed")
        if found:
            parts.append(f"{grid.counted(workers)}: {', '.join(found)}")
    if not parts:
        return "No kind of worker was measured with slow requests and without."
    return f"p90 of the fast requests in ms, without slow ones and with them; {'; '.join(parts)}."


STUDY = Study(
    name="mixed",
    title="One slow request in a hundred",
    question=(
        "When one request in a hundred computes for twenty milliseconds, who else suffers? A "
        "thousand requests a second come at a fixed rate; ten of them are slow ones, on "
        "connections of their own. The latencies are those of the other 990, with and without the "
        "slow ones: of each kind of worker, alone and with a second one that could serve meanwhile."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "The slow handler blocks its worker's loop, which an ASGI application should not do: that "
        "is the case to be shown. A connection stays with its worker, and its requests wait.",
        "Threads under one GIL give it up after the switch interval, 5 ms, each time that they are "
        "asked to.",
        "A launch has fifty slow requests: their p99 is the longest of them.",
        "Two clients run at once; they begin within a few hundredths of a second of each other.",
    ),
    options=(kinds(*MODES), WORKERS),
    control=_label("interp", 2, "mixed"),
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=5),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
