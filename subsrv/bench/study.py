"""The study: one application in several modes, launched in turn, in a shuffled order."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from subsrv.bench import launch, measure
from subsrv.bench.launch import Server
from subsrv.bench.load import Check
from subsrv.bench.machine import Cpus
from subsrv.bench.measure import Figures, Traffic
from subsrv.errors import SubsrvError

# Of the slowest mode's capacity: there, latency shows the server and not a queue that grows.
_SHARE_OF_CAPACITY = 0.5
_PROBE = 1.0  # seconds, at most


@dataclass(frozen=True, slots=True)
class Setup:
    """One configuration. `again` marks the A/A control, the twin of another one."""

    mode: str
    workers: int
    again: bool = False

    def __str__(self) -> str:
        return f"{self.mode} x{self.workers}{' again' if self.again else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to study, and how long."""

    app: str
    options: tuple[str, ...]
    modes: tuple[str, ...]
    workers: tuple[int, ...]
    rounds: int
    seed: int
    cpus: Cpus
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One launch of one configuration, and what it measured."""

    setup: Setup
    round: int
    figures: Figures
    detail: dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What a study found so far.

    Attributes:
      refusals: modes that do not load the application, with the server's reason.
      failures: configurations in which something failed; their runs are left out.
      rate: of the open loop, requests a second.
    """

    refusals: dict[str, str] = field(default_factory=dict)
    failures: dict[Setup, str] = field(default_factory=dict)
    setups: list[Setup] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    rate: float | None = None
    check: Check = Check.LENGTH
    interrupted: bool = False

    def of(self, setup: Setup) -> list[Run]:
        """The runs of a configuration by round; none where it failed."""
        found = [run for run in self.runs if run.setup == setup and setup not in self.failures]
        return sorted(found, key=lambda run: run.round)

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "rate": self.rate,
            "check": self.check.value,
            "interrupted": self.interrupted,
            "refusals": self.refusals,
            "failures": {str(setup): why for setup, why in self.failures.items()},
            "setups": [asdict(setup) for setup in self.setups],
            "runs": [
                {
                    "setup": str(run.setup),
                    "round": run.round,
                    **asdict(run.figures),
                    "detail": run.detail,
                }
                for run in self.runs
            ],
        }


class Study:
    """Carries a plan out. `outcome` is always what there is so far."""

    def __init__(self, plan: Plan, say: Callable[[str], object]) -> None:
        self._plan = plan
        self._say = say
        self.outcome = Outcome(rate=plan.traffic.rate, check=plan.traffic.check)

    def run(self) -> None:
        """Run to the end, or to a KeyboardInterrupt, which is noted and goes no further."""
        try:
            self._probe()
            self._rounds()
        except KeyboardInterrupt:
            self.outcome.interrupted = True

    def _launch(self, setup: Setup) -> Server:
        plan = self._plan
        words = launch.command(
            plan.app, mode=setup.mode, workers=setup.workers, options=plan.options
        )
        return Server(words, cpus=plan.cpus.server)

    def _traffic(self) -> Traffic:
        return replace(self._plan.traffic, rate=self.outcome.rate, check=self.outcome.check)

    def _probe(self) -> None:
        """See which modes load the application and answer, and how much the slowest can take."""
        plan, outcome = self._plan, self.outcome
        slowest = float("inf")
        for mode in plan.modes:
            self._say(f"{mode}: does it load?")
            setup = Setup(mode, plan.workers[0])
            try:
                server = self._launch(setup)
            except SubsrvError as error:
                outcome.refusals[mode] = str(error)
                continue
            try:
                with server:
                    self._check(server)
                    if outcome.rate is None:
                        traffic = self._traffic()
                        brief = replace(traffic, duration=min(_PROBE, traffic.duration))
                        slowest = min(slowest, measure.capacity(server, brief)[0])
            except SubsrvError as error:
                outcome.failures[setup] = str(error)
                outcome.refusals[mode] = f"loads, but {error}"
                continue
            outcome.setups += (Setup(mode, count) for count in plan.workers)
        if outcome.setups:
            # The first one twice: what these two differ in is noise.
            outcome.setups.insert(1, replace(outcome.setups[0], again=True))
        if outcome.rate is None and outcome.setups:
            outcome.rate = max(1.0, round(slowest * _SHARE_OF_CAPACITY))

    def _check(self, server: Server) -> None:
        """Each request once more; where lengths vary from answer to answer, status must do."""
        try:
            measure.check(server, self._traffic())
        except measure.RunError as error:
            if self.outcome.check is not Check.LENGTH or "content" not in str(error):
                raise
            self.outcome.check = Check.STATUS
            measure.check(server, self._traffic())

    def _rounds(self) -> None:
        order = list(self._order())
        for number, (turn, setup) in enumerate(order, 1):
            self._say(f"[{number}/{len(order)}] round {turn}: {setup}")
            if setup in self.outcome.failures:
                continue
            try:
                with self._launch(setup) as server:
                    figures, detail = measure.measure(server, setup.workers, self._traffic())
            except SubsrvError as error:
                self.outcome.failures[setup] = str(error)
            else:
                run = Run(setup=setup, round=turn, figures=figures, detail=detail)
                self.outcome.runs.append(run)

    def _order(self) -> Iterator[tuple[int, Setup]]:
        """Each round has every configuration once, each time in another order."""
        rng = random.Random(self._plan.seed)
        for turn in range(1, self._plan.rounds + 1):
            setups: Sequence[Setup] = self.outcome.setups
            for setup in rng.sample(setups, len(setups)):
                yield turn, setup
