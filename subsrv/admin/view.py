"""What there is to tell of a server, put together from what its workers count.

A status:
    server   version, mode, python, gil, pid, urls, state, uptime (s), memory (bytes), workers
             (wanted), replacements (as asked), reloads (begun, done, failed, and the error if the
             last one failed), restarts, last_error (of a worker that was lost)
    places   of each place for a worker, since the server began: connections and in_flight now,
             counters (shared.Counters), latency and lag (histogram.Histogram)
    workers  of each worker that there is: place, kind, id, state, age (s), requests, connections,
             in_flight, accepts, loop_lag (s, the mean), memory (bytes; of a process), gil,
             last_error (of its place)

The counters of a place go on where a worker of it has been replaced. What one had counted since it
was last asked is lost when it is killed.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import subsrv
from subsrv.admin.api import Status
from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.histogram import Histogram
from subsrv.recycling import rss

# Seconds for the workers to answer. One that does not is told of by what it said last.
_PATIENCE = 0.5

_HISTOGRAMS = ("latency", "lag")
# What is now, and not since the beginning.
_LEVELS = ("connections", "in_flight")


@dataclass(slots=True)
class _Total:
    """What the workers of one place have counted that are no more."""

    counters: Counter[str] = field(default_factory=Counter)
    histograms: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_error: str | None = None

    def add(self, stats: dict[str, Any]) -> None:
        """Take in the last word of a worker, or what is known of one that is there."""
        for name, value in stats.items():
            if name in _HISTOGRAMS:
                self.histograms[name] = _sum(self.histograms.get(name), value)
            elif name not in _LEVELS:
                self.counters[name] += value

    def copy(self) -> "_Total":
        """One that can be added to."""
        return _Total(Counter(self.counters), dict(self.histograms), self.last_error)


class View:
    """See the module; `facts` gives the server's part but for what is known here."""

    def __init__(self, crew: Crew, facts: Callable[[], dict[str, Any]]) -> None:
        self._crew = crew
        self._facts = facts
        self._began = time.monotonic()
        self._stats: dict[Worker, dict[str, Any]] = {}
        self._totals: dict[int, _Total] = {}
        self._waiting: list[Callable[[], None]] = []
        self._awaited: set[Worker] = set()
        self._stacks: dict[Worker, str] = {}
        self._due = math.inf
        #: Workers that were lost and replaced, and the last reason for that.
        self.restarts = 0
        self.last_error: str | None = None

    # What the supervisor tells.

    def heard(self, worker: Worker, message: Message) -> None:
        """A worker has answered."""
        match message.type:
            case "stats":
                self._stats[worker] = message.fields
            case "stacks":
                self._stacks[worker] = message.fields["text"]
            case _:
                return
        self._awaited.discard(worker)
        if not self._awaited:
            self._tell()

    def trouble(self, place: int, error: str) -> None:
        """A worker was lost, and is replaced."""
        self._totals.setdefault(place, _Total()).last_error = self.last_error = error
        self.restarts += 1

    def ended(self, worker: Worker, stats: dict[str, Any] | None) -> None:
        """A worker is no more; its last word, if it had one."""
        last = self._stats.pop(worker, None)
        self._totals.setdefault(worker.index, _Total()).add(stats or last or {})
        self._awaited.discard(worker)
        if self._waiting and not self._awaited:
            self._tell()

    def alarm(self) -> float:
        """When to answer without those that do not, by time.monotonic()."""
        return self._due

    def look(self, now: float) -> None:
        """Answer, if it is time."""
        if self._due <= now:
            self._tell()

    # What the control address asks.

    def status(self, done: Callable[[Status], None]) -> None:
        """Ask all workers, then call `done`."""
        self._ask("stats", lambda: done(self._status()))

    def stacks(self, done: Callable[[str], None]) -> None:
        """Ask all workers what they are doing, then call `done`."""
        self._stacks.clear()
        self._ask("stacks", lambda: done(self._all_stacks()))

    def _ask(self, what: str, then: Callable[[], None]) -> None:
        self._waiting.append(then)
        for worker in self._crew:
            if worker.ready and not worker.departed and not worker.hung:
                self._awaited.add(worker)
                worker.tell(what)
        if self._awaited:
            self._due = time.monotonic() + _PATIENCE
        else:
            self._tell()

    def _tell(self) -> None:
        self._due = math.inf
        self._awaited.clear()
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _status(self) -> Status:
        workers = sorted(self._crew, key=lambda worker: (worker.index, worker.since))
        server = {
            "version": subsrv.__version__,
            "uptime": round(time.monotonic() - self._began, 3),
            "memory": rss(os.getpid()),
            "restarts": self.restarts,
            "last_error": self.last_error,
            **self._facts(),
        }
        return {
            "server": server,
            "places": [self._place(place, workers) for place in range(server["workers"])],
            "workers": [self._worker(worker) for worker in workers],
        }

    def _place(self, place: int, workers: list[Worker]) -> dict[str, Any]:
        total = self._totals.get(place, _Total()).copy()
        levels = dict.fromkeys(_LEVELS, 0)
        for worker in workers:
            if worker.index == place and (stats := self._stats.get(worker)):
                total.add(stats)
                for name in _LEVELS:
                    levels[name] += stats[name]
        empty = Histogram().snapshot()
        return {
            "place": place,
            **levels,
            "counters": dict(total.counters),
            **{name: total.histograms.get(name, empty) for name in _HISTOGRAMS},
        }

    def _worker(self, worker: Worker) -> dict[str, Any]:
        stats, ready = self._stats.get(worker, {}), worker.ready or {}
        lag = stats.get("lag") or Histogram().snapshot()
        process = ready.get("pid", os.getpid()) != os.getpid()
        return {
            "place": worker.index,
            "id": _identity(ready, process=process),
            "state": _state(worker),
            "age": round(worker.served() or 0.0, 3),
            "requests": stats.get("requests", 0),
            "connections": stats.get("connections", 0),
            "in_flight": stats.get("in_flight", 0),
            "accepts": stats.get("accepts", 0),
            "loop_lag": lag["sum"] / max(sum(lag["counts"]), 1),
            "memory": rss(ready["pid"]) if process else None,
            "gil": ready.get("gil"),
            "last_error": self._totals.get(worker.index, _Total()).last_error,
        }

    def _all_stacks(self) -> str:
        parts = []
        for worker in sorted(self._crew, key=lambda worker: (worker.index, worker.since)):
            text = self._stacks.get(worker, "it does not answer\n")
            parts.append(f"worker {worker.index} ({_state(worker)}):\n{text}")
        return "\n".join(parts)


def _state(worker: Worker) -> str:
    """One word for what a worker is doing."""
    for word, so in (
        ("quarantined", worker.quarantined),
        ("hung", worker.hung),
        ("ending", worker.departed),
        ("draining", worker.leaving or worker.draining),
        ("starting", worker.ready is None),
        ("waiting", worker.held),
    ):
        if so:
            return word
    return "ready"


def _identity(ready: dict[str, Any], *, process: bool) -> str:
    if not ready:
        return ""
    if process:
        return f"process {ready['pid']}"
    if ready["interpreter"]:
        return f"interpreter {ready['interpreter']}"
    return f"thread {ready['thread']}"


def _sum(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    """Two histograms as one."""
    if one is None:
        return other
    pairs = zip(one["counts"], other["counts"], strict=True)
    return {"counts": [a + b for a, b in pairs], "sum": one["sum"] + other["sum"]}
