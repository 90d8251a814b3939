"""Do more workers do more work?"""

import sys
from collections.abc import Mapping, Sequence

from experiments import grid
from experiments.apps.cpu import answer as body
from experiments.harness import metrics, tables
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers
from experiments.harness.data import Data
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import INTERFACES, MODES, WORKERS, kinds

# Enough that no worker waits for the client, few enough that the client costs next to nothing.
_CONNECTIONS = 8  # for each worker, where there are most
#: What a worker must bring of a single one's work.
_LIMITS = {"interp": 0.95, "process": 0.95, "nogil": 0.9}


def _configurations(settings: Settings) -> list[Configuration]:
    served = f"experiments.apps.cpu:{settings['interface'][0]}"
    load = Wrk(connections=_CONNECTIONS * max(2, grid.most(settings)))
    return grid.configurations(settings, served, load, check=answers(body()))


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.RATE, metrics.CPU, metrics.SERVER_CPUS, metrics.BUSIEST, metrics.CLIENT)
    return {
        "Requests a second of each mode": tables.overview(data, shown, facts=("python_version",)),
        "What more workers gain": tables.ratios(data, grid.pairs(data), [metrics.RATE]),
    }


def _plots(data: Data) -> Mapping[str, str]:
    title = "Half a millisecond of Python a request: requests/s by mode and workers"
    return {**grid.curves(data), "rate": grid.bars(data, title, metrics.RATE)}


def _answer(data: Data) -> str:
    def gain(many: str, one: str) -> str:
        ratio = data.ratio(many, one, metrics.RATE)
        return ratio.text(2) if ratio else ""

    most = grid.most(data.settings)
    gains = grid.beside_one(data, gain)
    if not gains:
        return "One worker beside more was not measured in this run."
    busy = [
        f"{kind} {used.text(1)}"
        for kind in data.settings["modes"]
        if (used := data.figure(grid.label(kind, most), metrics.SERVER_CPUS))
    ]
    said = f"{most} workers do this many times the work of one: {', '.join(gains)}."
    return f"{said} CPUs that they kept busy: {', '.join(busy)}." if busy else said


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for kind, share in _LIMITS.items():
        if kind not in data.settings["modes"]:
            continue
        for workers in grid.aimed(data.settings):
            ratio = data.ratio(grid.label(kind, workers), grid.label(kind, 1), metrics.RATE)
            name = f"{kind}, {workers} workers x 1"
            found.append(Target(name, ratio, share * workers, least=True))
    return found


STUDY = Study(
    name="scaling",
    title="More workers on CPU-bound work",
    question=(
        "Do two workers do twice the work of one, and more of them more? A handler of about half a "
        "millisecond of pure Python, in each kind of worker, under eight connections a worker, 16 "
        "at least: the client takes a few hundredths of a CPU, so that what is measured is whether "
        "the workers run at the same time."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "Threads under one GIL are the baseline: they are expected to gain nothing.",
        "The free-threaded build is another version of CPython: compare its gain, not its rate.",
        "CPUs of a machine that others use too are not equally fast, nor as fast with all of them "
        "busy as with one: where the workers kept their CPUs busy, the rest is in the CPU that a "
        "request took.",
    ),
    options=(
        kinds(*MODES),
        WORKERS,
        Option("interface", "how the handler is called", ("native",), INTERFACES),
    ),
    control="interp 1",
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=3),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
