"""Do two workers do twice the work of one? A handler of half a millisecond of Python tells."""

from functools import partial
from typing import Any

from experiments.apps.cpu import answer
from experiments.harness.contest import Contest, ratios, values
from experiments.harness.section import Options, Target, cells, median
from experiments.harness.server import subsrv
from experiments.harness.table import Table
from experiments.harness.wrk import Load

# Enough that no worker waits for the client, few enough that the client costs next to nothing.
_CONNECTIONS = 16
_TRAFFIC = "cpu"
_WORKERS = (1, 2)
_HEADING = (
    *("mode", "python", "1 worker, requests/s", "2 workers, requests/s", "2 x 1", "range"),
    *("CPU, 2 workers", "client CPU"),
)
_LIMITS = {"interp": 1.9, "process": 1.9, "nogil": 1.8}


def _name(mode: str, workers: int) -> str:
    return f"{mode} {workers}"


def run(options: Options) -> dict[str, Any]:
    """Measure; returns the raw values."""
    app = f"experiments.apps.cpu:{options.interfaces[0]}"

    def command(mode: str, workers: int) -> tuple[str, ...]:
        python = options.interpreters.for_mode(mode)
        return subsrv(python.path, app, mode=mode, workers=workers)

    with Contest() as contest:
        for mode in options.modes:
            for workers in _WORKERS:
                contest.add(
                    _name(mode, workers),
                    partial(command, mode, workers),
                    answer(),
                )
        contest.run(
            {_TRAFFIC: lambda _: Load(duration=options.duration, connections=_CONNECTIONS)},
            rounds=options.rounds,
            seed=options.seed,
            title="scaling",
        )
    return {
        "modes": options.modes,
        "interpreters": options.interpreters.facts(options.modes),
        **contest.record(),
    }


def _gains(raw: dict[str, Any], mode: str) -> list[float]:
    one, two = (
        values(raw, _name(mode, workers), _TRAFFIC, "requests_per_second") for workers in _WORKERS
    )
    return ratios(two, one)


def tables(raw: dict[str, Any]) -> list[Table | str]:
    """The raw values as a table."""
    rows: list[tuple[str, ...]] = []
    for mode in raw["modes"]:
        one, two = (_name(mode, workers) for workers in _WORKERS)
        python = raw["interpreters"].get(mode, {}).get("name", "")
        rows.append(
            (
                mode,
                python,
                *(
                    "failed"
                    if name in raw["failures"]
                    else cells(values(raw, name, _TRAFFIC, "requests_per_second"), 0)[0]
                    for name in (one, two)
                ),
                *cells(_gains(raw, mode), 2),
                cells(values(raw, two, _TRAFFIC, "server_share"), 2)[0],
                cells(values(raw, two, _TRAFFIC, "client_share"), 2)[0],
            )
        )
    return [Table(_HEADING, rows, labels=2)]


def targets(raw: dict[str, Any]) -> list[Target]:
    """The project's limits. Threads under one GIL have none: they are there to be compared with."""
    return [
        Target(f"{mode}, 2 workers x 1", median(_gains(raw, mode)), _LIMITS[mode], least=True)
        for mode in raw["modes"]
        if mode in _LIMITS
    ]
