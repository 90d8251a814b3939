"""Visitors that are too many: who got what, what is made of it, and a launch as --quick has it."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from experiments import overload
from experiments.harness import metrics, pages, study, visitors
from experiments.harness.configuration import Timing
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.interpreters import Interpreters, probe
from experiments.harness.launch import launch
from experiments.harness.server import Command, subsrv
from experiments.harness.surge import BACK, BY_PHASE, RECOVERY, Surge, figures
from experiments.harness.visitors import BROKEN, GAVE_UP, Crowd, Plan, Visits
from subsrv.bench import client
from subsrv.bench.client import Report
from subsrv.bench.load import Load, LoadError, Result

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_visitors_are_due_by_the_plan_without_a_gap() -> None:
    plan = Plan(phases=[(10, 0.3), (100, 0.02), (5, 0.4)], patience=1)
    assert plan.dues() == pytest.approx([0, 0.1, 0.2, 0.3, 0.31, 0.32, 0.52])


@contextmanager
def serving(*answers: bytes | None) -> Iterator[tuple[str, int]]:
    """Answers one connection after the other thus, and closes it; None never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            for each in answers:
                connection, _ = listener.accept()
                connection.recv(1000)
                if each is None:
                    kept.append(connection)
                    continue
                with connection:
                    connection.sendall(each)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join()
        for each in kept:
            each.close()


def test_what_becomes_of_each() -> None:
    answers = (_OK, _BUSY, b"", _OK[:-1], _OK.replace(b"ok", b"no"), b"garbage\r\n\r\n", None, _OK)
    plan = Plan(phases=[(10_000, len(answers) / 10_000)], patience=0.2, answer="ok")
    with serving(*answers) as address:
        found = Crowd(address, plan).run()
    assert found.statuses == [200, 503, BROKEN, BROKEN, BROKEN, BROKEN, GAVE_UP, 200]
    assert found.dues == plan.dues()
    assert found.waits[6] >= 0.2
    assert len(found.examples) == 3
    assert "another body: b'no'" in found.examples


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    found = visitors.run(address, Plan(phases=[(100, 0.02)], patience=5), None)
    assert found.statuses == [BROKEN, BROKEN]


def test_a_client_that_fails_says_why() -> None:
    with pytest.raises(LoadError, match=r"(?s)ended with 1: .*OverflowError"):
        visitors.run(("127.0.0.1", 70_000), Plan(phases=[(50, 0.1)], patience=1), None)


# Phases of one second; capacity is 100 a second.
_PLAN = Plan(phases=[(50, 1), (90, 1), (120, 1), (200, 1), (200, 1)], patience=1)


def made(outcome: Callable[[int, float], tuple[int, float]]) -> Visits:
    """Visits whose status and wait follow from their phase and when they were due."""
    dues = _PLAN.dues()
    outcomes = [outcome(int(due + 1e-9), due) for due in dues]
    return Visits(
        dues=dues,
        statuses=[status for status, _ in outcomes],
        waits=[wait for _, wait in outcomes],
    )


def test_the_figures_of_a_phase() -> None:
    turns = iter([(200, 0.1), (503, 0.1), (GAVE_UP, 1.0), (200, 0.3)] * 50)
    found = figures(_PLAN, made(lambda at, _: next(turns) if at == 3 else (200, 0.01)), 100)
    assert found[BY_PHASE[0].goodput] == pytest.approx(0.5)
    assert found[BY_PHASE[2].goodput] == pytest.approx(1.2)
    worst = BY_PHASE[3]
    assert found[worst.goodput] == pytest.approx(1.0)
    assert found[worst.refused] == pytest.approx(0.25)
    assert found[worst.lost] == pytest.approx(0.25)
    assert found[worst.p50] == pytest.approx(0.1)
    assert found[worst.p99] == pytest.approx(0.3)
    # pyperf has no zero.
    assert 0 < found[BY_PHASE[0].refused] < 1e-5
    assert 0 < found[RECOVERY] < 1e-5


