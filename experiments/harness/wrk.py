"""The closed loop of the studies: wrk, run as subsrv's own `bench.wrk` has it."""

from dataclasses import dataclass
from pathlib import Path

from experiments.harness import metrics
from experiments.harness.load import Outcome
from experiments.harness.metrics import Metric
from experiments.harness.paths import REPOSITORY
from subsrv.bench import wrk
from subsrv.bench.machine import pinned

_PERCENTILES = {50.0: metrics.P50, 90.0: metrics.P90, 99.0: metrics.P99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrk:
    """A closed loop: each connection sends its next request when the last one is answered.

    Attributes:
      threads: of the client; 0: one for each CPU that it has alone, and a single one without any.
      script: Lua of this repository, with its arguments.
      seeded: whether the script's last argument is to be another number each time.
      percentiles: whether to report them. Of a closed loop they say nothing about other loads.
      sized: whether every response is as long as the one that was checked before.
      timeout: seconds after which a request counts as failed.
    """

    connections: int = 256
    threads: int = 0
    path: str = "/"
    script: Path | None = None
    arguments: tuple[str, ...] = ()
    seeded: bool = False
    percentiles: bool = False
    sized: bool = True
    timeout: int = 2

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people."""
        return " ".join(self._load(seconds, self._threads(client), "SEED").command("URL"))

    def client(self) -> str:
        """What wrk calls itself; WrkError, saying how to get it, where it is missing."""
        return wrk.version()

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; WrkError if wrk ends badly or not in time."""
        threads = self._threads(client)
        with pinned(client):
            output, cpu = wrk.run(self._load(seconds, threads, str(number)), url, cwd=REPOSITORY)
        report = wrk.parse(output)
        return Outcome(
            requests=report.requests,
            seconds=report.seconds,
            bytes_read=report.bytes_read if self.sized else None,
            client_cpu=cpu,
            client_threads=threads,
            partial=self.connections,
            figures=_figures(report),
            faults=report.faults,
        )

    def _threads(self, client: frozenset[int] | None) -> int:
        """As many as can be of use: wrk wants a connection for each at least."""
        return min(self.threads or (len(client) if client else 1), self.connections)

    def _load(self, seconds: int, threads: int, seed: str) -> wrk.Load:
        return wrk.Load(
            duration=seconds,
            connections=self.connections,
            threads=threads,
            path=self.path,
            script=self.script.relative_to(REPOSITORY) if self.script else None,
            arguments=(*self.arguments, *((seed,) if self.seeded else ())),
            timeout=self.timeout,
            percentiles=self.percentiles,
        )


def _figures(report: wrk.Report) -> dict[Metric, float]:
    """What wrk says beyond the number of requests."""
    return {
        metrics.LATENCY_MEAN: report.latency_mean,
        metrics.LATENCY_MAX: report.latency_max,
        **{
            _PERCENTILES[percent]: value
            for percent, value in report.percentiles
            if percent in _PERCENTILES
        },
    }
