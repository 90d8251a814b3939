"""A server as far as its control address reaches."""

from collections.abc import Callable
from typing import Any

from subsrv.admin.api import Status
from subsrv.histogram import Histogram


def histogram(*seconds: float) -> dict[str, Any]:
    found = Histogram()
    for each in seconds:
        found.add(each)
    return found.snapshot()


def status(**server: Any) -> Status:
    """Two workers, of which one has answered requests."""
    places = []
    for place, requests in enumerate((7, 0)):
        places.append(
            {
                "place": place,
                "connections": place,
                "in_flight": 0,
                "counters": {"requests": requests, "accepts": 2, "refused_400": 1},
                "latency": histogram(0.0001, 0.2, 60.0),
                "lag": histogram(0.002),
            }
        )
    workers = [
        {
            "place": place,
            "kind": "interp",
            "id": f"interpreter {place + 1}",
            "state": state,
            "age": 5.0,
            "requests": 7,
            "connections": place,
            "in_flight": 0,
            "accepts": 2,
            "loop_lag": 0.002,
            "gil": True,
            "last_error": error,
        }
        for place, (state, error) in enumerate((("ready", None), ("draining", "it died")))
    ]
    return {
        "server": {
            "version": "1.0",
            "mode": "interp",
            "python": "3.14.1",
            "gil": "per-interpreter",
            "pid": 42,
            "urls": ["http://127.0.0.1:8080"],
            "state": "serving",
            "uptime": 61.5,
            "memory": 12_000_000,
            "workers": 2,
            "replacements": 1,
            "reloads": {"begun": 3, "done": 1, "failed": 1, "error": None},
            "restarts": 2,
            "last_error": None,
            **server,
        },
        "places": places,
        "workers": workers,
    }


class FakeSteward:
    """Notes what it is told to do; answers later if `slow`."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.refusal: str | None = None
        self.fit = True
        self.later: list[Callable[[], None]] | None = None

    def _answer(self, answer: Callable[[], None]) -> None:
        if self.later is None:
            answer()
        else:
            self.later.append(answer)

    def status(self, done: Callable[[Status], None]) -> None:
        self._answer(lambda: done(status()))

    def healthy(self) -> bool:
        return self.fit

    def ready(self) -> bool:
        return self.fit

    def _do(self, what: str) -> str | None:
        self.done.append(what)
        return self.refusal

    def reload(self) -> str | None:
        return self._do("reload")

    def scale(self, workers: int) -> str | None:
        return self._do(f"scale {workers}")

    def drain(self, worker: int) -> str | None:
        return self._do(f"drain {worker}")

    def stacks(self, done: Callable[[str], None]) -> None:
        self._answer(lambda: done("a stack"))
