"""What does the same work cost other servers?"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial

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
# are about, a kind of worker or WebSockets.
_OTHERS = (
    *("uvicorn-h11", "gunicorn-sync", "subsrv-asgi-process", "subsrv-wsgi-process"),
    *("uvicorn-websockets", "uvicorn-websockets-sansio", "uvicorn-wsproto", "granian-websockets"),
)
_DEFAULT = tuple(name for name in PEERS if name not in _OTHERS)
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
    for workload in data.settings["workloads"]:
        labels = data.where(workload=workload)
        labels.sort(key=lambda label: _cost(data, label))
        title = f"{workload}: {WORKLOADS[workload].what}"
        facts = ("peer", "workers", "version")
        found[title] = tables.overview(data, shown, facts=facts, labels=labels, labelled=False)
    pairs = [
        (f"{workload}: {ours} / {peer}", _label(workload, ours, 1), _label(workload, peer, 1))
        for workload in data.settings["workloads"]
        for ours in _OURS
        for peer in data.settings["peers"]
        if peer not in _OURS and PEERS[peer].interface == PEERS[ours].interface
        if {_label(workload, ours, 1), _label(workload, peer, 1)} <= set(data.labels)
    ]
    found["subsrv beside each peer of the same interface, one worker"] = tables.ratios(
        data, pairs, [metrics.CPU]
    )
    if absent := _absent(data.settings):
        found["Who has no part in what"] = "\n".join(absent)
    found["How each was configured"] = "\n".join(_settings(data))
    return found


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
    named = ("peer", "workers") if len(data.settings["workers"]) > 1 else ("peer",)
    found = {}
    for number, workload in enumerate(data.settings["workloads"]):
        bars = [
            Bar(
                ", ".join(str(data.fact(label, name)) for name in named),
                data.figure(label, metrics.CPU),
                series=int(str(data.fact(label, "peer")) not in _OURS),
                failed=data.missing(label),
            )
            for label in sorted(data.where(workload=workload), key=partial(_cost, data))
        ]
        title = f"Server CPU per request, by server: {WORKLOADS[workload].what}"
        drawn = charts.bars(title, {"": bars}, metrics.CPU.heading, digits=1)
        found[f"cost-{workload}" if number else "cost"] = drawn
    return found


def _answer(data: Data) -> str:
    workload = data.settings["workloads"][0]
    parts = []
    for ours in _OURS:
        own = data.figure(_label(workload, ours, 1), metrics.CPU)
        beside = [
            f"{ratio.text(2)} of {peer}"
            for peer in data.settings["peers"]
            if peer not in _OURS
            and PEERS[peer].interface == PEERS[ours].interface
            and (
                ratio := data.ratio(
                    _label(workload, ours, 1), _label(workload, peer, 1), metrics.CPU
                )
            )
        ]
        if own and beside:
            parts.append(f"{ours} {own.text(1)} \u00b5s, {', '.join(beside)}")
        elif own:
            parts.append(f"{ours} {own.text(1)} \u00b5s")
    if not parts:
        return "Nothing of subsrv was measured in this run."
    return f"Server CPU per request for {workload}, one worker: {'; '.join(parts)}."


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
    limits=(
        "nginx and the C floor run no application: what they cost is the least that can be had.",
        "gunicorn's threads hand each request from the one that polls to one of a pool, and back: "
        "context switches show it. hypercorn parses in Python (h11), and has a task for each "
        "request beside that of its connection.",
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
