"""Do no-GIL workers share anything on the hot path? Then a request costs more with two of them."""

from functools import partial
from typing import Any

from experiments.harness.contest import Contest, ratios, values
from experiments.harness.section import Options, Target, cells, median
from experiments.harness.server import subsrv
from experiments.harness.table import Table
from experiments.harness.wrk import Load

_TRAFFIC = "repeated"
_ONE, _TWO = "1", "2"
_LIMIT = 1.15


def run(options: Options) -> dict[str, Any]:
    """Measure; returns the raw values."""
    app = f"subsrv.hello:{options.interfaces[0]}"

    def command(workers: str) -> tuple[str, ...]:
        python = options.interpreters.for_mode("nogil")
        return subsrv(python.path, app, mode="nogil", workers=int(workers))

    with Contest() as contest:
        for workers in (_ONE, _TWO):
            contest.add(workers, partial(command, workers))
        contest.run(
            {_TRAFFIC: lambda _: Load(duration=options.duration)},
            rounds=options.rounds,
            seed=options.seed,
            title="nogil",
        )
    return {"interpreters": options.interpreters.facts(["nogil"]), **contest.record()}


def tables(raw: dict[str, Any]) -> list[Table | str]:
    """The raw values as a table."""
    one = values(raw, _ONE, _TRAFFIC)
    rows: list[tuple[str, ...]] = []
    for workers in (_ONE, _TWO):
        if workers in raw["failures"]:
            rows.append((workers, "failed", "", "", "", "", ""))
            continue
        costs = values(raw, workers, _TRAFFIC)
        rows.append(
            (
                workers,
                *cells(costs, 2),
                *cells(ratios(costs, one), 2),
                cells(values(raw, workers, _TRAFFIC, "requests_per_second"), 0)[0],
                cells(values(raw, workers, _TRAFFIC, "server_share"), 2)[0],
            )
        )
    heading = ("workers", "CPU µs/request", "range", "x 1 worker", "range", "requests/s")
    return [Table((*heading, "server CPU"), rows)]


def targets(raw: dict[str, Any]) -> list[Target]:
    """The project's limit."""
    gain = median(ratios(values(raw, _TWO, _TRAFFIC), values(raw, _ONE, _TRAFFIC)))
    return [Target("nogil, CPU per request, 2 workers x 1", gain, _LIMIT)]
