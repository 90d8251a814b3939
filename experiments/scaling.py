"""Do two workers do twice the work of one?"""

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
_LOAD = Wrk(connections=16)
_LIMITS = {"interp": 1.9, "process": 1.9, "nogil": 1.8}


def _configurations(settings: Settings) -> list[Configuration]:
    served = f"experiments.apps.cpu:{settings['interface'][0]}"
    return grid.configurations(settings, served, _LOAD, check=answers(body()))


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.RATE, metrics.CPU, metrics.SERVER_CPUS, metrics.BUSIEST, metrics.CLIENT)
    return {
        "Requests a second of each mode": tables.overview(data, shown, facts=("python_version",)),
        "What more workers gain": tables.ratios(data, grid.pairs(data), [metrics.RATE]),
    }


def _plots(data: Data) -> Mapping[str, str]:
    title = "Half a millisecond of Python a request: requests/s by mode and workers"
    return {"rate": grid.bars(data, title, metrics.RATE)}


def _answer(data: Data) -> str:
    gains = [
        f"{kind} {ratio.text(2)}"
        for kind in data.settings["modes"]
        if (ratio := data.ratio(grid.label(kind, 2), grid.label(kind, 1), metrics.RATE))
    ]
    if not gains:
        return "One worker beside two was not measured in this run."
    return f"Two workers do this many times the work of one: {', '.join(gains)}."


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for kind, limit in _LIMITS.items():
        if kind in data.settings["modes"]:
            ratio = data.ratio(grid.label(kind, 2), grid.label(kind, 1), metrics.RATE)
            found.append(Target(f"{kind}, 2 workers x 1", ratio, limit, least=True))
    return found


STUDY = Study(
    name="scaling",
    title="Two workers on CPU-bound work",
    question=(
        "Do two workers do twice the work of one? A handler of about half a millisecond of pure "
        "Python, in each kind of worker, under 16 connections: the client takes a few hundredths "
        "of a CPU, so that what is measured is whether the workers run at the same time."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "Threads under one GIL are the baseline: they are expected to gain nothing.",
        "The free-threaded build is another version of CPython: compare its gain, not its rate.",
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
