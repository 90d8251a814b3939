"""An open loop: requests at a constant rate, each timed from the moment at which it was due.

The client is subsrv's own (`subsrv.bench.client`), which does not wait for answers before it sends
what is due next: a stall shows in every request that it delayed.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from experiments.harness import metrics, own
from experiments.harness.load import Outcome
from experiments.harness.metrics import Metric
from subsrv.bench.client import Report
from subsrv.bench.load import Load
from subsrv.bench.requests import Request

_PERCENTILES = {
    "p50": metrics.P50,
    "p90": metrics.P90,
    "p99": metrics.P99,
    "p99.9": metrics.P999,
    "max": metrics.LATENCY_MAX,
    "mean": metrics.LATENCY_MEAN,
}
_MICROSECOND = 1e-6

#: Of the second kind of requests in a `Mixed` load.
OTHERS_P50 = Metric("latency p50 of the others", "second", "slow ones: p50, ms", 1e3, 2)
OTHERS_P99 = Metric("latency p99 of the others", "second", "slow ones: p99, ms", 1e3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoop:
    """So many requests a second, whatever the server does.

    Attributes:
      connections: a request that is due while all of them wait for answers waits for one, and its
        waiting counts.
    """

    rate: int
    connections: int = 64
    path: str = "/"

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people."""
        return own.command(
            self.path, rate=self.rate, connections=self.connections, duration=seconds
        )

    def client(self) -> str:
        """The client's name."""
        return own.name()

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; LoadError if the client does not report."""
        report = self.report(url, seconds, client)
        return own.outcome(report, _figures(report))

    def report(self, url: str, seconds: int, cpus: frozenset[int] | None) -> Report:
        """All that the client says. LoadError if it says nothing."""
        load = Load(
            requests=(Request(path=self.path),),
            connections=self.connections,
            duration=seconds,
            rate=self.rate,
        )
        return own.report(url, load, cpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Two open loops at once, on connections of their own. Latencies are those of the first."""

    first: OpenLoop
    others: OpenLoop

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """Both commands, for people."""
        return " & ".join(each.describe(seconds, client) for each in (self.first, self.others))

    def client(self) -> str:
        """The same for both."""
        return self.first.client()

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put both loads on `url`; LoadError if a client does not report."""
        with ThreadPoolExecutor() as threads:
            running = [
                threads.submit(each.report, url, seconds, client)
                for each in (self.first, self.others)
            ]
            first, others = (each.result() for each in running)
        return Outcome(
            requests=first.answered + others.answered,
            seconds=max(first.seconds, others.seconds),
            bytes_read=None,
            client_cpu=first.client_cpu + others.client_cpu,
            client_threads=2,
            figures={
                **_figures(first),
                OTHERS_P50: others.latency_us["p50"] * _MICROSECOND,
                OTHERS_P99: others.latency_us["p99"] * _MICROSECOND,
            }
            if first.answered and others.answered
            else {},
            faults=", ".join(each.trouble for each in (first, others) if each.trouble),
        )


def _figures(report: Report) -> Mapping[Metric, float]:
    """Seconds; nothing where there was no answer, which is a fault of its own."""
    if not report.answered:
        return {}
    found = {
        metric: report.latency_us[name] * _MICROSECOND for name, metric in _PERCENTILES.items()
    }
    return {**found, metrics.LAG: report.lag_us["p99"] * _MICROSECOND}
