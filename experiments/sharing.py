"""Do no-GIL workers share anything on the hot path?"""

import sys
from collections.abc import Mapping, Sequence

from experiments import grid
from experiments.harness import metrics, tables
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.data import Data
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.options import INTERFACES, REPEATED, WORKERS, kinds

_LIMIT = 1.15


def _configurations(settings: Settings) -> list[Configuration]:
    served = f"experiments.apps.hello:{settings['interface'][0]}"
    return grid.configurations(settings, served, REPEATED, stateful=True)


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.SWITCHES, metrics.CLIENT)
    facts = ("python_version", "gil_in_request")
    return {
        "The cost of a request": tables.overview(data, shown, facts=facts),
        "Beside one worker": tables.ratios(data, grid.pairs(data), [metrics.CPU]),
    }


def _plots(data: Data) -> Mapping[str, str]:
    title = "Server CPU per hello, by mode and workers"
    return {**grid.curves(data), "cost": grid.bars(data, title, metrics.CPU, digits=1)}


def _answer(data: Data) -> str:
    def cost(many: str, one: str) -> str:
        compared = data.compare(many, one, metrics.CPU)
        return compared.text() if compared else ""

    most = grid.most(data.settings)
    found = grid.beside_one(data, cost)
    if not found:
        return "One worker beside more was not measured in this run."
    return f"A hello with {most} workers, to one with one worker: {'; '.join(found)} times the CPU."


def _targets(data: Data) -> Sequence[Target]:
    if "nogil" not in data.settings["modes"]:
        return []
    found = []
    for workers in grid.aimed(data.settings):
        ratio = data.ratio(grid.label("nogil", workers), grid.label("nogil", 1), metrics.CPU)
        found.append(Target(f"nogil, CPU per request, {workers} workers x 1", ratio, _LIMIT))
    return found


STUDY = Study(
    name="sharing",
    title="What workers cost each other",
    question=(
        "Does a request cost more when there are two workers, or many? Without a GIL, each object "
        "that two threads touch is a contended reference count: an early prototype whose memo was "
        "shared paid 3.6 times. Everything on the hot path belongs to one worker here, so each "
        "should cost what one alone does; interpreters and processes, which can share nothing, "
        "stand beside them."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=("Where client and server share CPUs, some of the difference is theirs to blame.",),
    options=(
        kinds("nogil", "interp", "process"),
        WORKERS,
        Option("interface", "how the handler is called", ("asgi",), INTERFACES),
    ),
    control="nogil 1",
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=3),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
