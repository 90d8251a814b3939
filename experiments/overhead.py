"""What does a request cost, and how far is that from the least possible?"""

import os
import sys
from collections.abc import Mapping, Sequence

from experiments.harness import charts, floor, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, says_hello, serving
from experiments.harness.data import Data
from experiments.harness.paths import scratch
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study, Target
from experiments.harness.table import Table
from experiments.options import INTERFACES, KINDS, REPEATED, VARIED_TRAFFIC

_FLOOR = "floor"
_PLAIN = "native"
#: What may be switched on beside the service itself, measured on the cheapest request.
_EXTRAS = ("control", "log")
_LOG = "access.log"
_TRAFFIC = {"repeated": REPEATED, "varied": VARIED_TRAFFIC}
_LIMITS = {"native": 1.5, "asgi": 2.0, "wsgi": 2.0}
_VARIED_LIMIT = 1.6


def _label(interface: str, traffic: str) -> str:
    return f"{interface} {traffic}"


def _configurations(settings: Settings) -> list[Configuration]:
    kind = settings["mode"][0]
    mode, leg, options = KINDS[kind]
    found = []
    for interface in settings["interfaces"]:
        for traffic, load in _TRAFFIC.items():
            facts = {"interface": interface, "traffic": traffic}
            label = _label(interface, traffic)
            if interface == _FLOOR:
                found.append(floor.configuration(label, load, facts))
                continue
            app = f"subsrv.hello:{interface}"
            found.append(
                serving(
                    label,
                    app,
                    load,
                    mode=mode,
                    leg=leg,
                    options=options,
                    stateful=False,
                    facts=facts,
                )
            )
    for extra in settings["extras"]:
        found.append(
            serving(
                _extra(extra),
                f"subsrv.hello:{_PLAIN}",
                REPEATED,
                mode=mode,
                leg=leg,
                options=(*options, *_options(extra)),
                stateful=False,
                check=_afresh,
                facts={"interface": _PLAIN, "traffic": "repeated", "extra": extra},
            )
        )
    return found


def _options(extra: str) -> tuple[str, ...]:
    if extra == "control":
        return ("--control", f"unix:{scratch('control')}")
    return ("--access-log", "--access-log-file", str(scratch(_LOG)))


def _afresh(server: Server) -> int:
    """See says_hello; an access log begins anew, or a long run would fill the disk."""
    size = says_hello(server)
    if scratch(_LOG).exists():
        os.truncate(scratch(_LOG), 0)
    return size


def _extra(extra: str) -> str:
    return f"{_PLAIN} repeated, {extra}"


def _extras(data: Data) -> list[tuple[str, str, str]]:
    """What is switched on, beside the same without."""
    return [
        (f"{label} / without", label, _label(_PLAIN, "repeated"))
        for label in data.labels
        if data.fact(label, "extra")
    ]


def _to_floor(data: Data) -> list[tuple[str, str, str]]:
    return [
        (f"{label} / floor", label, _label(_FLOOR, str(data.fact(label, "traffic"))))
        for label in data.labels
        if data.fact(label, "interface") != _FLOOR and not data.fact(label, "extra")
    ]


def _varied(data: Data) -> list[tuple[str, str, str]]:
    return [
        (f"{label} / repeated", label, _label(str(data.fact(label, "interface")), "repeated"))
        for label in data.where(traffic="varied")
    ]


def _tables(data: Data) -> Mapping[str, Table | str]:
    shown = (metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.CLIENT)
    return {
        "The cost of a request": tables.overview(data, shown),
        "As ratios of server CPU per request": tables.ratios(
            data, [*_to_floor(data), *_varied(data), *_extras(data)], [metrics.CPU]
        ),
    }


def _plots(data: Data) -> Mapping[str, str]:
    groups = {
        traffic: [
            Bar(str(data.fact(label, "interface")), data.figure(label, metrics.CPU), series=index)
            for label in data.where(traffic=traffic)
            if not data.fact(label, "extra")
        ]
        for index, traffic in enumerate(_TRAFFIC)
    }
    title = "Server CPU per request, one worker"
    return {"cost": charts.bars(title, groups, metrics.CPU.heading, digits=1)}


def _answer(data: Data) -> str:
    parts = []
    for interface in INTERFACES:
        label = _label(interface, "repeated")
        ratio = data.ratio(label, _label(_FLOOR, "repeated"), metrics.CPU)
        cost = data.figure(label, metrics.CPU)
        if cost:
            beside = f", {ratio.text(2)} times the floor" if ratio else ""
            parts.append(f"{interface} {cost.text(1)} µs{beside}")
    if not parts:
        return "Nothing could be measured."
    return f"Server CPU for one hello of one worker, repeated heads: {'; '.join(parts)}."


def _targets(data: Data) -> Sequence[Target]:
    found = []
    for interface in INTERFACES:
        repeated, varied = (_label(interface, traffic) for traffic in _TRAFFIC)
        if repeated not in data.labels:
            continue
        ratio = data.ratio(repeated, _label(_FLOOR, "repeated"), metrics.CPU)
        found.append(Target(f"{interface}, x floor", ratio, _LIMITS[interface]))
        ratio = data.ratio(varied, repeated, metrics.CPU)
        found.append(Target(f"{interface}, varied x repeated", ratio, _VARIED_LIMIT))
    return found


STUDY = Study(
    name="overhead",
    title="What a request costs, beside a responder in C",
    question=(
        "What does a request cost the server, and how far is that from the least possible? One "
        "worker, 256 connections; a C program on one epoll instance that parses nothing is the "
        "floor. Once with wrk's own head, the same for each request, and once with browser-like "
        "heads, all different. Native with wrk's head is there twice more: with --control, which "
        "counts and takes the time of each request, and with --access-log to a file. CPU is user "
        "and system time of the server's whole process tree."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    targets=_targets,
    limits=(
        "The floor does no HTTP: no server that does can reach it. Of its requests/s the client "
        "is the limit.",
    ),
    options=(
        Option("interfaces", "what is served", (_FLOOR, *INTERFACES), (_FLOOR, *INTERFACES)),
        Option("extras", "what is switched on besides", _EXTRAS, _EXTRAS),
        Option("mode", "kind of worker", ("interp",), tuple(KINDS)),
    ),
    control="asgi repeated",
    rounds=5,
    timing=Timing(warm_up=1, values=3, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
