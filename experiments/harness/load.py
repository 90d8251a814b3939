"""What every load on a server has in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from experiments.harness.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a client saw, and what it took.

    Attributes:
      requests: answered ones.
      seconds: that the load lasted.
      bytes_read: of all answers; None where they differ in length and the client checks them.
      partial: at most so many more answers were under way at the end, and partly read.
      client_cpu: seconds, of all its threads.
      client_threads: how many CPUs the client could have used.
      figures: anything else that it measured, in the units of the raw data.
      faults: what went wrong, for people; empty if every request got its answer.
    """

    requests: int
    seconds: float
    bytes_read: float | None
    client_cpu: float
    client_threads: int
    partial: int = 0
    figures: Mapping[Metric, float] = field(default_factory=dict)
    faults: str = ""


class Load(Protocol):
    """A way to put work on a server."""

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """The command, or what comes near one, for people; `client` as for `run`."""

    def client(self) -> str:
        """The program that puts it on, and its version. WrkError where it is missing."""

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url` for whole seconds.

        Args:
          number: another one for each call, for loads that must not repeat themselves.
          client: the CPUs to run on; None for all.
        """
