"""What a study says where something failed: neither its answer nor its plots pass over it."""

import pytest
from experiments_fakes import recorded

from experiments import forks, latency, memory, mixed, scaling, shared_state, sharing, versions
from experiments.harness import metrics, pages
from experiments.harness.metrics import Metric
from experiments.harness.study import Study

_TWO = (metrics.P50, metrics.P99)
_BOTH = (metrics.PSS_READY, metrics.PSS)


@pytest.mark.parametrize(
    ("each", "measured", "broken", "said", "drawn"),
    [
        (mixed.STUDY, (metrics.P90,), "nogil 2 mixed", "nogil failed", "failed<"),
        (
            latency.STUDY,
            (metrics.P50, metrics.P99),
            "hello nogil 4000/s",
            "nogil failed",
            "nogil: failed<",
        ),
        (shared_state.STUDY, (metrics.RATE,), "router shared 2", "router failed", "failed<"),
        (shared_state.STUDY, (metrics.RATE,), "router interp 1", "router failed", "failed<"),
        (scaling.STUDY, (metrics.RATE,), "nogil 2", "nogil failed", "failed<"),
        (sharing.STUDY, (metrics.RATE, metrics.CPU), "interp 1", "interp failed", "failed<"),
        (versions.STUDY, (metrics.CPU,), "work 3.15 JIT", "3.15 JIT failed", "failed<"),
        (versions.STUDY, (metrics.CPU,), "work t", "free-threaded (t) failed", "failed<"),
        (
            memory.STUDY,
            (metrics.PSS_READY, metrics.PSS),
            "flask nogil 2",
            "nogil failed",
            "failed<",
        ),
        (
            forks.STUDY,
            (forks._USS_READY, forks._USS),
            "django process-fork",
            "django forked failed",
            "django process-fork: failed<",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_failed_is_said(
    each: Study, measured: tuple[Metric, ...], broken: str, said: str, drawn: str
) -> None:
    data = recorded(each, lambda label, _: "no" if label == broken else 1e-3, *measured)
    assert said in each.answer(data)
    assert any(drawn in plot for plot in each.plots(data).values())
    assert f"- `{broken}`, 3 of 3 launch(es): no" in pages.page(each, data)


@pytest.mark.parametrize("each", [scaling.STUDY, sharing.STUDY])
def test_many_workers_make_a_curve(each: Study) -> None:
    def stored(label: str, _: int) -> float | str:
        kind, workers = label.split()[:2]
        return "no" if (kind, workers) == ("process", "8") else 1e-3 / int(workers)

    measured = (metrics.RATE, metrics.CPU)
    data = recorded(each, stored, *measured, workers=["1", "2", "8"], modes=["interp", "process"])
    assert "8 workers" in each.answer(data)
    assert "process failed" in each.answer(data)
    gain = each.plots(data)["gain"]
    assert "interp<" in gain
    assert "process: failed<" in gain
    assert [target.name for target in each.targets(data)] == {
        "scaling": [f"{kind}, {n} workers x 1" for kind in ("interp", "process") for n in (2, 8)],
        "sharing": [],
    }[each.name]
    assert "gain" not in each.plots(recorded(each, stored, *measured, modes=["interp"]))


def test_memory_is_not_lost_where_another_number_of_workers_failed() -> None:
    def stored(label: str, _: int) -> float | str:
        return "no" if label == "flask nogil 2" else 1e7

    data = recorded(memory.STUDY, stored, metrics.PSS_READY, apps=["flask"], modes=["nogil"])
    (row,) = memory.STUDY.tables(data)["What workers add"].rows  # type: ignore[union-attr]
    assert row[:5] == ("flask", "nogil", "3", "10.0 [10.0, 10.0]", "failed")


def test_differences_have_their_noise_beside_them() -> None:
    def stored(label: str, round_: int) -> float:
        return 1e7 + (1e5 * round_ if "A/A" in label else 0)

    data = recorded(memory.STUDY, stored, metrics.PSS_READY)
    assert memory.STUDY.tables(data)["A/A of these differences"] == (
        "`hello interp 1`, launched under two labels, differs from itself by: "
        "PSS when ready, MB 0.2 [0.1, 0.3]."
    )


def test_a_studys_own_metrics_have_their_noise_on_its_page() -> None:
    data = recorded(forks.STUDY, lambda *_: 1e7, forks._USS_READY, forks._USS)
    assert "a worker's USS when ready 1.00 [1.00, 1.00]" in pages.page(forks.STUDY, data)
