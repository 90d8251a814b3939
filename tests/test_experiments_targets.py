"""Targets: what is met, what is missed, and what the comparison says where nothing was measured."""

import pytest
from experiments_fakes import recorded

from experiments import comparison, comparison_targets
from experiments.harness.figures import Figure
from experiments.harness.pages import targets_table
from experiments.harness.study import Target

# Microseconds of CPU; what is not here was not launched.
_COSTS: dict[str, float | str] = {
    "hello subsrv-native 1": 13.0,
    "hello subsrv-asgi 1": 15.0,
    "hello subsrv-asgi-process 1": 15.0,
    "hello floor 1": 10.0,
    "hello uvicorn-zttp 1": 30.0,
    "hello uvicorn-httptools 1": 20.0,
    "hello granian-asgi 1": "it does not start",
    # Of two workers: no target looks at it.
    "hello subsrv-asgi 2": 1.0,
    "varied subsrv-asgi 1": 18.0,
    "pipelined subsrv-asgi 1": 4.0,
    "pipelined fastpysgi-asgi 1": 6.0,
    "limited subsrv-asgi 1": 20.0,
    "limited fastpysgi-asgi 1": "no answer within 10 s",
    "stream subsrv-asgi 1": "a wrong answer",
    "stream granian-asgi 1": 90.0,
}


def _stored(label: str, round_: int) -> float | str | None:
    cost = _COSTS.get(label)
    # A round in which everything was dearer: ratios do not see it.
    return cost * 1e-6 * (2 if round_ == 2 else 1) if isinstance(cost, float) else cost


def _rows() -> dict[str, tuple[str, ...]]:
    workloads = ["hello", "varied", "pipelined", "limited", "stream"]
    data = recorded(comparison.STUDY, _stored, workloads=workloads, workers=["1", "2"])
    table = targets_table(comparison_targets.targets(data))
    return {name: tuple(rest) for name, *rest in table.rows}


def test_the_targets_of_the_comparison() -> None:
    rows = _rows()
    for name, row in {
        "hello: subsrv-native / floor": ("≤ 1.35", "1.30 [1.30, 1.30]", "met"),
        "hello: subsrv-native / pyronova": ("≤ 0.75", "", "not measured"),
        "hello: subsrv-asgi / the best uvicorn (uvicorn-httptools)": (
            *("≤ 0.6", "0.75 [0.75, 0.75]", "MISSED"),
        ),
        "hello: subsrv-asgi / granian-asgi": ("≤ 0.55", "", "peer failed"),
        "hello: subsrv-asgi / subsrv-asgi-process": ("≤ 1.03", "1.00 [1.00, 1.00]", "met"),
        "varied: subsrv-asgi / hello subsrv-asgi": ("≤ 1.35", "1.20 [1.20, 1.20]", "met"),
        "pipelined: subsrv-asgi / fastpysgi-asgi, requests per CPU second": (
            *("≥ 1", "1.50 [1.50, 1.50]", "met"),
        ),
        "limited: subsrv-asgi / fastpysgi-asgi": ("≤ 1", "", "peer failed"),
        "stream: subsrv-asgi / granian-asgi": ("≤ 1", "", "MISSED: subsrv failed"),
        "stream: subsrv-asgi / the best uvicorn": ("≤ 1", "", "not measured"),
        "upload: subsrv-wsgi / fastpysgi-wsgi": ("≤ 1.2", "", "not measured"),
    }.items():
        assert rows[name] == row, name


def test_targets_of_nothing_are_not_met() -> None:
    data = recorded(comparison.STUDY, lambda *_: None)
    found = comparison_targets.targets(data)
    assert {each.verdict for each in found} == {"not measured"}
    assert len({each.name for each in found}) == len(found)


@pytest.mark.parametrize(
    ("value", "least", "verdict"),
    [
        (0.9, False, "met"),
        (1.0, False, "met"),
        (1.1, False, "MISSED"),
        (1.1, True, "met"),
        (None, True, "not measured"),
        (Figure(0.9, 0.8, 1.0, 3), False, "met"),
        (Figure(0.9, 0.8, 1.1, 3), False, "met, but the interval reaches across"),
        (Figure(1.1, 0.9, 1.2, 3), False, "MISSED, but the interval reaches across"),
        (Figure(1.1, 1.05, 1.2, 3), False, "MISSED"),
        (Figure(1.1, 0.9, 1.2, 3), True, "met, but the interval reaches across"),
    ],
)
def test_a_verdict(value: Figure | float | None, least: bool, verdict: str) -> None:
    target = Target("x", value, 1.0, least)
    assert target.verdict == verdict
    assert target.met == verdict.startswith("met")
