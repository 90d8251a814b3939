"""What is left of a server when more is asked of it than it can do?"""

import atexit
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

from experiments.apps.page import answer as page
from experiments.harness import charts, metrics, tables
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers
from experiments.harness.data import Data
from experiments.harness.interpreters import Interpreters
from experiments.harness.metrics import Metric
from experiments.harness.server import Command
from experiments.harness.study import Option, Settings, Study
from experiments.harness.surge import (
    BACK,
    BY_PHASE,
    CAPACITY,
    NAMES,
    PARTS,
    PHASES,
    RECOVERY,
    Surge,
)
from experiments.harness.table import Table
from experiments.peers.peer import MissingPeerError
from experiments.peers.peers import Peers
from subsrv.bench.launch import LaunchError


@dataclass(frozen=True, slots=True)
class _Server:
    """A peer, what it is told beside what its registry has, and why."""

    peer: str
    more: tuple[str, ...] = ()
    why: str = ""


_LIMIT = ("--limit-queue-age", "0.5")
_SERVERS = {
    "subsrv": _Server("subsrv-asgi"),
    "subsrv, limit": _Server("subsrv-asgi", _LIMIT, "half of what a visitor waits"),
    "subsrv WSGI, limit": _Server("subsrv-wsgi", _LIMIT, "the same"),
    "subsrv threads": _Server("subsrv-wsgi", ("--threads", "4")),
    "subsrv threads, limit": _Server("subsrv-wsgi", ("--threads", "4", *_LIMIT), "the same"),
    "uvicorn": _Server("uvicorn-httptools"),
    "uvicorn, limit": _Server(
        "uvicorn-httptools",
        ("--limit-concurrency", "100"),
        "its only limit: above that it answers 503; 100 of these requests take 0.15 s",
    ),
    "granian": _Server("granian-asgi"),
    "granian, limit": _Server(
        "granian-asgi",
        ("--backpressure", "100", "--backlog", "128"),
        "its limit: above that it accepts no connection, so that its queue is the kernel's, which "
        "is as short as it allows; it answers no 503",
    ),
}
_DEFAULT = ("subsrv", "subsrv, limit", "uvicorn", "uvicorn, limit", "granian", "granian, limit")
_PATIENCE = 1.0

_SECONDS = 18
# Of which the way back has so many.
_LOOKED_AT = PHASES[BACK][1] * _SECONDS / PARTS


@cache
def _peers() -> Peers:
    """Those of this process; what they need is made at their first launch."""
    made = Peers()
    atexit.register(made.close)
    return made


def _name(server: str) -> str:
    """As an option's value: without what separates them there."""
    return server.replace(", ", "-").replace(" ", "-").lower()


_BY_NAME = {_name(each): each for each in _SERVERS}


def _command(server: _Server, _: Interpreters) -> Command:
    interface = "wsgi" if "wsgi" in server.peer else "asgi"
    try:
        made = _peers().command(server.peer, app=f"experiments.apps.page:{interface}", workers=1)
    except MissingPeerError as error:
        raise LaunchError(f"not had: {error}") from error
    return replace(made, words=(*made.words, *server.more))


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        Configuration(
            label=label,
            command=partial(_command, _SERVERS[label]),
            load=Surge(answer=page(), patience=_PATIENCE),
            facts={"server": label, "limit": " ".join(_SERVERS[label].more) or "none"},
            check=answers(page()),
        )
        for label in (_BY_NAME[each] for each in settings["servers"])
    ]


def _tables(data: Data) -> Mapping[str, Table | str]:
    found: dict[str, Table | str] = {}
    for name, measured in zip(NAMES, BY_PHASE, strict=True):
        shown: tuple[Metric, ...] = (
            *(measured.goodput, measured.refused, measured.lost, measured.p50, measured.p99),
        )
        title = f"Visitors at {name.replace('x', ' times')} the capacity".replace(
            " again the capacity", " the capacity again, right after that"
        )
        found[title] = tables.overview(data, shown)
    shown = (CAPACITY, RECOVERY, metrics.LAG, metrics.CLIENT)
    found["Capacity, recovery, and the client"] = tables.overview(data, shown, facts=("version",))
    found["How each was limited"] = "\n".join(
        f"- {label}: `{data.fact(label, 'limit')}`"
        + (f" ({why})" if (why := _SERVERS[label].why) else "")
        for label in data.labels
    )
    return found


def _plots(data: Data) -> Mapping[str, str]:
    shares = {float(index): NAMES[index] for index in range(BACK)}
    return {
        "goodput": _curves(data, "Goodput", "goodput, % of capacity", shares, "goodput"),
        "p99": _curves(data, "p99 of the good answers", "ms", shares, "p99"),
    }


def _curves(data: Data, title: str, axis: str, shares: Mapping[float, str], what: str) -> str:
    series = {}
    for label in data.labels:
        figures = [(at, data.figure(label, getattr(BY_PHASE[int(at)], what))) for at in shares]
        points = [(at, figure) for at, figure in figures if figure]
        if points:
            series[label] = points
    return charts.lines(
        f"{title}, by load",
        series,
        x_axis="visitors, as a share of what the server can serve",
        y_axis=axis,
        logarithmic=what == "p99",
        x_names=shares,
    )


def _answer(data: Data) -> str:
    worst = max(range(len(PHASES)), key=lambda index: PHASES[index][0])
    parts = []
    for label in data.labels:
        goodput = data.figure(label, BY_PHASE[worst].goodput)
        tail = data.figure(label, BY_PHASE[worst].p99)
        recovery = data.figure(label, RECOVERY)
        if goodput and recovery:
            late = f" with a p99 of {tail.text(0)} ms" if tail else ""
            back = (
                f"back to normal after {recovery.text(2)} s"
                if recovery.value < _LOOKED_AT
                else f"not back to normal within {_LOOKED_AT:g} s"
            )
            parts.append(f"{label} {goodput.text(0)} %{late}, {back}")
    if not parts:
        return "Nothing was measured in this run."
    return (
        f"Goodput at {NAMES[worst].removesuffix('x')} times the capacity, in % of that: "
        f"{'; '.join(parts)}."
    )


STUDY = Study(
    name="overload",
    title="More than it can do",
    question=(
        "What is left of a server when more is asked of it than it can do? One worker, and a "
        "handler that computes for about 1.5 ms. A closed loop says how many requests a second it "
        "can serve; then visitors come at shares of that, whatever the server does. Each opens a "
        f"connection, asks once, and leaves after {_PATIENCE:g} s. Goodput is what is answered 200 "
        "by then: work for those who have left is lost, and a server that works off its queue in "
        "order may do nothing else. Each server with and without its limit. When the load has "
        "fallen from twice the capacity to half of it: how long until answers take no longer than "
        "before?"
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "Client and server share two CPUs; a single worker leaves the client its own, mostly.",
        "Phases follow each other without a pause: what is left of one is served in the next.",
        "A visitor whose connection the kernel has no place for counts as unanswered.",
        f"Recovered after {_LOOKED_AT:g} s: not within the time that was looked at.",
        "Unanswered: left without an answer, broken off, or answered with another status.",
    ),
    options=(
        Option(
            "servers",
            "servers, with a limit or without",
            tuple(map(_name, _DEFAULT)),
            tuple(_BY_NAME),
        ),
    ),
    control="subsrv, limit",
    rounds=3,
    timing=Timing(warm_up=0, values=1, seconds=_SECONDS),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
