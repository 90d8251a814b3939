"""What does a server add to a framework's own cost?"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from experiments.harness import charts, figures, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.interpreters import Interpreters
from experiments.harness.server import Command, Server, free_port
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.peers.peer import Interface, MissingPeerError
from experiments.peers.peers import launched, of_this_process
from experiments.peers.registry import PEERS
from experiments.workloads.alone import Calls
from experiments.workloads.workloads import WORKLOADS
from subsrv.bench.launch import LaunchError


class _Framework(NamedTuple):
    """A framework, by the name of its package, and what it says hello with."""

    interface: Interface
    app: str


FRAMEWORKS = {
    "flask": _Framework(Interface.WSGI, "experiments.apps.flask_app:app"),
    "django": _Framework(Interface.WSGI, "experiments.apps.django_app:app"),
    "starlette": _Framework(Interface.ASGI, "experiments.apps.starlette_app:app"),
}
_OURS = ("subsrv-wsgi", "subsrv-wsgi-process", "subsrv-asgi", "subsrv-asgi-process")
_SERVERS = (
    *_OURS,
    *("gunicorn-gthread", "granian-wsgi", "fastpysgi-wsgi"),
    *("uvicorn-zttp", "uvicorn-httptools", "gunicorn-asgi", "granian-asgi", "fastpysgi-asgi"),
)
# Issue 9 of this repository asks for less overhead than these have.
_BEATEN = ("gunicorn", "uvicorn", "granian")
_ALONE = "alone"
_HELLO = WORKLOADS["hello"]


def _label(framework: str, server: str) -> str:
    return f"{framework} {server}"


def _served(framework: str, server: str, _: Interpreters) -> Command:
    return launched(server, app=FRAMEWORKS[framework].app)


def _alone(framework: str, _: Interpreters) -> Command:
    """On the interpreter of the servers, with nothing of theirs."""
    chosen, port = FRAMEWORKS[framework], free_port()
    try:
        installed = of_this_process().python()
        installed.need((framework,))
    except MissingPeerError as error:
        raise LaunchError(f"not had: {error}") from error
    module = "experiments.workloads.alone"
    return Command(
        words=(installed.path, "-m", module, chosen.interface, chosen.app, str(port)),
        url=f"http://127.0.0.1:{port}",
        facts={"version": f"{framework} {installed.versions[framework]}"},
        statuses=None,
    )


def _check(server: Server) -> int:
    return round(_HELLO.verify(server.address))


def _configurations(settings: Settings) -> list[Configuration]:
    found = []
    for framework in settings["frameworks"]:
        for server in settings["servers"]:
            if PEERS[server].interface is FRAMEWORKS[framework].interface:
                found.append(
                    Configuration(
                        label=_label(framework, server),
                        command=partial(_served, framework, server),
                        load=_HELLO.load(),
                        facts={"framework": framework, "server": server},
                        check=_check,
                    )
                )
        found.append(
            Configuration(
                label=_label(framework, _ALONE),
                command=partial(_alone, framework),
                load=Calls(),
                facts={"framework": framework, "server": _ALONE},
                check=_check,
            )
        )
    return found


def overheads(data: Data, framework: str, server: str) -> list[float]:
    """What a server adds to the framework, in µs a request: one number a round, by its own cost."""
    totals = data.values(_label(framework, server), metrics.CPU)
    alone = data.values(_label(framework, _ALONE), metrics.CPU)
    # Of a run that was broken off, one may have a round more.
    return [total - own for total, own in zip(totals, alone, strict=False)]


def _ratio(data: Data, framework: str, ours: str, server: str) -> Figure | None:
    return figures.ratio(overheads(data, framework, ours), overheads(data, framework, server))


def _of(data: Data, framework: str) -> list[str]:
    """The servers of a framework in this run, the cheapest first."""
    found = [str(data.fact(label, "server")) for label in data.where(framework=framework)]
    cost = {name: data.figure(_label(framework, name), metrics.CPU) for name in found}
    return sorted(found, key=lambda name: figure.value if (figure := cost[name]) else float("inf"))


def _ours(framework: str) -> str:
    return f"subsrv-{FRAMEWORKS[framework].interface}"


def _table(data: Data, framework: str) -> Table:
    rows = []
    for server in _of(data, framework):
        label = _label(framework, server)
        added = figures.figure(overheads(data, framework, server))
        total = tables.cell(data.figure(label, metrics.CPU), 1)
        known = (server, str(data.fact(label, "version") or ""), str(data.launches([label])))
        if data.failure(label):
            rows.append((*known, "failed", "", ""))
        elif server == _ALONE:
            rows.append((*known, total, "", ""))
        else:
            beside = _ratio(data, framework, _ours(framework), server)
            ratio = "" if server == _ours(framework) else tables.cell(beside, 2)
            rows.append((*known, total, tables.cell(added, 1), ratio))
    heading = ("server", "version", "n", metrics.CPU.heading, "of it the server's, µs")
    return Table((*heading, "subsrv's share / this one's"), rows, labels=2)


def _tables(data: Data) -> Mapping[str, Table | str]:
    found: dict[str, Table | str] = {
        framework: _table(data, framework) for framework in data.settings["frameworks"]
    }
    shown = (metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.SWITCHES, metrics.CLIENT)
    found["Everything"] = tables.overview(data, (*shown, metrics.PSS), facts=("version",))
    return found


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        framework: [
            Bar(
                server,
                figures.figure(overheads(data, framework, server)),
                series=int(server not in _OURS),
                failed=data.missing(_label(framework, server)),
            )
            for server in _of(data, framework)
            if server != _ALONE
        ]
        for framework in data.settings["frameworks"]
    }
    groups = {framework: bars for framework, bars in groups.items() if bars}
    if not groups:
        return {}
    title = "What a server adds to a framework's own cost"
    return {"added": charts.bars(title, groups, "server CPU, µs/request", digits=1)}


def _answer(data: Data) -> str:
    parts = []
    for framework in data.settings["frameworks"]:
        ours, own = _ours(framework), data.figure(_label(framework, _ALONE), metrics.CPU)
        added = figures.figure(overheads(data, framework, ours))
        beside = [
            f"{ratio.text(2)} of {server}'s"
            for server in _of(data, framework)
            if server not in (*_OURS, _ALONE) and (ratio := _ratio(data, framework, ours, server))
        ]
        if added and own and beside:
            parts.append(
                f"{framework} costs {own.text(1)} µs alone, and {ours} adds {added.text(1)} µs, "
                f"which is {', '.join(beside)}"
            )
    if not parts:
        return "No framework was measured alone and behind servers in this run."
    return f"Hello with one worker, server CPU per request: {'; '.join(parts)}."


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for framework in data.settings["frameworks"]:
        ours = _ours(framework)
        for server in data.settings["servers"]:
            if not data.where(framework=framework, server=server) or server in _OURS:
                continue
            if server.startswith(_BEATEN):
                ratio = _ratio(data, framework, ours, server)
                name = f"{framework}: what {ours} adds / what {server} does"
                found.append(Target(name, ratio, 1.0))
    return found


STUDY = Study(
    name="frameworks",
    title="What is left of it under a framework",
    question=(
        "Behind Flask, Django or Starlette, most of a request's cost is the framework's. What does "
        "the server add? Each framework says hello on the same interpreter behind each server, in "
        "its best configuration as in the study of the peers, one worker, 256 kept connections; "
        "and alone, called in a loop with what servers tell it of that request. The difference, "
        "round by round, is the server's."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "Alone, a framework has the processor's caches to itself: what it loses of them behind a "
        "server counts as the server's.",
        "Alone, Starlette is called in one task of asyncio's loop; servers make one for each "
        "request, and that is theirs.",
        "Django as ASGI has no part in this: for each request its own signals have a thread do "
        "something, and what such a hand-over costs depends on what else the process does.",
    ),
    options=(
        Option("frameworks", "applications", tuple(FRAMEWORKS), tuple(FRAMEWORKS)),
        Option("servers", "servers", _SERVERS, _SERVERS),
    ),
    control="starlette subsrv-asgi",
    rounds=3,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
