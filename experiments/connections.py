"""Does a request cost more, the more connections there are?"""

import resource
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.data import Data
from experiments.harness.interpreters import Interpreters
from experiments.harness.server import Command, Server
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.peers.fit import application
from experiments.peers.peers import launched
from experiments.peers.registry import PEERS
from experiments.workloads.workloads import WORKLOADS
from subsrv.bench.launch import LaunchError

_PEERS = ("subsrv-native", "subsrv-asgi", "fastpysgi-asgi", "uvicorn-zttp", "granian-asgi")
_OURS = ("subsrv-native", "subsrv-asgi")
_COUNTS = ("1", "16", "256", "4096")
_SPARE = 100  # descriptors beside the connections
_FLAT = 1.25
_SHOWN = (metrics.CPU, metrics.RATE, metrics.LATENCY_MEAN, metrics.SERVER_CPUS, metrics.CLIENT)


def _label(peer: str, count: str) -> str:
    return f"{peer}, {count}"


def _command(peer: str, count: str, _: Interpreters) -> Command:
    # The client and the server inherit it.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, int(count) + _SPARE), hard))
    except ValueError as error:
        raise LaunchError(f"no more than {hard} descriptors are allowed") from error
    return launched(peer, app=application(PEERS[peer], WORKLOADS["hello"]), workers=1)


def _check(server: Server) -> int:
    return round(WORKLOADS["hello"].verify(server.address))


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        Configuration(
            label=_label(peer, count),
            command=partial(_command, peer, count),
            # With thousands, the last one is answered seconds after all have connected.
            load=Wrk(connections=int(count), timeout=10),
            facts={"peer": peer, "connections": count},
            workers=1,
            check=_check,
        )
        for peer in settings["peers"]
        for count in settings["connections"]
    ]


def _growth(data: Data, peer: str) -> list[tuple[str, str, str]]:
    """What a request costs with more connections than sixteen, beside that."""
    few = _label(peer, "16")
    more = [_label(peer, count) for count in data.settings["connections"] if int(count) > 16]
    return [(f"{each} / 16", each, few) for each in more if {each, few} <= set(data.labels)]


def _tables(data: Data) -> Mapping[str, Table]:
    growth = [pair for peer in data.settings["peers"] for pair in _growth(data, peer)]
    alone = [
        (f"{ours} / {peer}", _label(ours, "1"), _label(peer, "1"))
        for ours in _OURS
        for peer in data.settings["peers"]
        if peer not in _OURS and {_label(ours, "1"), _label(peer, "1")} <= set(data.labels)
    ]
    facts = ("peer", "connections", "version")
    return {
        "By connections": tables.overview(data, _SHOWN, facts=facts, labelled=False),
        "More connections beside sixteen": tables.ratios(data, growth, [metrics.CPU]),
        "Latency with one connection": tables.ratios(data, alone, [metrics.LATENCY_MEAN]),
    }


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for peer in _OURS:
        for what, above, below in _growth(data, peer):
            name = f"{what}, server CPU per request"
            found.append((name, data.ratio(above, below, metrics.CPU), _FLAT))
    ours, theirs = _label("subsrv-asgi", "1"), _label("fastpysgi-asgi", "1")
    if {ours, theirs} <= set(data.labels):
        name = "subsrv-asgi / fastpysgi-asgi, one connection, mean latency"
        found.append((name, data.ratio(ours, theirs, metrics.LATENCY_MEAN), 1.0))
    return [Target(name, ratio and ratio.value, limit) for name, ratio, limit in found]


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        peer: [
            Bar(str(data.fact(label, "connections")), data.figure(label, metrics.CPU))
            for label in data.where(peer=peer)
        ]
        for peer in data.settings["peers"]
    }
    title = "Server CPU per request, by connections"
    return {"cost": charts.bars(title, groups, metrics.CPU.heading, digits=1)}


def _answer(data: Data) -> str:
    parts = [
        f"{what}: {ratio.text(2)}"
        for peer in _OURS
        for what, above, below in _growth(data, peer)
        if (ratio := data.ratio(above, below, metrics.CPU))
    ]
    if not parts:
        return "Nothing of subsrv was measured in this run."
    return f"Server CPU per request, more connections beside 16: {'; '.join(parts)}."


STUDY = Study(
    name="connections",
    title="One connection, or thousands",
    question=(
        "Does a request cost more, the more connections ask at once? One worker says hello to "
        "1, 16, 256 and 4,096 connections, each of which asks again as soon as it is answered; "
        "with one, latency is what counts."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "Many connections share each wake-up of the server's loop; a single one pays for its own. "
        "So one connection costs more for each request, with every server.",
        "fastpysgi never sleeps with an ASGI application: it takes a whole CPU when nobody asks "
        "for anything (0.7 with its defaults), so one client need not wait until it is awake. The "
        "others sleep, and what waking up takes is most of one connection's latency here.",
        "The latencies are a closed loop's: with many connections, they only say how long the "
        "queue is.",
    ),
    options=(
        Option("peers", "servers", _PEERS, tuple(PEERS)),
        Option("connections", "numbers of connections", _COUNTS),
    ),
    control="subsrv-asgi, 256",
    rounds=2,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
