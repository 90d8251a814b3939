"""Medians, intervals and comparisons."""

import pytest

from experiments.harness import figures
from experiments.harness.figures import Comparison, Figure
from experiments.harness.metrics import CPU, RATE


def test_a_figure_has_its_interval() -> None:
    found = figures.figure([3.0, 1.0, 2.0, 5.0, 4.0, 3.0])
    assert found is not None
    assert found.value == 3.0
    assert 1.0 <= found.low < 3.0 < found.high <= 5.0
    assert found.n == 6
    # More launches that agree make it narrower.
    more = figures.figure([3.0, 2.9, 3.1, 2.95, 3.05] * 4)
    assert more is not None
    assert more.high - more.low < found.high - found.low


def test_an_interval_is_the_same_each_time() -> None:
    values = [1.0, 1.5, 1.2, 1.7, 1.1, 1.3]
    assert figures.figure(values) == figures.figure(values)


def test_few_launches_show_their_range() -> None:
    assert figures.figure([2.0, 4.0]) == Figure(3.0, 2.0, 4.0, 2)
    assert figures.figure([1.0, 5.0, 3.0, 2.0, 4.0]) == Figure(3.0, 1.0, 5.0, 5)
    assert figures.figure([2.0]) == Figure(2.0, 2.0, 2.0, 1)
    assert figures.figure([]) is None


def test_a_ratio_pairs_rounds() -> None:
    # The machine becomes slower with each round: the ratio does not change.
    found = figures.ratio([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0])
    assert found == Figure(2.0, 2.0, 2.0, 4)
    assert figures.ratio([2.0, 9.0, 6.0], [1.0, 3.0, 2.0]) == Figure(3.0, 2.0, 3.0, 3)
    assert figures.ratio([1.0], []) is None
    # Where a launch is missing, what remains is compared.
    assert figures.ratio([1.0, 2.0], [1.0]) == Figure(1.0, 1.0, 1.0, 1)


def test_a_difference() -> None:
    found = figures.difference([12.0, 13.0, 14.0], [2.0, 3.0, 4.0])
    assert found == Figure(10.0, 10.0, 10.0, 3)


@pytest.mark.parametrize(
    ("ratio", "control", "verdict"),
    [
        (Figure(1.5, 1.4, 1.6, 5), Figure(1.0, 0.95, 1.05, 5), "higher"),
        (Figure(0.5, 0.4, 0.6, 5), Figure(1.0, 0.95, 1.05, 5), "lower"),
        (Figure(1.1, 1.04, 1.2, 5), Figure(1.0, 0.95, 1.05, 5), "not clear of A/A"),
        # An A/A that is off to one side is as wide to the other.
        (Figure(0.9, 0.85, 0.93, 5), Figure(1.1, 1.0, 1.2, 5), "not clear of A/A"),
        (Figure(1.5, 1.4, 1.6, 2), Figure(1.0, 0.95, 1.05, 2), "too few launches (2)"),
        (Figure(1.5, 1.4, 1.6, 5), None, "no A/A"),
    ],
)
def test_a_comparison(ratio: Figure, control: Figure | None, verdict: str) -> None:
    assert Comparison(ratio, control).verdict == verdict


def test_text() -> None:
    assert Figure(1234.56, 1200.0, 1300.0, 5).text(1) == "1,234.6 [1,200.0, 1,300.0]"
    assert Figure(1.0, 1.0, 1.0, 1).text(2) == "1.00"


def test_units_for_people() -> None:
    assert RATE.shown(0.001) == pytest.approx(1000)
    assert RATE.text(12345.6) == "12,346"
    assert CPU.shown(12.5e-6) == pytest.approx(12.5)
