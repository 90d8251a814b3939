"""More and more visitors, twice as many as the server can serve, and then few again.

First a closed loop says what the server can do. Then visitors come at parts of that: each phase
follows the one before without a gap, so that what a phase leaves behind meets the next. Refusals
are no faults here: they are what is asked about.
"""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from experiments.harness import metrics, visitors
from experiments.harness.load import Outcome
from experiments.harness.metrics import Metric
from experiments.harness.visitors import Plan, Visits
from subsrv.bench import client
from subsrv.bench.latency import percentile
from subsrv.bench.load import Load
from subsrv.bench.machine import pinned
from subsrv.bench.requests import Request

#: Shares of the capacity at which visitors come, and how much of the time each has. The last one is
#: the way back: a server that works off what the one before left needs as long as that took.
PHASES = ((0.5, 2), (0.9, 2), (1.2, 3), (2.0, 3), (0.5, 6))
BACK = len(PHASES) - 1
_CLOSED = 2  # of the time, for the closed loop
#: All of the time, in the same parts.
PARTS = _CLOSED + sum(part for _, part in PHASES)

_CONNECTIONS = 16  # of the closed loop: enough that the server always has something to do
_OK, _UNAVAILABLE = 200, 503

# pyperf takes values above zero only. So little stands for none.
_NONE = 1e-6
_NANOSECONDS = 1e9

# An answer is back to normal when it takes no longer than so many times the 99th percentile of the
# first phase, and than this at least: below, the machine's other work would be seen.
_NORMAL_TIMES = 3.0
_NORMAL_LEAST = 0.02
# Of the answers, those that may be late without anybody speaking of an overload.
_STRAYS = 0.01


@dataclass(frozen=True, slots=True)
class PhaseMetrics:
    """What is measured in a phase."""

    goodput: Metric
    refused: Metric
    lost: Metric
    p50: Metric
    p99: Metric

    @classmethod
    def of(cls, name: str) -> "PhaseMetrics":
        """Those of the phase of this name."""
        return cls(
            Metric(f"goodput, {name}", "integer", "goodput, % of capacity", 100, 0),
            Metric(f"refused, {name}", "integer", "refused, %", 100, 0),
            Metric(f"unanswered, {name}", "integer", "unanswered, %", 100, 0),
            Metric(f"p50 of the good, {name}", "second", "p50 of the good, ms", 1e3, 1),
            Metric(f"p99 of the good, {name}", "second", "p99 of the good, ms", 1e3, 1),
        )


#: Names of the phases, and what is measured in each.
NAMES = tuple(
    f"{share:g}x" if index != BACK else f"{share:g}x again"
    for index, (share, _) in enumerate(PHASES)
)
BY_PHASE = tuple(PhaseMetrics.of(name) for name in NAMES)

CAPACITY = Metric("wall time per request at capacity", "second", "capacity/s", digits=0, rate=True)
RECOVERY = Metric("time to recover", "second", "recovered after, s", 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """The load. A visitor waits for `patience` seconds; an answer that comes later is none."""

    answer: bytes
    patience: float = 1.0
    path: str = "/"

    def describe(self, seconds: int, client: frozenset[int] | None) -> str:
        """In words: there is no command that does all of it."""
        shares = ", ".join(f"{name} for {each:.3g} s" for name, each in self._named(seconds))
        return f"closed loop, then visitors at {shares}, each for {self.patience:g} s at most"

    def _named(self, seconds: float) -> list[tuple[str, float]]:
        return [
            (name, part * seconds / PARTS) for name, (_, part) in zip(NAMES, PHASES, strict=True)
        ]

    def client(self) -> str:
        """The clients are of this commit; their Python is that of the study."""
        return f"subsrv.bench.client and visitors on CPython {platform.python_version()}"

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; LoadError if a client does not report."""
        capacity = self._capacity(url, _CLOSED * seconds / PARTS, client)
        plan = Plan(
            phases=[(share * capacity, part * seconds / PARTS) for share, part in PHASES],
            patience=self.patience,
            path=self.path,
            answer=self.answer.decode("latin-1"),
        )
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        visits = visitors.run((parts.hostname, parts.port), plan, client)
        answered = sum(status > 0 for status in visits.statuses)
        return Outcome(
            requests=max(answered, 1),
            seconds=visits.seconds,
            bytes_read=None,
            client_cpu=visits.cpu,
            client_threads=1,
            figures={
                CAPACITY: 1 / capacity,
                metrics.LAG: max(visits.lag, _NONE),
                **figures(plan, visits, capacity),
            },
            faults="" if answered else f"no visit was answered: {'; '.join(visits.examples)}",
        )

    def _capacity(self, url: str, seconds: float, cpus: frozenset[int] | None) -> float:
        """Requests a second that the server answers when it always has some to answer."""
        request = Request(path=self.path, headers={"Connection": "close"}, answer=self.answer)
        load = Load(requests=(request,), connections=_CONNECTIONS, duration=seconds)
        with pinned(cpus):
            report = client.run(url, load)
        return max(report.rate, 1.0)


def figures(plan: Plan, visits: Visits, capacity: float) -> Mapping[Metric, float]:
    """What came of the phases; the percentiles of one without a good answer are missing."""
    found: dict[Metric, float] = {}
    begun = 0.0
    good = _good(visits, plan.patience)
    for measured, (_, seconds) in zip(BY_PHASE, plan.phases, strict=True):
        mine = [index for index, due in enumerate(visits.dues) if begun <= due < begun + seconds]
        begun += seconds
        waits = sorted(visits.waits[index] for index in mine if good[index])
        statuses = [visits.statuses[index] for index in mine]
        count = max(len(mine), 1)
        found[measured.goodput] = max(len(waits) / (capacity * seconds), _NONE)
        refused = statuses.count(_UNAVAILABLE)
        found[measured.refused] = max(refused / count, _NONE)
        found[measured.lost] = max((len(mine) - len(waits) - refused) / count, _NONE)
        if waits:
            for metric, share in ((measured.p50, 50.0), (measured.p99, 99.0)):
                found[metric] = _percentile(waits, share)
    found[RECOVERY] = _recovery(plan, visits, good, found.get(BY_PHASE[0].p99, math.inf))
    return found


def _good(visits: Visits, patience: float) -> list[bool]:
    return [
        status == _OK and wait <= patience
        for status, wait in zip(visits.statuses, visits.waits, strict=True)
    ]


def _percentile(ordered: Sequence[float], share: float) -> float:
    return percentile([round(each * _NANOSECONDS) for each in ordered], share) / _NANOSECONDS


def _recovery(plan: Plan, visits: Visits, good: Sequence[bool], usual: float) -> float:
    """Seconds from the beginning of the way back to the visitor from whom on all is as usual.

    But for one answer in a hundred. All of the phase where that never was.
    """
    normal = max(_NORMAL_TIMES * usual, _NORMAL_LEAST)
    back = sum(seconds for _, seconds in plan.phases[:BACK])
    strays = 0
    since = length = plan.phases[BACK][1]
    backwards = zip(reversed(visits.dues), reversed(visits.waits), reversed(good), strict=True)
    for seen, (due, wait, was_good) in enumerate(backwards, 1):
        if due < back:
            break
        strays += not (was_good and wait <= normal)
        if strays <= _STRAYS * seen:
            since = due - back
    return max(min(since, length), _NONE)
