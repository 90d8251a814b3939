"""The study of messages between isolates: one case for real, and the page."""

from pathlib import Path

import pyperf  # type: ignore[import-untyped]

from experiments.isolates import offload, page
from experiments.isolates.__main__ import count, measured, todo
from experiments.isolates.cases import CASES, VALUES


def test_a_case_is_measured_in_a_process() -> None:
    values = measured("round trip", "thread: ports", 5)
    assert values is not None
    assert len(values) == VALUES + 1
    assert all(0 < value < 10 for value in values)


def test_others_are_timed_while_the_isolates_work() -> None:
    values = measured(offload.BESIDE, "interp: while two isolates of low priority work", 10)
    assert values is not None
    assert all(0 < value < 10 for value in values)


def test_what_polls_gets_fewer_operations() -> None:
    peer = "interp: concurrent.interpreters.Queue"
    assert count("round trip", peer, quick=False) < count("round trip", "x", quick=False)
    assert count("round trip", peer, quick=True) == 3


def test_what_is_missing_is_measured_in_the_order_of_the_plan() -> None:
    every = todo({}, 2)
    names = [name for _, name in every]
    assert len(every) == 2 * len(set(names))
    assert [number for number, _ in every] == sorted(number for number, _ in every)
    # After the first round and one more.
    done = {name: ["a run"] for name in names}
    done[names[-1]] = ["a run"] * 2
    assert todo(done, 2) == every[len(every) // 2 : -1]
    assert todo(done, 1) == []


def test_the_page_shows_each_case(tmp_path: Path) -> None:
    about = {
        "python_version": "3.14.0",
        "cpu_count": 2,
        "cpu_model_name": "x86",
        "begun": "today",
        "subsrv_commit": "abc",
    }
    names = [f"{metric}: {peer}" for metric, peers in CASES.items() for peer in peers]
    suite = pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark(
                [
                    pyperf.Run(
                        [number * 1e-6, number * 1e-6, 1.0],
                        metadata={"name": name, "unit": "second", **about},
                        collect_metadata=False,
                    )
                    for number in (place, place + 1, place + 2)
                ]
            )
            for place, name in enumerate(names, 1)
        ]
    )
    assert page.made(tmp_path) == {}
    assert "Not measured yet" in page.section(tmp_path)
    folder = tmp_path / "isolates"
    folder.mkdir()
    suite.dump(str(folder / "2026-01-01T0000-vm-abc.json"))
    text, plot = page.made(tmp_path).values()
    row = "| stream of int | interp | send in a loop | 3 | 2.00 [1.00, 3.00] | 500,000 |"
    assert row in " ".join(text.replace("|", " | ").split())
    assert "MISSED |" in text
    assert "one bare socketpair of packets" in text
    assert "Pool.run_sync" in plot
    assert "500,000 small messages a second" in page.section(tmp_path)
