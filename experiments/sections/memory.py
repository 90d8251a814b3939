"""What memory does one more worker take? PSS of the whole process tree with 1, 2 and 3 workers."""

import random
from typing import Any

from experiments.harness.contest import FAILURES, in_words
from experiments.harness.measure import measure
from experiments.harness.processes import memory
from experiments.harness.progress import Progress
from experiments.harness.section import Options, Target, cells, median
from experiments.harness.server import Server, subsrv
from experiments.harness.table import Table
from experiments.harness.verify import verify
from experiments.harness.wrk import Load

_WORKERS = (1, 2, 3)
_CONNECTIONS = 64
_READY, _USED = "ready", "used"
_LIMIT = 12.0  # MB for the second interp worker
_PSS, _USS = "pss_kib", "uss_kib"
_HEADING = (
    *("mode", "PSS, MB", "1 worker", "2 workers", "3 workers", "second adds", "third adds"),
    "second adds, USS",
)
_MB = 1024 / 1e6  # a KiB of the kernel's in MB


def run(options: Options) -> dict[str, Any]:
    """Measure, one launch a value; returns the raw values."""
    app = f"subsrv.hello:{options.interfaces[0]}"
    load = Load(duration=1, connections=_CONNECTIONS)
    launches: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    order = random.Random(options.seed)
    turns = [(mode, workers) for mode in options.modes for workers in _WORKERS]
    progress = Progress(options.rounds * len(turns))
    for number in range(1, options.rounds + 1):
        order.shuffle(turns)
        for mode, workers in turns:
            progress.step(f"memory: {mode}, {workers} workers")
            try:
                python = options.interpreters.for_mode(mode)
                with Server(subsrv(python.path, app, mode=mode, workers=workers)) as server:
                    ready = memory(server.pid)
                    size = len(verify(server))
                    measure(server, load, response_size=size)
                    used = memory(server.pid)
            except FAILURES as error:
                failures[f"{mode} {workers}"] = in_words(error)
                continue
            launches.append(
                {
                    "round": number,
                    "mode": mode,
                    "workers": workers,
                    _PSS: {_READY: ready.pss, _USED: used.pss},
                    _USS: {_READY: ready.uss, _USED: used.uss},
                }
            )
    progress.end()
    return {
        "modes": options.modes,
        "interpreters": options.interpreters.facts(options.modes),
        "launches": launches,
        "failures": failures,
    }


def _values(
    raw: dict[str, Any], figure: str, mode: str, *, workers: int, moment: str
) -> list[float]:
    return [
        launch[figure][moment] * _MB
        for launch in raw["launches"]
        if (launch["mode"], launch["workers"]) == (mode, workers)
    ]


def _added(
    raw: dict[str, Any], figure: str, mode: str, *, worker: int, moment: str
) -> float | None:
    """MB that the worker of this number adds: a difference of medians, as launches do not pair."""
    more = median(_values(raw, figure, mode, workers=worker, moment=moment))
    less = median(_values(raw, figure, mode, workers=worker - 1, moment=moment))
    return None if more is None or less is None else more - less


def tables(raw: dict[str, Any]) -> list[Table | str]:
    """The raw values as a table."""
    rows: list[tuple[str, ...]] = []
    for mode in raw["modes"]:
        for moment, shown in ((_READY, "when ready"), (_USED, "after traffic")):
            added = (
                _added(raw, figure, mode, worker=worker, moment=moment)
                for figure, worker in ((_PSS, 2), (_PSS, 3), (_USS, 2))
            )
            rows.append(
                (
                    mode,
                    shown,
                    *(
                        "failed"
                        if f"{mode} {workers}" in raw["failures"]
                        else cells(_values(raw, _PSS, mode, workers=workers, moment=moment), 1)[0]
                        for workers in _WORKERS
                    ),
                    *("n/a" if each is None else f"{each:+.1f}" for each in added),
                )
            )
    return [Table(_HEADING, rows, labels=2)]


def targets(raw: dict[str, Any]) -> list[Target]:
    """The project's limit, which is for interpreters."""
    if "interp" not in raw["modes"]:
        return []
    return [
        Target(f"interp, MB that the second worker adds, {shown}", added, _LIMIT)
        for moment, shown in ((_READY, "when ready"), (_USED, "after traffic"))
        for added in (_added(raw, _PSS, "interp", worker=2, moment=moment),)
    ]
