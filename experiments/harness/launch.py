"""One launch of a server: started, checked, warmed up, measured, checked again and stopped."""

import datetime
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.harness import metrics
from experiments.harness.configuration import Configuration, Facts, Timing
from experiments.harness.cpus import Split
from experiments.harness.floor import FloorError
from experiments.harness.interpreters import InterpreterError, Interpreters
from experiments.harness.measure import RoundError, measure
from experiments.harness.metrics import Metric
from experiments.harness.server import Server, in_words
from experiments.harness.verify import WrongAnswerError, first_answer
from experiments.harness.workers import check_gil, gil, states
from subsrv.bench.launch import LaunchError
from subsrv.bench.load import LoadError
from subsrv.bench.processes import memory
from subsrv.bench.wrk import WrkError

#: Whatever can go wrong with one launch and leaves the others worth having.
FAILURES = (
    LaunchError,
    WrongAnswerError,
    RoundError,
    InterpreterError,
    FloorError,
    WrkError,
    LoadError,
)


@dataclass(slots=True)
class Series:
    """What one launch has of one metric."""

    unit: str
    values: list[float] = field(default_factory=list)
    warmups: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Launch:
    """One launch, whole or failed: what becomes one pyperf run in each of its benchmarks."""

    number: int
    label: str
    round: int
    metadata: dict[str, str | int | float]
    series: dict[str, Series] = field(default_factory=dict)
    failure: str = ""


def _now() -> str:
    """This moment, universal time, as pyperf writes dates."""
    now = datetime.datetime.now(datetime.UTC)
    return now.replace(tzinfo=None).isoformat(" ", "seconds")


def launch(
    configuration: Configuration,
    *,
    number: int,
    round_: int,
    timing: Timing,
    interpreters: Interpreters,
    split: Split,
) -> Launch:
    """Measure one launch. What goes wrong is in its `failure`, and then it has no values."""
    begun = time.monotonic()
    result = Launch(
        number=number,
        label=configuration.label,
        round=round_,
        metadata={
            "date": _now(),
            "load_avg_1min": round(os.getloadavg()[0], 2),
        },
    )
    try:
        series, facts = _measured(configuration, number, timing, interpreters, split)
    except FAILURES as error:
        result.failure = in_words(error)
    else:
        result.series = series
        result.metadata |= facts
    result.metadata["load_avg_1min_after"] = round(os.getloadavg()[0], 2)
    result.metadata["duration"] = round(time.monotonic() - begun, 2)
    return result


def _measured(
    configuration: Configuration,
    number: int,
    timing: Timing,
    interpreters: Interpreters,
    split: Split,
) -> tuple[dict[str, Series], Facts]:
    """The values and the facts that only a running server has. Raises one of FAILURES."""
    command = configuration.command(interpreters)
    found: dict[str, Series] = {}

    def keep(values: Mapping[Metric, float], *, warm_up: bool = False) -> None:
        for metric, value in values.items():
            series = found.setdefault(metric.name, Series(metric.unit))
            (series.warmups if warm_up else series.values).append(value)

    with Server(command, pinned=None if split.shared else split.server) as server:
        keep({metrics.READY: first_answer(server, configuration.path)})
        size = configuration.check(server)
        used = memory(server.pid)
        keep({metrics.PSS_READY: used.pss, metrics.USS_READY: used.uss})
        seen = states(server, configuration.workers) if configuration.stateful else []
        for index in range(1 + timing.values):
            warm_up = index == 0
            seconds = timing.warm_up if warm_up else timing.seconds
            if not seconds:
                continue
            values = measure(
                server,
                configuration.load,
                seconds=seconds,
                # Another one for each call in the whole study.
                number=number * (1 + timing.values) + index + 1,
                workers=configuration.workers,
                response_size=size,
                client=split.alone,
            )
            used = memory(server.pid)
            values |= {metrics.PSS: used.pss, metrics.USS: used.uss}
            if configuration.observe:
                values |= configuration.observe(server)
            keep(values, warm_up=warm_up)
        if configuration.stateful:
            seen += states(server, configuration.workers)
        configuration.check(server)
    facts: dict[str, str | int | float] = dict(command.facts)
    if seen:
        check_gil(str(configuration.facts.get("mode", "")), seen)
        facts |= {"gil_in_request": gil(seen), "switch_interval": seen[0]["switch_interval"]}
    return found, facts
