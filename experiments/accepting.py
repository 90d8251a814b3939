"""Who gets a connection, and who does the work?"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments import grid
from experiments.apps.cpu import answer as body
from experiments.harness import charts, metrics, tables
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers, serving
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.load import Load
from experiments.harness.metrics import Metric
from experiments.harness.paths import EXPERIMENTS, scratch
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import KINDS, kinds
from experiments.workloads.skewed import Skewed
from subsrv.admin import client

_APP = "experiments.apps.cpu:asgi"
#: A policy of this study alone: fair to new connections, but none is moved later.
_UNMOVED = "fair-unmoved"
_UNMOVED_APP = "experiments.apps.cpu_unmoved:asgi"
_POLICIES = ("shared", "fair", _UNMOVED, "reuseport")
_EACH = 8  # connections a worker
_TRAFFIC = ("short", "kept", "skewed")
_CLOSING = EXPERIMENTS / "workloads" / "closing.lua"

_REQUESTS = Metric(
    "requests of the busiest worker by an even share", "integer", "requests, busiest / even", 1, 2
)
_CONNECTIONS = Metric(
    "connections of the fullest worker by an even share",
    *("integer", "connections, fullest / even", 1, 2),
)


def _load(traffic: str, workers: int) -> Load:
    count = _EACH * workers
    match traffic:
        case "short":
            return Wrk(connections=count, script=_CLOSING, sized=False)
        case "kept":
            return Wrk(connections=count)
        case _:
            return Skewed(connections=count)


@dataclass(slots=True)
class _Shares:
    """What the workers of a server have done, by their own counters, between two looks."""

    control: str
    _before: list[Mapping[str, int]] = field(default_factory=list)

    def check(self, server: Server) -> int:
        """The answers are right; what has been asked for until now is not of the load."""
        size = answers(body())(server)
        self._before = self._counters()
        return size

    def observe(self, server: Server) -> Mapping[Metric, float]:
        now = self._counters()
        before, self._before = self._before, now
        return {
            metric: max(added) * len(added) / max(sum(added), 1)
            for metric, name in ((_REQUESTS, "requests"), (_CONNECTIONS, "accepts"))
            for added in [[b[name] - a[name] for a, b in zip(before, now, strict=True)]]
        }

    def _counters(self) -> list[Mapping[str, int]]:
        places: list[dict[str, Any]] = client.status(self.control)["places"]
        return [place["counters"] for place in places]


def _label(kind: str, workers: str | int, traffic: str, policy: str) -> str:
    return f"{grid.label(kind, workers)} {traffic} {policy}"


def _apt(traffic: str, policy: str) -> bool:
    """Whether this policy is another than all others under this traffic."""
    return policy != _UNMOVED or traffic == "skewed"


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        _configuration(kind, workers, traffic, policy)
        for kind in settings["modes"]
        for workers in settings["workers"]
        for traffic in settings["traffic"]
        for policy in settings["policies"]
        if _apt(traffic, policy)
    ]


def _configuration(kind: str, workers: str, traffic: str, policy: str) -> Configuration:
    mode, leg, options = KINDS[kind]
    shares = _Shares(f"unix:{scratch('control')}")
    accept, app = ("fair", _UNMOVED_APP) if policy == _UNMOVED else (policy, _APP)
    return serving(
        _label(kind, workers, traffic, policy),
        app,
        _load(traffic, int(workers)),
        mode=mode,
        workers=int(workers),
        leg=leg,
        options=(*options, "--accept", accept, "--control", shares.control),
        stateful=False,
        check=shares.check,
        observe=shares.observe,
        facts={"kind": kind, "traffic": traffic, "accept": policy},
        # Those that rest are moved once a second, so it takes some until that has come to an end.
        seconds=4 if traffic == "skewed" else None,
    )


def _moves(data: Data) -> list[tuple[str, str, str]]:
    """With moves beside without."""
    return [
        (f"{grid.label(kind, n)} skewed: moved / unmoved", *labels)
        for kind in data.settings["modes"]
        for n in data.settings["workers"]
        for labels in [(_label(kind, n, "skewed", "fair"), _label(kind, n, "skewed", _UNMOVED))]
    ]


def _policies(data: Data) -> list[tuple[str, str, str]]:
    """Each policy beside the shared listener, for as many workers as there are CPUs."""
    return [
        (f"{grid.label(kind, n)} {traffic}: {policy} / shared", *labels)
        for kind in data.settings["modes"]
        for n in data.settings["workers"]
        if int(n) <= data.cpus
        for traffic in data.settings["traffic"]
        for policy in data.settings["policies"]
        if policy != "shared" and _apt(traffic, policy)
        for labels in [(_label(kind, n, traffic, policy), _label(kind, n, traffic, "shared"))]
    ]


def _matrix(data: Data, metric: Metric) -> Table:
    """A row for each kind, traffic and policy; a column for each number of workers."""
    rows = {
        f"{kind} {traffic} {policy}": (kind, traffic, policy)
        for kind in data.settings["modes"]
        for traffic in data.settings["traffic"]
        for policy in data.settings["policies"]
        if _apt(traffic, policy)
    }
    columns = {grid.counted(n): n for n in data.settings["workers"]}

    def label(row: str, column: str) -> str:
        kind, traffic, policy = rows[row]
        return _label(kind, columns[column], traffic, policy)

    return tables.matrix(data, rows=list(rows), columns=list(columns), label=label, metric=metric)


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (_REQUESTS, _CONNECTIONS, metrics.BUSIEST, metrics.RATE, metrics.SERVER_CPUS)
    found: dict[str, Table | str] = {
        "Requests: the busiest worker's, as a multiple of an even share": _matrix(data, _REQUESTS),
        "Connections: the same of the worker that got most": _matrix(data, _CONNECTIONS),
    }
    if {"fair", _UNMOVED} <= set(data.settings["policies"]):
        found["Requests of the busiest worker, with and without moving"] = tables.ratios(
            data, _moves(data), [_REQUESTS]
        )
    if "shared" in data.settings["policies"] and (pairs := _policies(data)):
        found["Requests/s beside the shared listener, a worker a CPU at the most"] = tables.ratios(
            data, pairs, [metrics.RATE]
        )
    found["Every configuration"] = tables.overview(data, shown)
    return found


def _plots(data: Data) -> Mapping[str, str]:
    """A drawing for each kind of traffic, the most uneven first."""
    found = {}
    names = {float(at): grid.counted(n) for at, n in enumerate(data.settings["workers"])}
    for traffic in reversed(data.settings["traffic"]):
        series: dict[str, list[tuple[float, Figure]]] = {}
        for kind in data.settings["modes"]:
            for policy in data.settings["policies"]:
                points = [
                    (float(at), figure)
                    for at, n in enumerate(data.settings["workers"])
                    if (figure := data.figure(_label(kind, n, traffic, policy), _REQUESTS))
                ]
                if points:
                    series[f"{kind} {policy}"] = points
        found[traffic] = charts.lines(
            f"The busiest worker's requests, {traffic} connections; 1 is even",
            series,
            x_axis="workers",
            y_axis=_REQUESTS.heading,
            x_names=names,
        )
    return found


def _answer(data: Data) -> str:
    parts = []
    for traffic in data.settings["traffic"]:
        found = []
        for policy in data.settings["policies"]:
            shares = [
                figure.value
                for kind in data.settings["modes"]
                for n in data.settings["workers"]
                if (figure := data.figure(_label(kind, n, traffic, policy), _REQUESTS))
            ]
            if shares:
                found.append(f"{policy} {max(shares):.1f}")
        if found:
            parts.append(f"{traffic}: {', '.join(found)}")
    if not parts:
        return "No policy has been measured."
    return (
        "How many times its even share the busiest worker does, over the numbers of workers at "
        f"the most: {'; '.join(parts)}."
    )


def _limits() -> Sequence[str]:
    return (
        "Requests/s with more workers than CPUs say nothing of a policy: the CPUs are the limit "
        "then. And whoever has any busy connection gets about as much of a CPU as the others, so "
        "shares of requests are evened out; where connections lie is what a policy decides.",
        "Shares are what the workers themselves count, and the server tells with --control.",
        "Threads under one GIL share one CPU however connections are shared.",
    )


STUDY = Study(
    name="accepting",
    title="Who gets a connection",
    question=(
        "How evenly is work shared out among 2 to 16 workers? A handler of half a millisecond of "
        f"pure Python under {_EACH} connections a worker: short ones, one for each request; kept "
        "ones, all busy; and skewed ones, of which every second never asks anything, which is the "
        "worst that can be done to a server that counts connections. Shared: whoever waits "
        "accepts from one socket. Fair: whoever accepts passes a connection on to the worker with "
        "the fewest, and a worker with too much to do moves resting ones away; fair-unmoved, under "
        "skewed traffic, does all but that. Reuseport: each worker has a socket, and the kernel a "
        "hash."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=_limits(),
    options=(
        kinds("interp"),
        Option("workers", "numbers of workers", ("2", "4", "8", "16")),
        Option("traffic", "short, kept or skewed", _TRAFFIC, _TRAFFIC),
        Option("policies", "who gets a connection", _POLICIES, _POLICIES),
    ),
    control="interp 2 kept shared",
    rounds=3,
    timing=Timing(warm_up=0, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
