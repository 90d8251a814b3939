"""What does a message of a WebSocket cost, there and back?"""

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
from experiments.peers.peers import launched
from experiments.workloads.echoes import Echoes, verify

_APP = "experiments.apps.work_asgi:chat"
_OURS = ("subsrv-asgi", "subsrv-asgi-process")
_SERVERS = (
    *_OURS,
    *("uvicorn-websockets", "uvicorn-websockets-sansio", "uvicorn-wsproto"),
    *("granian-websockets", "gunicorn-asgi", "hypercorn"),
)
#: What issue 9 of this repository names.
_BEATEN = ("uvicorn-websockets", "uvicorn-websockets-sansio", "uvicorn-wsproto")
_SIZES = ("24", "1000")


def _label(server: str, size: str) -> str:
    return f"{server} {size}"


def _command(server: str, _: Interpreters) -> Command:
    return launched(server, app=_APP)


def _check(size: int, server: Server) -> None:
    verify(server.address, size)


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        Configuration(
            label=_label(server, size),
            command=partial(_command, server),
            load=Echoes(connections=int(settings["connections"][0]), size=int(size)),
            facts={"server": server, "size": size},
            check=partial(_check, int(size)),
        )
        for size in settings["sizes"]
        for server in settings["servers"]
    ]


def _sorted(data: Data, size: str) -> list[str]:
    cost = {label: data.figure(label, metrics.CPU) for label in data.where(size=size)}
    return sorted(cost, key=lambda label: figure.value if (figure := cost[label]) else float("inf"))


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.SWITCHES, metrics.CLIENT)
    found: dict[str, Table | str] = {
        f"Messages of {size} bytes; a request is a message and its echo": tables.overview(
            data,
            (*shown, metrics.PSS),
            facts=("server", "version"),
            labels=_sorted(data, size),
            labelled=False,
        )
        for size in data.settings["sizes"]
    }
    pairs = [
        (f"{size} bytes: {ours} / {server}", _label(ours, size), _label(server, size))
        for size in data.settings["sizes"]
        for ours in _OURS
        for server in data.settings["servers"]
        if server not in _OURS and {ours, server} <= set(data.settings["servers"])
    ]
    found["subsrv beside the others"] = tables.ratios(data, pairs, [metrics.CPU])
    return found


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        f"{size} bytes": [
            Bar(
                str(data.fact(label, "server")),
                data.figure(label, metrics.CPU),
                series=int(data.fact(label, "server") not in _OURS),
                failed=data.missing(label),
            )
            for label in _sorted(data, size)
        ]
        for size in data.settings["sizes"]
    }
    groups = {heading: bars for heading, bars in groups.items() if bars}
    if not groups:
        return {}
    title = "A WebSocket's message and its echo, by server"
    return {"cost": charts.bars(title, groups, "server CPU, µs/message", digits=1)}


def _answer(data: Data) -> str:
    size = data.settings["sizes"][0]
    own = data.figure(_label("subsrv-asgi", size), metrics.CPU)
    beside = [
        f"{ratio.text(2)} of {server}"
        for server in data.settings["servers"]
        if server not in _OURS
        and (ratio := data.ratio(_label("subsrv-asgi", size), _label(server, size), metrics.CPU))
    ]
    if not own or not beside:
        return "subsrv beside others was not measured in this run."
    return (
        f"A message of {size} bytes and its echo cost subsrv {own.text(1)} µs of CPU in one "
        f"worker: {', '.join(beside)}."
    )


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for size in data.settings["sizes"]:
        for server in _BEATEN:
            if server in data.settings["servers"]:
                ours, theirs = _label("subsrv-asgi", size), _label(server, size)
                ratio = data.ratio(ours, theirs, metrics.CPU)
                name = f"{size} bytes: subsrv / {server}"
                found.append(Target(name, ratio, 1.0))
    return found


STUDY = Study(
    name="websockets",
    title="Messages of WebSockets",
    question=(
        "What does a small message of a WebSocket cost, there and back? Each server, in its best "
        "configuration, runs the same ASGI application, which gives each message back; so many "
        "connections have one message under way each. Without compression, which the client does "
        "not offer. Every echo is compared."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "The client is a Python program that makes no frame while it measures; it shares the "
        "machine, so only CPU per message is compared.",
    ),
    options=(
        Option("servers", "servers", _SERVERS, _SERVERS),
        Option("sizes", "bytes of a message", _SIZES),
        Option("connections", "open at the same time", ("64",)),
    ),
    control="subsrv-asgi 24",
    rounds=3,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
