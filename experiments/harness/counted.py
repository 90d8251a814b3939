"""A closed loop of so many requests, whatever time they take: for what depends on their number."""

from dataclasses import dataclass

from experiments.harness import own
from experiments.harness.load import Outcome
from subsrv.bench.load import Load
from subsrv.bench.requests import Request

_LONGEST = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """So many requests, by subsrv's own client, on new connections."""

    count: int
    connections: int = 16
    path: str = "/"

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, for people; the study's seconds have no part in it."""
        return own.command(self.path, count=self.count, connections=self.connections)

    def client(self) -> str:
        """The client's name."""
        return own.name()

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; LoadError if the client does not report."""
        load = Load(
            requests=(Request(path=self.path),),
            connections=self.connections,
            duration=_LONGEST,
            count=self.count,
        )
        return own.outcome(own.report(url, load, client), {})
