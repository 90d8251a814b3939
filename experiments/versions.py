"""What does the same server cost on other versions and builds of CPython?"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from experiments.apps.cpu import answer as work_done
from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import (
    Configuration,
    Timing,
    answers,
    says_hello,
    serving,
)
from experiments.harness.data import Data
from experiments.harness.interpreters import FREE_THREADED, FROM_SOURCE
from experiments.harness.load import Load
from experiments.harness.server import Server
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import REPEATED, VARIED_TRAFFIC

_CONTROL = FREE_THREADED + FROM_SOURCE
_LEGS = ("3.13", _CONTROL, FREE_THREADED, "3.14", "3.15")
_JIT_LEGS = ("3.14", "3.15")
_JIT = " JIT"
_FIRST = "3.14"  # the others are compared with it

_Check = Callable[[Server], int | None]
_WORK: dict[str, tuple[str, Load, _Check, bool]] = {
    "hello": ("experiments.apps.hello:asgi", REPEATED, says_hello, True),
    "varied": ("experiments.apps.hello:asgi", VARIED_TRAFFIC, says_hello, True),
    "work": ("experiments.apps.cpu:native", Wrk(connections=16), answers(work_done()), False),
}
_SAID = {FREE_THREADED: "free-threaded (t)", _CONTROL: "the same with a GIL (t-source)"}
_WHAT = {
    "hello": "an ASGI hello, repeated heads",
    "varied": "an ASGI hello, browser-like heads",
    "work": "half a millisecond of pure Python",
}


def _label(work: str, build: str) -> str:
    return f"{work} {build}"


def _builds(settings: Settings) -> list[str]:
    return [*settings["legs"], *(f"{leg}{_JIT}" for leg in settings["jit"])]


def _configuration(settings: Settings, name: str, build: str) -> Configuration:
    app, load, check, stateful = _WORK[name]
    return serving(
        _label(name, build),
        app,
        load,
        mode=settings["mode"][0],
        leg=build.removesuffix(_JIT),
        # Off, too, is said: a build may have it on.
        env={"PYTHON_JIT": "1" if build.endswith(_JIT) else "0"},
        stateful=stateful,
        check=check,
        facts={"work": name, "build": build},
    )


def _configurations(settings: Settings) -> list[Configuration]:
    return [
        _configuration(settings, name, build)
        for name in settings["work"]
        for build in _builds(settings)
    ]


def _facts(data: Data, build: str) -> Mapping[str, object] | None:
    """All that is known of a build; None where none of its launches went well."""
    for label in data.where(build=build):
        if name := data.fact(label, "python_build"):
            return dict(data.recording.builds[name])
    return None


def _flags(facts: Mapping[str, object]) -> list[str]:
    found = facts["configure"]
    assert isinstance(found, list)
    return [str(flag) for flag in found if flag != "--disable-gil"]


def _build_row(data: Data, build: str) -> tuple[str, ...]:
    facts = _facts(data, build)
    if facts is None:
        return (build, "not measured", "", "", "", "")
    jit = "on" if facts["jit"] else "off" if facts["jit_available"] else "not in this build"
    gil = "can be off" if facts["free_threaded"] else "always on"
    flags = " ".join(_flags(facts)) or "none recorded"
    return (build, str(facts["version"]), gil, jit, str(facts["compiler"]), flags)


def _equal(data: Data) -> str:
    """Whether the free-threaded build has a fair one with a GIL beside it."""
    free, control = _facts(data, FREE_THREADED), _facts(data, _CONTROL)
    if free is None or control is None:
        return f"{FREE_THREADED} and {_CONTROL} were not both measured."
    same = all(free[name] == control[name] for name in ("version", "compiler"))
    if same and _flags(free) == _flags(control):
        return (
            f"{FREE_THREADED} and {_CONTROL} are of one version, built by one compiler with the "
            "same flags but for `--disable-gil`: their difference is that of the builds."
        )
    return (
        f"{FREE_THREADED} and {_CONTROL} differ in more than `--disable-gil`: their difference is "
        "not that of the GIL alone."
    )


def _tables(data: Data) -> Mapping[str, Table | str]:
    heading = ("build", "version", "GIL", "JIT", "compiler", "flags of configure")
    rows = [_build_row(data, build) for build in _builds(data.settings)]
    shown = (metrics.CPU, metrics.RATE, metrics.SERVER_CPUS, metrics.CLIENT, metrics.PSS)
    facts = ("python_version", "jit", "gil_in_request")
    works = data.settings["work"]
    pairs = [
        (f"{name}: {above} / {below}", _label(name, above), _label(name, below))
        for name in works
        for above, below in _pairs(data.settings)
    ]
    by_work = {
        _WHAT[name][0].upper() + _WHAT[name][1:]: tables.overview(
            data, shown, facts=facts, labels=data.where(work=name)
        )
        for name in works
    }
    return {
        "The builds": f"{Table(heading, rows, labels=6).markdown()}\n\n{_equal(data)}",
        **by_work,
        "Beside each other": tables.ratios(data, pairs, [metrics.CPU]),
    }  # fmt: skip


def _pairs(settings: Settings) -> list[tuple[str, str]]:
    """What differs in one thing: versions, the GIL, the JIT."""
    builds = _builds(settings)
    apart = (_FIRST, FREE_THREADED, _CONTROL)
    found = [(each, _FIRST) for each in settings["legs"] if each not in apart]
    found.append((FREE_THREADED, _CONTROL))
    found += [(f"{leg}{_JIT}", leg) for leg in settings["jit"]]
    return [pair for pair in found if {*pair} <= {*builds}]


def _plots(data: Data) -> Mapping[str, str]:
    # Apart: beside half a millisecond of work, a hello is too small to be seen.
    hellos = [name for name in data.settings["work"] if name != "work"]
    works = [name for name in data.settings["work"] if name == "work"]
    return {
        file: _bars(data, names) for file, names in (("cost", hellos), ("work", works)) if names
    }


def _bars(data: Data, names: Sequence[str]) -> str:
    groups = {
        _WHAT[name]: [
            Bar(
                f"{build} ({data.python(label) or '?'})",
                data.figure(label, metrics.CPU),
                series=series,
                failed=data.missing(label),
            )
            for series, build in enumerate(_builds(data.settings))
            for label in [_label(name, build)]
        ]
        for name in names
    }
    title = "Server CPU per request, by version and build of CPython"
    return charts.bars(title, groups, metrics.CPU.heading, digits=1)


def _answer(data: Data) -> str:
    parts = []
    for name in data.settings["work"]:
        compared = partial(_compared, data, name)
        if found := [text for pair in _pairs(data.settings) if (text := compared(*pair))]:
            parts.append(f"{_WHAT[name]}: {', '.join(found)}")
    if not parts:
        return "No two builds were measured in this run."
    return f"Server CPU per request; {'; '.join(parts)}."


def _compared(data: Data, name: str, above: str, below: str) -> str:
    said = [_SAID.get(build, build) for build in (above, below)]
    labels = [_label(name, build) for build in (above, below)]
    if ratio := data.ratio(labels[0], labels[1], metrics.CPU):
        return f"{said[0]} {ratio.text(2)} times that of {said[1]}"
    failed = [each for each, label in zip(said, labels, strict=True) if data.failure(label)]
    return f"{' and '.join(failed)} failed" if failed else ""


STUDY = Study(
    name="versions",
    title="Versions and builds of CPython",
    question=(
        "What does the same server cost on other versions and builds of CPython, and what do the "
        "free-threaded build and the JIT change? One worker, in a process of its own so that all "
        "builds run it alike. Flags and compilers are read from each interpreter. A free-threaded "
        "build of this repository comes from source; the build with a GIL that can be compared "
        "with it is made from the same source with the same flags (`t-source`)."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "Interpreters from different sources have different compilers and flags: read 3.13 against "
        "3.14 with the table of builds.",
        "The JIT is experimental in these versions, and off unless it is asked for.",
    ),
    options=(
        Option("work", "what is asked for", tuple(_WORK), tuple(_WORK)),
        Option("legs", "builds", _LEGS, _LEGS),
        Option("jit", "those to run with the JIT on, too", _JIT_LEGS, _LEGS),
        Option("mode", "kind of worker", ("process",), ("process", "thread", "interp")),
    ),
    control=_label("hello", _FIRST),
    rounds=5,
    timing=Timing(warm_up=1, values=1, seconds=2),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
