"""The open loop as a load of the studies: figures, faults, and a client that was late."""

from collections import Counter

import pytest

from experiments.harness import metrics
from experiments.harness.counted import Counted
from experiments.harness.openloop import OTHERS_P50, Mixed, OpenLoop
from subsrv.bench import client
from subsrv.bench.client import Report, late
from subsrv.bench.latency import Latencies
from subsrv.bench.load import Load, LoadError, Result

_FAST = OpenLoop(rate=100)
_SLOW = OpenLoop(rate=10, connections=2, path="/slow")


def _report(load: Load, milliseconds: int, **faults: int) -> Report:
    nanoseconds = milliseconds * 1_000_000
    result = Result(
        sent=10,
        answered=0 if faults else 10,
        faults=Counter(faults),
        latencies=Latencies([nanoseconds] * 10),
        lag=Latencies([1_000] * 10),
        bytes_read=1_000,
        seconds=2.0,
        cpu=0.5,
    )
    return Report.of(load, result)


def test_a_loop_gives_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "run", lambda _, load: _report(load, 3))
    found = _FAST.run("http://x", seconds=2, number=1, client=None)
    assert (found.requests, found.seconds, found.bytes_read) == (10, 2.0, 1_000)
    assert (found.client_cpu, found.client_threads, found.faults) == (0.5, 1, "")
    for metric in (metrics.P50, metrics.P90, metrics.P99, metrics.P999, metrics.LATENCY_MAX):
        assert found.figures[metric] == pytest.approx(0.003)
    assert found.figures[metrics.LAG] == pytest.approx(1e-6)


def test_two_loops_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: str, load: Load) -> Report:
        return _report(load, 30 if load.requests[0].path == "/slow" else 3)

    monkeypatch.setattr(client, "run", run)
    found = Mixed(first=_FAST, others=_SLOW).run("http://x", seconds=2, number=1, client=None)
    assert (found.requests, found.client_cpu, found.client_threads) == (20, 1.0, 2)
    assert found.figures[metrics.P99] == pytest.approx(0.003)
    assert found.figures[OTHERS_P50] == pytest.approx(0.03)


def test_a_fault_of_either_loop_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: str, load: Load) -> Report:
        return _report(load, 3, **({"status": 10} if load.requests[0].path == "/slow" else {}))

    monkeypatch.setattr(client, "run", run)
    found = Mixed(first=_FAST, others=_SLOW).run("http://x", seconds=2, number=1, client=None)
    assert found.faults == "10 x status, no request answered"
    assert found.figures == {}


def test_a_client_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: str, load: Load) -> Report:
        raise LoadError("nothing")

    monkeypatch.setattr(client, "run", run)
    with pytest.raises(LoadError):
        Mixed(first=_FAST, others=_SLOW).run("http://x", seconds=2, number=1, client=None)


def test_what_is_said_of_them() -> None:
    assert Mixed(first=_FAST, others=_SLOW).describe(5, None) == (
        "python -m subsrv.bench.client URL/ --rate 100 --connections 64 --duration 5 & "
        "python -m subsrv.bench.client URL/slow --rate 10 --connections 2 --duration 5"
    )
    assert _FAST.client().startswith("subsrv.bench.client on CPython 3.")


@pytest.mark.parametrize(
    ("lag", "latency", "was"), [(400, 500, False), (600, 500, True), (600, 7000, False)]
)
def test_late(lag: float, latency: float, was: bool) -> None:
    assert late(lag, latency) is was


def test_so_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Load] = []

    def run(_: str, load: Load) -> Report:
        asked.append(load)
        return _report(load, 3)

    monkeypatch.setattr(client, "run", run)
    load = Counted(count=10, connections=2, path="/a")
    found = load.run("http://x", seconds=1, number=1, client=None)
    assert (asked[0].count, asked[0].rate, asked[0].connections) == (10, None, 2)
    assert (found.requests, found.seconds, found.faults) == (10, 2.0, "")
    assert load.describe(1, None) == (
        "python -m subsrv.bench.client URL/a --count 10 --connections 2"
    )
