"""What counts as a difference, and what is recommended."""

from dataclasses import replace

import pytest

from subsrv.bench import page, text
from subsrv.bench.judge import CPU, P99, PSS, RATE, better, compare, recommend, spread
from subsrv.bench.measure import Figures
from subsrv.bench.study import Outcome, Run, Setup

INTERP, AGAIN = Setup("interp", 1), Setup("interp", 1, again=True)
PROCESS, THREAD = Setup("process", 1), Setup("thread", 1)

USUAL = Figures(
    requests_per_second=1000.0,
    cpu_us=100.0,
    p50_us=500.0,
    p99_us=2000.0,
    pss_kib=20480.0,
    ready_s=0.5,
    client_share=0.3,
    late=False,
)


def outcome(rates: dict[Setup, list[float]], **more: dict[Setup, dict[str, float]]) -> Outcome:
    """Runs with these requests per second, round by round, and other figures by setup."""
    found = Outcome(rate=500.0, setups=list(rates))
    for setup, values in rates.items():
        for number, rate in enumerate(values, 1):
            figures = replace(USUAL, requests_per_second=rate)
            for changed in more.values():
                figures = replace(figures, **changed.get(setup, {}))  # type: ignore[arg-type]
            found.runs.append(Run(setup=setup, round=number, figures=figures, detail={}))
    return found


def test_the_spread_is_the_largest_difference_of_equals() -> None:
    found = outcome({INTERP: [100, 100, 100], AGAIN: [104, 90, 101]})
    assert spread(found, RATE) == pytest.approx(100 / 90 - 1)
    assert spread(found, CPU) == 0
    assert spread(outcome({INTERP: [100]}), RATE) is None


@pytest.mark.parametrize(
    ("rates", "wanted"),
    [
        ([150, 150, 150], 0.5),
        ([60, 50, 40], -0.5),
        ([104, 104, 104], None),  # within the spread
        ([200, 200, 99], None),  # one round disagrees
        ([105, 120, 130], 0.2),
    ],
)
def test_a_difference_is_beyond_the_spread_in_rounds_that_agree(
    rates: list[float], wanted: float | None
) -> None:
    found = outcome({INTERP: [100, 100, 100], AGAIN: [95, 100, 100], PROCESS: rates})
    assert compare(found, PROCESS, INTERP, RATE) == pytest.approx(wanted)
    assert better(found, PROCESS, INTERP, RATE) == (wanted is not None and wanted > 0)
    assert better(found, INTERP, PROCESS, RATE) == (wanted is not None and wanted < 0)


def test_less_is_better_of_costs() -> None:
    found = outcome(
        {INTERP: [100, 100], AGAIN: [100, 100], PROCESS: [100, 100]},
        costs={PROCESS: {"p99_us": 1000.0}},
    )
    assert better(found, PROCESS, INTERP, P99)
    assert not better(found, INTERP, PROCESS, P99)


def test_the_fastest_is_recommended() -> None:
    found = outcome({INTERP: [100, 101], AGAIN: [101, 100], PROCESS: [200, 202]})
    said = recommend(found, shared_cpus=False)
    assert said.startswith(
        "Use --mode process --workers 1. It is ahead of all others in requests/s"
    )
    assert "2 rounds; equal servers differed by up to 1%" in said
    assert "shared" not in said


def test_among_ties_the_smallest_is_recommended() -> None:
    found = outcome(
        {PROCESS: [102, 100], THREAD: [100, 101], INTERP: [100, 100], AGAIN: [95, 100]},
        memory={PROCESS: {"pss_kib": 30720.0}, THREAD: {"pss_kib": 10240.0}},
    )
    said = recommend(found, shared_cpus=True)
    assert said.startswith("Use --mode thread --workers 1. All configurations tie in requests/s")
    assert "10.0 MiB each, the least of these" in said
    assert "Client and server shared the CPUs" in said


def test_a_better_latency_elsewhere_is_told() -> None:
    found = outcome(
        {INTERP: [200, 200], AGAIN: [200, 200], PROCESS: [100, 100]},
        latency={PROCESS: {"p99_us": 1000.0}},
    )
    said = recommend(found, shared_cpus=False)
    assert "Use --mode interp" in said
    assert "--mode process --workers 1 has a better p99: 1.00 instead of 2.00 ms" in said


def test_where_the_client_was_saturated_cpu_decides() -> None:
    found = outcome(
        {INTERP: [200, 200], AGAIN: [200, 200], PROCESS: [220, 220]},
        cost={
            INTERP: {"client_share": 0.99},
            AGAIN: {"client_share": 0.99},
            PROCESS: {"client_share": 0.99, "cpu_us": 150.0},
        },
    )
    said = recommend(found, shared_cpus=False)
    assert said.startswith("Use --mode interp --workers 1. It is ahead of all others in CPU")
    assert "The client used up its CPU" in said


def test_too_little_recommends_nothing() -> None:
    assert "Nothing was measured" in recommend(Outcome(), shared_cpus=False)
    one_round = outcome({INTERP: [100], AGAIN: [100], PROCESS: [300]})
    assert "1 round of each" in recommend(one_round, shared_cpus=False)


def test_what_failed_is_shown_and_not_recommended() -> None:
    found = outcome({INTERP: [100, 100], AGAIN: [100, 100], PROCESS: [200, 200]})
    found.failures[PROCESS] = "3 x status <500>"
    found.refusals["nogil"] = "needs a free-threaded Python"
    assert "Only --mode interp" in recommend(found, shared_cpus=False)
    lines = text.table(found).splitlines()
    assert lines[3].split() == ["process", "x1", "0", *["FAILED"] * 6]
    assert lines[-1].split()[:2] == ["A/A", "spread"]
    assert text.notes(found) == [
        "nogil: not measured: needs a free-threaded Python",
        "process x1: FAILED: 3 x status <500>",
    ]
    html = page.page(found, {"app": "m:a"}, "Use <it>.")
    assert "Use &lt;it&gt;." in html
    assert "3 x status &lt;500&gt;" in html
    assert html.count("<svg") == 6
    # Self-contained: it takes nothing from anywhere.
    assert "http" not in html
    assert "src=" not in html


def test_the_memory_of_equals_is_not_called_less() -> None:
    found = outcome({INTERP: [100, 100], AGAIN: [100, 100], PROCESS: [100, 100]})
    assert not better(found, INTERP, PROCESS, PSS)
    assert "no clear difference" in recommend(found, shared_cpus=False)
