"""Beside other servers: who has a part in what, and what the page says of the others."""

import pytest

from experiments import comparison
from experiments.harness import measure, study
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.load import Outcome
from experiments.harness.measure import RoundError
from experiments.harness.table import Table

_STUDY = comparison.STUDY


def _settings(**more: list[str]) -> dict[str, object]:
    return {**_STUDY.defaults(), "seed": 1, **more}


def test_who_cannot_do_the_work_is_not_asked_and_named() -> None:
    settings = _settings(
        workloads=["hello", "baseline"], peers=["subsrv-asgi", "nginx", "floor"], workers=["1", "2"]
    )
    labels = [each.label for each in study.chosen(_STUDY, settings)]
    assert {label for label in labels if "nginx" in label or "floor" in label} == {
        *("hello nginx 1", "hello nginx 2", "hello floor 1"),
    }
    tables = _STUDY.tables(Data(study.begin(_STUDY, settings, split())))
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
