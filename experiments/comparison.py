"""What does the same work cost other servers?"""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from experiments import comparison_targets, grid
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.data import Data
from experiments.harness.interpreters import Interpreters
from experiments.harness.server import Command, Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.peers.fit import application, unfit
from experiments.peers.peer import Peer
from experiments.peers.peers import launched
from experiments.peers.registry import PEERS
from experiments.workloads.workloads import WORKLOADS, Workload

# Not: the slow ways of uvicorn (h11) and of gunicorn (a request at a time), and what other studies
# are about, such as WebSockets. Of processes as workers only those that a target asks for.
_OTHERS = (
    *("uvicorn-h11", "gunicorn-sync", "subsrv-wsgi-process", "subsrv-asgi-thread"),
    *("uvicorn-websockets", "uvicorn-websockets-sansio", "uvicorn-wsproto", "granian-websockets"),
)
_DEFAULT = tuple(name for name in PEERS if name not in _OTHERS)
# A bar that is longer than so many times the middle one is cut: of seventeen servers two are.
_TIMES_MIDDLE = 4.0
_OURS = ("subsrv-native", "subsrv-asgi", "subsrv-wsgi")


def _label(workload: str, peer: str, workers: str | int) -> str:
    return f"{workload} {peer} {workers}"


def _command(name: str, workload: Workload, workers: int, _: Interpreters) -> Command:
    return launched(name, app=application(PEERS[name], workload), workers=workers)


def _check(workload: Workload, server: Server) -> int:
    return round(workload.verify(server.address))


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        Configuration(
            label=_label(workload, peer, workers),
            command=partial(_command, peer, WORKLOADS[workload], workers),
            load=WORKLOADS[workload].load(),
            facts={
                "workload": workload,
                "peer": peer,
                "workers": workers,
                "configured": _configured(PEERS[peer]),
            },
            workers=workers,
            path=WORKLOADS[workload].path,
            check=partial(_check, WORKLOADS[workload]),
        )
        for workload, peer, workers in _cases(settings)
        if not unfit(PEERS[peer], WORKLOADS[workload], workers)
    ]


def _cases(settings: Settings) -> Iterator[tuple[str, str, int]]:
    for workload in settings["workloads"]:
        for peer in settings["peers"]:
            for workers in settings["workers"]:
                yield workload, peer, int(workers)


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (
        *(metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.SWITCHES, metrics.CLIENT),
        metrics.PSS,
    )
    found: dict[str, Table | str] = {}
    several = len(data.settings["workers"]) > 1
    for workload in data.settings["workloads"]:
        for workers in data.settings["workers"]:
            counted = f", {grid.counted(workers)}" if several else ""
            title = f"{workload}{counted}: {WORKLOADS[workload].what}"
            facts = ("peer", "workers", "version")
            # A run may have some work with fewer numbers of workers (--only).
            if labels := _by_cost(data, workload, workers):
                found[title] = tables.overview(
                    data, shown, facts=facts, labels=labels, labelled=False
                )
    for workers in data.settings["workers"]:
        title = f"subsrv beside each peer of the same interface, {grid.counted(workers)}"
        if pairs := _pairs(data, workers):
            found[title] = tables.ratios(data, pairs, [metrics.CPU])
    if absent := _absent(data.settings):
        found["Who has no part in what"] = "\n".join(absent)
    found["How each was configured"] = "\n".join(_settings(data))
    return found


def _pairs(data: Data, workers: str) -> list[tuple[str, str, str]]:
    """Each of ours beside each peer of the same interface, both with so many workers."""
    found = []
    for workload in data.settings["workloads"]:
        for ours in _OURS:
            for peer in _rivals(data.settings, ours):
                above, below = (_label(workload, each, workers) for each in (ours, peer))
                if {above, below} <= {*data.labels}:
                    found.append((f"{workload}: {ours} / {peer}", above, below))
    return found


def _rivals(settings: Settings, ours: str) -> list[str]:
    """The peers of the same interface."""
    interface = PEERS[ours].interface
    found = [peer for peer in settings["peers"] if PEERS[peer].interface == interface]
    return [peer for peer in found if not _is_ours(peer)]


def _is_ours(peer: str) -> bool:
    return peer.startswith("subsrv-")


def _absent(settings: Settings) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for workload, peer, workers in _cases(settings):
        if reason := unfit(PEERS[peer], WORKLOADS[workload], workers):
            where = reasons.setdefault((peer, reason), [])
            if workload not in where:
                where.append(workload)
    return [
        f"- {peer}, in {', '.join(where)}: {reason}" for (peer, reason), where in reasons.items()
    ]


