"""What the runs say, and how sure that is: nothing within the A/A control's spread is a difference.

Two configurations are compared round by round, for what disturbs a machine disturbs neighbours.
The control, one configuration entered twice, has shown by how much equals differ; a difference
counts when its median is beyond the largest of those and every round agrees on its direction.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from subsrv.bench.measure import Figures
from subsrv.bench.study import Outcome, Setup


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of each run, how it is shown, and whether more of it is better."""

    title: str
    value: Callable[[Figures], float]
    digits: int
    more_is_better: bool = False


RATE = Metric("requests/s", lambda run: run.requests_per_second, 0, more_is_better=True)
CPU = Metric("CPU µs/request", lambda run: run.cpu_us, 1)
P50 = Metric("p50 ms", lambda run: run.p50_us / 1000, 2)
P99 = Metric("p99 ms", lambda run: run.p99_us / 1000, 2)
PSS = Metric("PSS MiB/worker", lambda run: run.pss_kib / 1024, 1)
READY = Metric("ready s", lambda run: run.ready_s, 2)

METRICS = (RATE, CPU, P50, P99, PSS, READY)


def values(outcome: Outcome, setup: Setup, metric: Metric) -> list[float]:
    """One figure of one configuration, round by round."""
    return [metric.value(run.figures) for run in outcome.of(setup)]


def spread(outcome: Outcome, metric: Metric) -> float | None:
    """The largest difference of the A/A control in one round, as a ratio less 1; None without."""
    twin = next((setup for setup in outcome.setups if setup.again), None)
    if twin is None:
        return None
    ratios = _logarithms(outcome, twin, Setup(twin.mode, twin.workers), metric)
    return math.expm1(max(map(abs, ratios))) if ratios else None


def compare(outcome: Outcome, one: Setup, other: Setup, metric: Metric) -> float | None:
    """The ratio of `one` to `other`, less 1, where it is a difference; None where it is a tie."""
    ratios = _logarithms(outcome, one, other, metric)
    noise = spread(outcome, metric)
    if not ratios or noise is None:
        return None
    middle = median(ratios)
    agreed = all(ratio > 0 for ratio in ratios) or all(ratio < 0 for ratio in ratios)
    return math.expm1(middle) if agreed and abs(middle) > math.log1p(noise) else None


def better(outcome: Outcome, one: Setup, other: Setup, metric: Metric) -> bool:
    """Whether `one` is better than `other`, and not only by chance."""
    difference = compare(outcome, one, other, metric)
    return difference is not None and (difference > 0) == metric.more_is_better


def _logarithms(outcome: Outcome, one: Setup, other: Setup, metric: Metric) -> list[float]:
    """Logarithms of the ratios of each round that has both."""
    below = {run.round: metric.value(run.figures) for run in outcome.of(other)}
    return [
        math.log(metric.value(run.figures) / below[run.round])
        for run in outcome.of(one)
        if run.round in below and below[run.round] > 0 and metric.value(run.figures) > 0
    ]


def recommend(outcome: Outcome, *, shared_cpus: bool) -> str:
    """One paragraph: what to choose, why, and how sure that is."""
    ran = [setup for setup in outcome.setups if not setup.again and outcome.of(setup)]
    if not ran:
        return "Nothing was measured, so nothing is recommended."
    runs = [run for setup in ran for run in outcome.of(setup)]
    rounds = min(len(outcome.of(setup)) for setup in ran)
    first = _first_metric(outcome, ran)
    if rounds < 2 or spread(outcome, first) is None:
        return (
            f"{_round_count(rounds)} of each configuration and no A/A control is too little to "
            "tell differences from noise, so nothing is recommended."
        )
    best = _best(outcome, ran, first)
    ties = [setup for setup in ran if not better(outcome, best, setup, first)]
    choice = _best(outcome, ties, PSS)
    words = [f"Use {_spoken(choice)}."]
    if len(ran) == 1:
        words = [f"Only {_spoken(choice)} was measured, so there is nothing to choose from."]
    elif len(ties) == len(ran):
        words.append(f"All configurations tie in {first.title}")
    elif len(ties) == 1:
        words.append(f"It is ahead of all others in {first.title}")
    else:
        others = ", ".join(_spoken(setup) for setup in ties if setup != choice)
        words.append(f"It ties in {first.title} with {others}, and the rest is behind")
    if len(ran) > 1:
        words[-1] += f" ({_range(outcome, choice, first)}){_memory(outcome, ties, choice)}."
        words.append(_latency(outcome, ran, choice))
    noise = spread(outcome, first) or 0.0
    words.append(
        f"This rests on {_round_count(rounds)}; equal servers differed by up to {noise:.0%} in "
        f"{first.title}, so less than that counts as a tie."
    )
    if any(run.figures.saturated for run in runs):
        words.append(
            "The client used up its CPU, so requests/s show the client"
            + (", and CPU for each request decides." if first is CPU else " in part.")
        )
    if any(run.figures.late for run in runs):
        words.append("The client itself sent late at times, so latencies are too high.")
    if shared_cpus:
        words.append(
            "Client and server shared the CPUs, so this shows what each mode costs, and not how "
            "far it scales."
        )
    return " ".join(word for word in words if word)


def _first_metric(outcome: Outcome, ran: Sequence[Setup]) -> Metric:
    """Requests per second decide, unless it was the client that set them for most."""
    runs = [run for setup in ran for run in outcome.of(setup)]
    saturated = sum(run.figures.saturated for run in runs)
    return CPU if saturated * 2 > len(runs) else RATE


def _best(outcome: Outcome, setups: Sequence[Setup], metric: Metric) -> Setup:
    choose = max if metric.more_is_better else min
    return choose(setups, key=lambda setup: median(values(outcome, setup, metric)))


def _spoken(setup: Setup) -> str:
    return f"--mode {setup.mode} --workers {setup.workers}"


def _round_count(rounds: int) -> str:
    return "1 round" if rounds == 1 else f"{rounds} rounds"


def _range(outcome: Outcome, setup: Setup, metric: Metric) -> str:
    found = values(outcome, setup, metric)
    low, high = (f"{value:,.{metric.digits}f}" for value in (min(found), max(found)))
    return f"{low} to {high} {metric.title}"


def _memory(outcome: Outcome, ties: Sequence[Setup], choice: Setup) -> str:
    if len(ties) < 2:
        return ""
    decided = all(better(outcome, choice, each, PSS) for each in ties if each != choice)
    mebibytes = median(values(outcome, choice, PSS))
    rank = "the least of these" if decided else "which is no clear difference, either"
    return f"; its workers take {mebibytes:.1f} MiB each, {rank}"


def _latency(outcome: Outcome, ran: Sequence[Setup], choice: Setup) -> str:
    quicker = [setup for setup in ran if better(outcome, setup, choice, P99)]
    if not quicker:
        return f"At {outcome.rate:,.0f} requests/s none has a better p99."
    best = _best(outcome, quicker, P99)
    return (
        f"At {outcome.rate:,.0f} requests/s {_spoken(best)} has a better p99: "
        f"{median(values(outcome, best, P99)):.2f} instead of "
        f"{median(values(outcome, choice, P99)):.2f} ms."
    )
