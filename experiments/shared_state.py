"""Which objects stop threads without a GIL from scaling when they share them?"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from experiments import grid
from experiments.apps.objects import DONE
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, answers, serving
from experiments.harness.data import FAILED, Data
from experiments.harness.interpreters import FREE_THREADED, GIL
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import WORKERS

_OBJECTS = {
    "nothing": "local variables only",
    "counter": "an integer and its lock",
    "table": "a dictionary, read and written",
    "router": "regular expressions in a list",
    "logger": "a logger of the standard library",
    "template": "a tree of tags, only read",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where workers have their objects."""

    what: str
    mode: str
    leg: str
    module: str = "objects"


_PLACES = {
    "shared": _Place("threads without a GIL, one module for all", "nogil", FREE_THREADED),
    "apart": _Place(
        "threads without a GIL, a copy of the module for each", "nogil", FREE_THREADED,
        "objects_apart",
    ),
    "interp-t": _Place("interpreters of the free-threaded build", "interp", FREE_THREADED),
    "process-t": _Place("processes of the free-threaded build", "process", FREE_THREADED),
    "interp": _Place("interpreters of a build with a GIL", "interp", GIL),
}  # fmt: skip
_LOAD = Wrk(connections=16)


def _label(used: str, place: str, workers: str | int) -> str:
    return grid.label(place, workers, used)


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        serving(
            _label(used, name, workers),
            f"experiments.apps.{place.module}:{used}",
            _LOAD,
            mode=place.mode,
            workers=int(workers),
            leg=place.leg,
            check=answers(DONE),
            facts={"object": used, "place": name},
        )
        for used in settings["objects"]
        for name, place in _PLACES.items()
        if name in settings["places"]
        for workers in settings["workers"]
    ]


def _gains(data: Data) -> Table:
    """How many times the work of one worker the most workers do."""
    most = grid.most(data.settings)
    rows = []
    for used in data.settings["objects"]:
        cells = []
        for place in data.settings["places"]:
            labels = _label(used, place, most), _label(used, place, 1)
            gain = data.ratio(*labels, metrics.RATE)
            cells.append(gain.text(2) if gain else data.missing(*labels))
        rows.append((f"{used}: {_OBJECTS[used]}", *cells))
    return Table((f"requests/s of {grid.counted(most)} / 1", *data.settings["places"]), rows)


def _tables(data: Data) -> Mapping[str, Table | str]:
    most = grid.most(data.settings)
    costs = [
        (f"{used}, {place}", _label(used, place, most), _label(used, place, 1))
        for used in data.settings["objects"]
        for place in data.settings["places"]
    ]
    shown = (metrics.RATE, metrics.CPU, metrics.SERVER_CPUS, metrics.SWITCHES, metrics.CLIENT)
    facts = ("python_version", "gil_in_request")
    places = "\n".join(f"- {name}: {_PLACES[name].what}" for name in data.settings["places"])
    return {
        "Where the objects are": places,
        "What more workers gain": _gains(data),
        f"CPU of a request, {grid.counted(most)} beside one": tables.ratios(
            data, costs, [metrics.CPU]
        ),
        "Every configuration": tables.overview(data, shown, facts=facts),
    }


def _plots(data: Data) -> Mapping[str, str]:
    most = grid.most(data.settings)
    groups = {
        f"{used}: {_OBJECTS[used]}": [
            Bar(
                place,
                data.ratio(_label(used, place, most), _label(used, place, 1), metrics.RATE),
                series=index,
                failed=data.missing(_label(used, place, most), _label(used, place, 1)),
            )
            for index, place in enumerate(data.settings["places"])
        ]
        for used in data.settings["objects"]
    }
    title = f"Requests/s of {grid.counted(most)}, as a multiple of one worker's"
    return {"gain": charts.bars(title, groups, title, digits=2, reference=1.0)}


def _answer(data: Data) -> str:
    most = grid.most(data.settings)
    parts = []
    for place in data.settings["places"]:
        found = {
            used: gain
            for used in data.settings["objects"]
            if (gain := data.ratio(_label(used, place, most), _label(used, place, 1), metrics.RATE))
        }
        failed = [
            used
            for used in data.settings["objects"]
            if data.missing(_label(used, place, most), _label(used, place, 1)) == FAILED
        ]
        lacking = f", {' and '.join(failed)} failed" if failed else ""
        if place == "shared" and found:
            each = ", ".join(f"{used} {gain.text(2)}" for used, gain in found.items())
            parts.append(f"{_PLACES[place].what}: {each}{lacking}")
        elif found:
            least = min(found, key=lambda used: found[used].value)
            least_said = f"at least {found[least].text(2)} ({least})"
            parts.append(f"{_PLACES[place].what}: {least_said}{lacking}")
        elif failed:
            parts.append(f"{_PLACES[place].what}: all failed")
    if not parts:
        return "One worker beside more was not measured in this run."
    return f"{grid.counted(most)} do this many times the work of one; {'; '.join(parts)}."


STUDY = Study(
    name="shared_state",
    title="Objects that threads share",
    question=(
        "Which objects stop threads without a GIL from scaling when they share them? Handlers that "
        "use one kind of object many times in each request, about a millisecond in all: with the "
        "application's module loaded once for all threads, as usual, and once for each; and in "
        "isolates, which can share none of it. A hello world hides this: it uses nothing."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "Handlers do nothing but use the object: an application that does more beside it gains "
        "more.",
        "Loggers belong to the process: a copy of the application's module does not copy them.",
        "Interpreters of the free-threaded build share its allocator's and its runtime's locks.",
    ),
    options=(
        Option("objects", "kinds of object", tuple(_OBJECTS), tuple(_OBJECTS)),
        Option(
            "places", "where they are", ("shared", "apart", "interp-t", "interp"), tuple(_PLACES)
        ),
        WORKERS,
    ),
    control=_label("nothing", "shared", 2),
    rounds=3,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
