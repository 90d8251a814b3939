"""Who gets a connection, and who does the work?"""

import sys
from collections.abc import Mapping

from experiments import grid
from experiments.apps.cpu import answer as body
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers, serving
from experiments.harness.data import Data
from experiments.harness.load import Load
from experiments.harness.paths import EXPERIMENTS
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import KINDS, kinds
from experiments.workloads.skewed import Skewed

_APP = "experiments.apps.cpu:asgi"
_POLICIES = ("shared", "fair", "reuseport")
_LOADS: dict[str, Load] = {
    "short": Wrk(connections=16, script=EXPERIMENTS / "workloads" / "closing.lua", sized=False),
    "kept": Wrk(connections=16),
    "skewed": Skewed(),
}


def _label(kind: str, workers: str | int, load: str, policy: str) -> str:
    return f"{grid.label(kind, workers)} {load} {policy}"


def _configurations(settings: Settings) -> list[Configuration]:
    found = []
    for kind in settings["modes"]:
        mode, leg, options = KINDS[kind]
        for workers in settings["workers"]:
            for load in settings["traffic"]:
                for policy in settings["policies"]:
                    found.append(
                        serving(
                            _label(kind, workers, load, policy),
                            _APP,
                            _LOADS[load],
                            mode=mode,
                            workers=int(workers),
                            leg=leg,
                            options=(*options, "--accept", policy),
                            stateful=False,
                            check=answers(body()),
                            facts={"kind": kind, "traffic": load, "accept": policy},
                        )
                    )
    return found


def _pairs(data: Data) -> list[tuple[str, str, str]]:
    """Each policy beside the shared listener."""
    return [
        (f"{grid.label(kind, n)} {load}: {policy} / shared", *labels)
        for kind in data.settings["modes"]
        for n in data.settings["workers"]
        for load in data.settings["traffic"]
        for policy in data.settings["policies"]
        if policy != "shared" and "shared" in data.settings["policies"]
        for labels in [(_label(kind, n, load, policy), _label(kind, n, load, "shared"))]
    ]


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.BUSIEST, metrics.RATE, metrics.SERVER_CPUS, metrics.CPU, metrics.CLIENT)
    return {
        "Shares and rates": tables.overview(data, shown, facts=("traffic", "accept")),
        "Beside the shared listener": tables.ratios(data, _pairs(data), [metrics.RATE]),
    }


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        f"{load}, {kind}, {grid.counted(workers)}": [
            Bar(
                policy,
                data.figure(label, metrics.BUSIEST),
                series=series,
                failed=data.missing(label),
            )
            for series, policy in enumerate(data.settings["policies"])
            for label in [_label(kind, workers, load, policy)]
        ]
        for load in data.settings["traffic"]
        for kind in data.settings["modes"]
        for workers in data.settings["workers"]
    }
    title = "The busiest worker's share of all the work, by traffic, mode and policy"
    return {"shares": charts.bars(title, groups, metrics.BUSIEST.heading)}


def _answer(data: Data) -> str:
    parts = []
    for load in data.settings["traffic"]:
        found = []
        for policy in data.settings["policies"]:
            shares = [
                figure.value
                for kind in data.settings["modes"]
                for n in data.settings["workers"]
                if (figure := data.figure(_label(kind, n, load, policy), metrics.BUSIEST))
            ]
            if shares:
                found.append(f"{policy} {max(shares):.0f} %")
        if found:
            parts.append(f"{load}: {', '.join(found)}")
    if not parts:
        return "No policy has been measured."
    return f"The busiest worker's share, where it is greatest: {'; '.join(parts)}."


STUDY = Study(
    name="accepting",
    title="Who gets a connection",
    question=(
        "How evenly is work shared out? A handler of half a millisecond of pure Python under 16 "
        "connections: short ones, one for each request; kept ones, all busy; and skewed ones, of "
        "which every second never asks anything, which is the worst that can be done to a server "
        "that counts connections. Shared: whoever waits accepts from one socket. Fair: whoever "
        "accepts passes a connection on to the worker with the fewest, and a worker with too much "
        "to do moves resting ones away. Reuseport: each worker has a socket, and the kernel a hash."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "Even is half with two workers and a quarter with four.",
        "Threads under one GIL share one CPU however connections are shared.",
    ),
    options=(
        kinds("interp", "process"),
        Option("workers", "numbers of workers", ("2",)),
        Option("traffic", "short, kept or skewed", tuple(_LOADS), tuple(_LOADS)),
        Option("policies", "who gets a connection", _POLICIES, _POLICIES),
    ),
    control="interp 2 kept shared",
    rounds=5,
    timing=Timing(warm_up=2, values=1, seconds=4),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