def test_an_answer_that_comes_too_late_is_none() -> None:
    found = figures(_PLAN, made(lambda at, _: (200, 1.5 if at == 3 else 0.01)), 100)
    assert found[BY_PHASE[3].goodput] < 1e-5
    assert found[BY_PHASE[3].lost] == 1
    assert BY_PHASE[3].p50 not in found


@pytest.mark.parametrize(
    ("slow_until", "strays", "recovered"),
    [(0.0, 0, 0.0), (0.5, 0, 0.495), (0.5, 1, 0.5), (0.6, 1, 0.605), (2.0, 0, 1.0)],
)
def test_recovered_is_from_when_on_all_is_as_usual(
    slow_until: float, strays: int, recovered: float
) -> None:
    """But for one in a hundred: there are two hundred of them."""
    late = iter([True] * strays)

    def outcome(at: int, due: float) -> tuple[int, float]:
        slow = at == BACK and (due - BACK < slow_until - 1e-9 or next(late, False))
        return (200, 0.5 if slow else 0.01)

    found = figures(_PLAN, made(outcome), 100)[RECOVERY]
    assert found == pytest.approx(recovered, abs=1e-5)


def test_a_refusal_is_no_fault_and_silence_is(monkeypatch: pytest.MonkeyPatch) -> None:
    status = 503

    def closed(_: str, load: Load) -> Report:
        assert load.requests[0].headers == {"Connection": "close"}
        return Report.of(load, Result(sent=60, answered=60, seconds=2.0))

    def visited(address: tuple[str, int], plan: Plan, _: object) -> Visits:
        assert address == ("127.0.0.1", 80)
        assert list(plan.phases[3]) == [60, 3]
        dues = plan.dues()
        return Visits(
            dues=dues, statuses=[status] * len(dues), waits=[0.1] * len(dues), seconds=16, cpu=1
        )

    monkeypatch.setattr(client, "run", closed)
    monkeypatch.setattr(visitors, "run", visited)
    load = Surge(answer=b"x")
    found = load.run("http://127.0.0.1:80", seconds=18, number=1, client=None)
    assert (found.faults, found.client_cpu) == ("", 1)
    assert found.requests == sum(round(30 * share * 2) for share in (0.5, 0.9, 1.8, 3, 1.5))
    status = GAVE_UP
    silent = load.run("http://127.0.0.1:80", seconds=18, number=1, client=None)
    assert silent.faults.startswith("no visit was answered")


class _None(Interpreters):
    """No interpreter: the peers' is not made here."""


def test_a_launch_and_its_page() -> None:
    label = "subsrv, limit"
    each = overload.STUDY
    settings = {**each.defaults(), "servers": ["subsrv-limit"], "seed": 1, "seconds": 1}
    (configuration, twin) = study.chosen(each, settings)
    assert (configuration.label, twin.label) == (label, label + " (A/A)")
    words = subsrv(sys.executable, "experiments.apps.page:asgi", mode="thread", workers=1)
    limited = replace(
        configuration,
        command=lambda _: Command(words=(*words, *overload._SERVERS[label].more)),
    )
    recording = study.begin(each, settings, split())
    found = launch(
        limited,
        number=1,
        round_=1,
        timing=Timing(warm_up=0, values=1, seconds=1),
        interpreters=_None({}),
        split=split(),
    )
    assert found.failure == ""
    recording.launches.append(found)
    recording.builds = {"": probe(sys.executable).facts}
    data = Data(recording)
    assert data.figure(label, metrics.CPU) is not None
    assert data.figure(label, RECOVERY) is not None
    page = pages.page(each, data)
    assert "## Visitors at 2 times the capacity" in page
    assert "`--limit-queue-age 0.5` (half of what a visitor waits)" in page
    assert "subsrv, limit" in each.answer(data)


def test_every_server_is_one_that_can_be_asked_for() -> None:
    labels = [each.label for each in overload._configurations({"servers": list(overload._BY_NAME)})]
    assert labels == list(overload._SERVERS)
    assert all("," not in name and " " not in name for name in overload._BY_NAME)