def _by_cost(data: Data, workload: str, workers: str) -> list[str]:
    """The labels of one workload, the cheapest first and what failed last."""
    labels = data.where(workload=workload, workers=int(workers))
    return sorted(labels, key=partial(_cost, data))


def _cost(data: Data, label: str) -> float:
    figure = data.figure(label, metrics.CPU)
    return figure.value if figure else float("inf")


def _settings(data: Data) -> list[str]:
    """By peer, as the run recorded it: the registry may have changed since."""
    lines: list[str] = []
    for peer in data.settings["peers"]:
        recorded = {data.fact(label, "configured") for label in data.where(peer=peer)} - {None, ""}
        lines += (f"- {peer}: {each}" for each in recorded)
    return lines or ["This run did not record it."]


def _configured(peer: Peer) -> str:
    return "; ".join(
        f"`{' '.join(each.words)}` ({each.why})" for each in (*peer.settings, *peer.configured)
    )


def _plots(data: Data) -> Mapping[str, str]:
    several = len(data.settings["workers"]) > 1
    found = {}
    for number, workload in enumerate(data.settings["workloads"]):
        groups = {
            grid.counted(workers) if several else "": [
                Bar(
                    str(data.fact(label, "peer")),
                    data.figure(label, metrics.CPU),
                    series=int(not _is_ours(str(data.fact(label, "peer")))),
                    failed=data.missing(label),
                )
                for label in labels
            ]
            for workers in data.settings["workers"]
            if (labels := _by_cost(data, workload, workers))
        }
        if not groups:
            continue
        title = f"Server CPU per request, by server: {WORKLOADS[workload].what}"
        found[f"cost-{workload}" if number else "cost"] = charts.bars(
            title,
            groups,
            metrics.CPU.heading,
            digits=1,
            cut=_cut([bar for each in groups.values() for bar in each]),
        )
    return found


def _cut(bars: Sequence[Bar]) -> float | None:
    """Where bars are cut: at some times the middle one, which leaves half of them in full."""
    values = [bar.figure.value for bar in bars if bar.figure]
    return _TIMES_MIDDLE * statistics.median(values) if values else None


def _answer(data: Data) -> str:
    workload, workers = data.settings["workloads"][0], data.settings["workers"][0]
    parts = []
    for ours in _OURS:
        label = _label(workload, ours, workers)
        own = data.figure(label, metrics.CPU)
        if own is None:
            parts += [f"{ours} failed"] if data.failure(label) else []
            continue
        beside = [f"{ours} {own.text(1)} \u00b5s"]
        for peer in _rivals(data.settings, ours):
            other = _label(workload, peer, workers)
            if ratio := data.ratio(label, other, metrics.CPU):
                beside.append(f"{ratio.text(2)} of {peer}")
            elif data.failure(other):
                beside.append(f"{peer} failed")
        parts.append(", ".join(beside))
    if not parts:
        return "Nothing of subsrv was measured in this run."
    counted = grid.counted(workers)
    return f"Server CPU per request for {workload}, {counted}: {'; '.join(parts)}."


STUDY = Study(
    name="comparison",
    title="Beside other servers",
    question=(
        "What does the same work cost other servers, each in its best configuration, access log "
        "off? The same application for all that speak one interface; Dart, pyronova and nginx "
        "answer with their own. Workloads have the shape of HttpArena's profiles. Every answer is "
        "checked before and after the load, and the average size of all in between."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=comparison_targets.targets,
    limits=(
        "nginx and the C floor run no application: what they cost is the least that can be had.",
        "gunicorn's threads hand each request from the one that polls to one of a pool, and back: "
        "context switches show it. hypercorn parses in Python (h11), and has a task for each "
        "request beside that of its connection.",
        "granian runs WSGI in one thread, as it is fastest so, and that reads bodies as they come: "
        "a client that stalls in an upload holds up all others. subsrv calls WSGI when all of a "
        "body has come.",
        "Targets are ratios of server CPU per request, of one worker. A/A is that of a hello; "
        "other work may have a wider one.",
        "CPU per request of the whole process tree is what is compared: requests/s are limited by "
        "a client that shares the machine.",
    ),
    options=(
        Option("workloads", "kinds of traffic", ("hello", "varied"), tuple(WORKLOADS)),
        Option("peers", "servers", _DEFAULT, tuple(PEERS)),
        Option("workers", "numbers of workers", ("1",)),
    ),
    control="hello subsrv-asgi 1",
    rounds=3,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
