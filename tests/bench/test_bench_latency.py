"""Percentiles and histograms of latencies."""

import random

import pytest

from subsrv.bench.latency import Latencies, percentile, total


@pytest.mark.parametrize(
    ("share", "wanted"), [(50, 50), (90, 90), (99, 99), (99.9, 100), (100, 100), (0, 1), (0.1, 1)]
)
def test_a_percentile_is_one_of_the_values(share: float, wanted: int) -> None:
    assert percentile(list(range(1, 101)), share) == wanted


def test_percentiles_fall_where_floating_point_would_miss_them() -> None:
    ordered = list(range(1, 1001))
    assert [percentile(ordered, share) for share in (99.9, 99, 90)] == [999, 990, 900]


def test_a_percentile_keeps_its_promise() -> None:
    rng = random.Random(5)
    for size in (1, 2, 3, 7, 1000):
        ordered = sorted(rng.randrange(1000) for _ in range(size))
        for share in (50.0, 90.0, 99.0, 99.9, 100.0):
            value = percentile(ordered, share)
            assert sum(each <= value for each in ordered) >= share / 100 * size
            assert sum(each < value for each in ordered) < share / 100 * size


def test_a_summary_is_in_microseconds() -> None:
    latencies = Latencies(range(1000, 1_001_000, 1000))
    assert latencies.summary() == {
        "p50": 500.0,
        "p90": 900.0,
        "p99": 990.0,
        "p99.9": 999.0,
        "max": 1000.0,
        "mean": 500.5,
    }
    assert Latencies().summary() == {}
    assert len(latencies) == 1000


def test_a_histogram_has_every_value_below_its_bound() -> None:
    rng = random.Random(7)
    values = [round(10 ** rng.uniform(0, 10)) for _ in range(5000)] + [1, 10, 1000, 10**9]
    histogram = Latencies(values).histogram()
    bounds = [bound for bound, _ in histogram]
    assert bounds == sorted(set(bounds))
    for index, (bound, count) in enumerate(histogram):
        below = bounds[index - 1] if index else 0.0
        assert count == sum(below * 1000 < value <= bound * 1000 for value in values)
        # Tight enough: a value above 10 ns is at least 0.88 of its bound.
        assert all(
            value > 0.88 * bound * 1000
            for value in values
            if 10 < value <= bound * 1000 and value > below * 1000
        )
    assert sum(count for _, count in histogram) == len(values)


def test_histograms_add_up() -> None:
    parts = [Latencies([100, 5000]), Latencies([5000, 10**6]), Latencies()]
    whole = Latencies([100, 5000, 5000, 10**6])
    assert total(part.histogram() for part in parts) == whole.histogram()
