"""A closed loop of so many requests, whatever time they take: for what depends on their number."""

import platform
from dataclasses import dataclass

from experiments.harness.load import Outcome
from subsrv.bench import client
from subsrv.bench.client import Report
from subsrv.bench.load import Load
from subsrv.bench.machine import pinned
from subsrv.bench.requests import Request

_LONGEST = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """So many requests, by subsrv's own client, on new connections."""

    count: int
    connections: int = 16
    path: str = "/"

    def describe(self, seconds: int) -> str:
        """The command, for people; the study's seconds have no part in it."""
        return (
            f"python -m subsrv.bench.client URL{self.path} --count {self.count} "
            f"--connections {self.connections}"
        )

    def client(self) -> str:
        """The client is of this commit; its Python is that of the study."""
        return f"subsrv.bench.client on CPython {platform.python_version()}"

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; LoadError if the client does not report."""
        report = self._report(url, client)
        return Outcome(
            requests=report.answered,
            seconds=report.seconds,
            bytes_read=report.bytes_read,
            client_cpu=report.client_cpu,
            client_threads=1,
            faults=report.trouble,
        )

    def _report(self, url: str, cpus: frozenset[int] | None) -> Report:
        load = Load(
            requests=(Request(path=self.path),),
            connections=self.connections,
            duration=_LONGEST,
            count=self.count,
        )
        with pinned(cpus):
            return client.run(url, load)
