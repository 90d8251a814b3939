"""subsrv's own client (`subsrv.bench.client`), as the loads that it puts on have it in common."""

import platform
from collections.abc import Mapping

from experiments.harness.load import Outcome
from experiments.harness.metrics import Metric
from subsrv.bench import client
from subsrv.bench.client import Report
from subsrv.bench.load import Load
from subsrv.bench.machine import pinned


def name() -> str:
    """The client is of this commit; its Python is that of the study."""
    return f"subsrv.bench.client on CPython {platform.python_version()}"


def command(path: str, **options: int) -> str:
    """The client's command line, for people."""
    words = [f"--{option} {value}" for option, value in options.items()]
    return " ".join((f"python -m subsrv.bench.client URL{path}", *words))


def report(url: str, load: Load, cpus: frozenset[int] | None) -> Report:
    """Put the load on `url`, and return all that the client says. LoadError if it says nothing."""
    with pinned(cpus):
        return client.run(url, load)


def outcome(said: Report, figures: Mapping[Metric, float]) -> Outcome:
    """What it said, as every load says it; with the `figures` that it took."""
    return Outcome(
        requests=said.answered,
        seconds=said.seconds,
        bytes_read=said.bytes_read,
        client_cpu=said.client_cpu,
        client_threads=1,
        figures=figures,
        faults=said.trouble,
    )
