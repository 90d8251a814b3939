"""Beside other servers: who has a part in what, and what the page says of the others."""

from typing import Any

import pytest
from experiments_fakes import recorded

from experiments import comparison
from experiments.harness import measure, study
from experiments.harness.configuration import TWIN
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.load import Outcome
from experiments.harness.measure import RoundError
from experiments.harness.table import Table

_STUDY = comparison.STUDY


def _settings(**more: list[str]) -> dict[str, Any]:
    return {**_STUDY.defaults(), "seed": 1, **more}


def test_who_cannot_do_the_work_is_not_asked_and_named() -> None:
    settings = _settings(
        workloads=["hello", "baseline"], peers=["subsrv-asgi", "nginx", "floor"], workers=["1", "2"]
    )
    labels = [each.label for each in study.chosen(_STUDY, settings)]
    assert {label for label in labels if "nginx" in label or "floor" in label} == {
        *("hello nginx 1", "hello nginx 2", "hello floor 1"),
    }
    tables = _STUDY.tables(recorded(_STUDY, lambda *_: 1e-5, **settings))
    assert tables["Who has no part in what"] == (
        "- floor, in hello, baseline: it has at most 1 worker(s)\n"
        "- nginx, in baseline: it runs no application\n"
        "- floor, in baseline: it runs no application"
    )
    hello = next(table for title, table in tables.items() if title.startswith("hello"))
    assert isinstance(hello, Table)
    assert hello.heading[:4] == ("peer", "workers", "version", "n")


def test_where_all_have_a_part_nobody_is_named() -> None:
    data = Data(study.begin(_STUDY, _settings(workloads=["hello"]), split()))
    assert "Who has no part in what" not in _STUDY.tables(data)


def test_how_each_was_configured_is_of_the_run() -> None:
    recording = study.begin(_STUDY, _settings(peers=["hypercorn"]), split())
    (facts, *_) = recording.configurations.values()
    assert str(facts["configured"]).startswith("`--worker-class uvloop` (the fastest")


def test_the_first_request_is_for_the_workloads_path() -> None:
    (first, *_) = study.chosen(_STUDY, _settings(workloads=["articles"]))
    assert first.path == "/articles?m=2"


def _stored(label: str, round_: int) -> float | str:
    """Microseconds; with two workers ours is cheaper, and a peer fails."""
    peer, workers = label.removesuffix(TWIN).split()[1:]
    if (peer, workers) == ("hypercorn", "2"):
        return "it fell over"
    if peer != "subsrv-asgi":
        return 20e-6
    return 10e-6 / int(workers)


def test_numbers_of_workers_are_not_mixed() -> None:
    peers = ["subsrv-asgi", "subsrv-asgi-process", "hypercorn", "granian-asgi", "granian-wsgi"]
    data = recorded(_STUDY, _stored, workloads=["hello"], peers=peers, workers=["1", "2"])
    tables = _STUDY.tables(data)
    beside = "subsrv beside each peer of the same interface, "
    one, two = (tables[f"{beside}{counted}"] for counted in ("1 worker", "2 workers"))
    assert isinstance(one, Table)
    assert isinstance(two, Table)
    assert [row[:2] for row in one.rows] == [
        ("hello: subsrv-asgi / hypercorn", "0.50 [0.50, 0.50]"),
        ("hello: subsrv-asgi / granian-asgi", "0.50 [0.50, 0.50]"),
    ]
    assert [row[:2] for row in two.rows] == [
        ("hello: subsrv-asgi / hypercorn", "n/a"),
        ("hello: subsrv-asgi / granian-asgi", "0.25 [0.25, 0.25]"),
    ]
    for counted, workers in (("1 worker", "1"), ("2 workers", "2")):
        (table,) = (each for title, each in tables.items() if title.startswith(f"hello, {counted}"))
        assert isinstance(table, Table)
        assert {row[1] for row in table.rows} == {workers}
    drawing = _STUDY.plots(data)["cost"]
    assert drawing.index("1 worker<") < drawing.index("2 workers<") < drawing.index("failed<")


def test_the_answer_says_which_failed() -> None:
    peers = ["subsrv-asgi", "subsrv-wsgi", "hypercorn", "granian-wsgi"]

    def stored(label: str, round_: int) -> float | str:
        return "no" if "subsrv-wsgi" in label else _stored(label, round_)

    data = recorded(_STUDY, stored, workloads=["hello"], peers=peers, workers=["2"])
    assert _STUDY.answer(data) == (
        "Server CPU per request for hello, 2 workers: "
        "subsrv-asgi 5.0 [5.0, 5.0] µs, hypercorn failed; subsrv-wsgi failed."
    )


@pytest.mark.parametrize(
    ("read", "partial", "right"),
    [
        (10_000, 0, True),
        (10_150, 0, True),
        (10_500, 0, False),
        # Ten more answers may have been read in part.
        (10_500, 10, True),
        (11_500, 10, False),
        (9_500, 10, False),
    ],
)
def test_answers_under_way_at_the_end_are_allowed_for(read: int, partial: int, right: bool) -> None:
    outcome = Outcome(
        requests=100,
        seconds=1.0,
        bytes_read=read,
        client_cpu=0.1,
        client_threads=1,
        partial=partial,
    )
    if right:
        measure._check(outcome, 100)
    else:
        with pytest.raises(RoundError, match="instead of 100"):
            measure._check(outcome, 100)


def test_work_that_has_fewer_numbers_of_workers_has_no_empty_table() -> None:
    data = recorded(
        _STUDY,
        _stored,
        workloads=["hello", "varied", "echo"],
        peers=["subsrv-asgi", "granian-asgi"],
        workers=["1", "2"],
        only=["hello", "varied subsrv-asgi 1", "varied granian-asgi 1"],
    )
    tables = _STUDY.tables(data)
    titles = [title.partition(":")[0] for title in tables if ": " in title]
    assert titles == ["hello, 1 worker", "hello, 2 workers", "varied, 1 worker"]
    assert all(table.rows for table in tables.values() if isinstance(table, Table))
    drawings = _STUDY.plots(data)
    assert [*drawings] == ["cost", "cost-varied"]
    assert "2 workers<" not in drawings["cost-varied"]
