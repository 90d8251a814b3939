"""The status, put together from what workers say."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from admin.fakes import histogram
from subsrv.admin.view import View
from subsrv.control import Message


class FakeWorker:
    """A worker, as a crew holds it."""

    def __init__(self, index: int, **more: Any) -> None:
        self.index = index
        self.since = 0.0
        self.ready: dict[str, Any] | None = {
            "pid": os.getpid(),
            "interpreter": index + 1,
            "thread": 7,
            "gil": True,
        }
        self.hung = self.departed = self.leaving = self.draining = self.held = False
        self.quarantined = False
        self.told: list[str] = []
        self.__dict__.update(more)

    def served(self) -> float | None:
        return 3.0 if self.ready else None

    def tell(self, type_: str, **_: object) -> None:
        self.told.append(type_)


class FakeCrew:
    """Some workers."""

    def __init__(self, *workers: FakeWorker) -> None:
        self.workers = list(workers)

    def __iter__(self) -> Iterator[FakeWorker]:
        return iter(self.workers)


def stats(requests: int, connections: int = 1) -> dict[str, Any]:
    return {
        "connections": connections,
        "in_flight": 0,
        "requests": requests,
        "accepts": 1,
        "latency": histogram(0.001),
        "lag": histogram(0.002, 0.004),
    }


def view(*workers: FakeWorker) -> View:
    return View(FakeCrew(*workers), lambda: {"workers": 2, "mode": "interp"})  # type: ignore[arg-type]


def say(seen: View, worker: FakeWorker, type_: str, **fields: Any) -> None:
    seen.heard(worker, Message(type_, fields))  # type: ignore[arg-type]


def test_the_status_waits_for_all_workers() -> None:
    one, two = FakeWorker(0), FakeWorker(1)
    seen = view(one, two)
    got: list[Any] = []
    seen.status(got.append)
    assert (one.told, two.told) == (["stats"], ["stats"])
    say(seen, one, "stats", **stats(5))
    assert got == []
    say(seen, two, "stats", **stats(7))
    [found] = got
    assert [worker["requests"] for worker in found["workers"]] == [5, 7]
    assert [place["counters"]["requests"] for place in found["places"]] == [5, 7]
    assert found["workers"][0]["id"] == "interpreter 1"
    assert found["workers"][0]["loop_lag"] == pytest.approx(0.003)
    assert found["server"]["memory"] > 1_000_000


def test_two_who_ask_are_both_answered() -> None:
    one = FakeWorker(0)
    seen = view(one)
    got: list[Any] = []
    seen.status(got.append)
    seen.status(got.append)
    say(seen, one, "stats", **stats(5))
    assert len(got) == 2


def test_who_does_not_answer_is_told_of_by_its_last_word() -> None:
    one, two = FakeWorker(0), FakeWorker(1)
    seen = view(one, two)
    got: list[Any] = []
    for each in (one, two):
        say(seen, each, "stats", **stats(5))
    seen.status(got.append)
    say(seen, one, "stats", **stats(9))
    seen.look(seen.alarm() - 0.01)
    assert got == []
    seen.look(seen.alarm())
    [found] = got
    assert [worker["requests"] for worker in found["workers"]] == [9, 5]
    assert seen.alarm() == float("inf")


def test_a_place_goes_on_counting_where_a_worker_is_replaced() -> None:
    old, new = FakeWorker(0), FakeWorker(0)
    seen = view(new)
    got: list[Any] = []
    say(seen, old, "stats", **stats(5))
    seen.ended(old, stats(6, connections=0))  # type: ignore[arg-type]
    say(seen, new, "stats", **stats(1, connections=3))
    seen.status(got.append)
    say(seen, new, "stats", **stats(1, connections=3))
    place = got[0]["places"][0]
    assert place["counters"]["requests"] == 7
    assert place["connections"] == 3
    assert sum(place["latency"]["counts"]) == 2
    assert got[0]["server"]["restarts"] == 0


def test_a_worker_that_died_leaves_its_last_count_and_the_reason() -> None:
    old, new = FakeWorker(0), FakeWorker(0, ready=None)
    seen = view(new)
    got: list[Any] = []
    say(seen, old, "stats", **stats(5))
    seen.ended(old, None)  # type: ignore[arg-type]
    seen.trouble(0, "it was killed")
    seen.status(got.append)
    [found] = got
    assert found["places"][0]["counters"]["requests"] == 5
    assert (found["server"]["restarts"], found["server"]["last_error"]) == (1, "it was killed")
    assert found["workers"][0]["last_error"] == "it was killed"
    assert found["workers"][0]["state"] == "starting"


def test_the_end_of_a_worker_is_not_waited_for() -> None:
    one, two = FakeWorker(0), FakeWorker(1)
    crew = FakeCrew(one, two)
    seen = View(crew, lambda: {"workers": 2})  # type: ignore[arg-type]
    got: list[Any] = []
    seen.status(got.append)
    say(seen, one, "stats", **stats(5))
    crew.workers.remove(two)
    seen.ended(two, None)  # type: ignore[arg-type]
    assert len(got) == 1


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({}, "ready"),
        ({"held": True}, "waiting"),
        ({"ready": None}, "starting"),
        ({"leaving": True}, "draining"),
        ({"leaving": True, "departed": True}, "ending"),
        ({"hung": True, "leaving": True}, "hung"),
        ({"hung": True, "quarantined": True}, "quarantined"),
    ],
)
def test_a_state_is_one_word(flags: dict[str, Any], state: str) -> None:
    worker = FakeWorker(0, **flags)
    seen = view(worker)
    got: list[Any] = []
    seen.status(got.append)
    seen.look(seen.alarm())
    assert got[0]["workers"][0]["state"] == state


def test_processes_are_told_by_their_ids_and_weighed() -> None:
    worker = FakeWorker(0)
    assert worker.ready is not None
    worker.ready |= {"pid": os.getppid(), "interpreter": 0}
    seen = view(worker)
    got: list[Any] = []
    seen.status(got.append)
    seen.look(seen.alarm())
    assert got[0]["workers"][0]["id"] == f"process {os.getppid()}"
    assert got[0]["workers"][0]["memory"] > 0


def test_stacks_are_shown_by_worker() -> None:
    one, two = FakeWorker(0), FakeWorker(1, hung=True)
    seen = view(one, two)
    got: list[Any] = []
    seen.stacks(got.append)
    say(seen, one, "stacks", text="in its loop\n")
    assert got == ["worker 0 (ready):\nin its loop\n\nworker 1 (hung):\nit does not answer\n"]
