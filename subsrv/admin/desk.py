"""Where the supervisor and its control address meet."""

import dataclasses
import os
import platform
import selectors
from collections.abc import Callable
from typing import Any, Protocol, Self

from subsrv.admin.api import Status
from subsrv.admin.endpoint import Endpoint
from subsrv.admin.view import View
from subsrv.config import Config
from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.succession import Succession


class Office(Protocol):
    """What the supervisor lets itself be asked."""

    @property
    def workers(self) -> int:
        """How many there are to be."""

    @property
    def state(self) -> str:
        """starting, serving, replacing (its workers) or draining."""

    @property
    def urls(self) -> tuple[str, ...]:
        """What it is bound to."""

    def want_workers(self, count: int) -> None:
        """Have another number of workers, as SIGTTIN and SIGTTOU do by one."""


class Desk:
    """Listens at `config.control`, and does what it is asked there. A context manager."""

    def __init__(
        self,
        config: Config,
        crew: Crew,
        succession: Succession,
        selector: selectors.BaseSelector,
        office: Office,
    ) -> None:
        assert config.control is not None
        self._config = config
        self._crew = crew
        self._succession = succession
        self._office = office
        self._replacements = 0
        self._urls = office.urls
        self._view = View(crew, self._facts)
        self._endpoint = Endpoint(config.control, selector, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._endpoint.close()

    # What the supervisor tells.

    def heard(self, worker: Worker, message: Message) -> None:
        """A worker has said something."""
        self._view.heard(worker, message)

    def departed(self, worker: Worker) -> None:
        """A worker has left its place."""
        self._view.ended(worker, worker.last_word)

    def lost(self, place: int, reason: str) -> None:
        """A worker was lost, and is replaced."""
        self._view.trouble(place, reason)

    def replaced(self) -> None:
        """Workers have been replaced, all or one, as was asked for."""
        self._replacements += 1

    def alarm(self) -> float:
        """When to look again, by time.monotonic()."""
        return min(self._view.alarm(), self._endpoint.alarm())

    def look(self, now: float) -> None:
        """Do what is due."""
        self._view.look(now)
        self._endpoint.look(now)

    def leave(self) -> None:
        """In a forked child: close this process's descriptors alone."""
        self._endpoint.leave()

    # What the control address asks: api.Steward.

    def status(self, done: Callable[[Status], None]) -> None:
        """See Steward."""
        self._view.status(done)

    def stacks(self, done: Callable[[str], None]) -> None:
        """See Steward."""
        self._view.stacks(done)

    def healthy(self) -> bool:
        """See Steward."""
        return bool(self._crew.accepting())

    def ready(self) -> bool:
        """See Steward."""
        serving = self._office.state in ("serving", "replacing")
        return serving and len(self._crew.accepting()) >= self._office.workers

    def reload(self) -> str | None:
        """See Steward."""
        if fault := self._busy():
            return fault
        self._succession.want_reload()
        return None

    def scale(self, workers: int) -> str | None:
        """See Steward."""
        if fault := self._busy():
            return fault
        if self._config.accept == "reuseport" and workers < self._office.workers:
            return "no worker can go with --accept reuseport: its socket would stay"
        self._office.want_workers(workers)
        return None

    def drain(self, worker: int) -> str | None:
        """See Steward."""
        if fault := self._busy():
            return fault
        for each in self._crew.accepting():
            if each.index == worker:
                each.spent = "it was asked to"
                return None
        return f"no worker {worker} accepts"

    def _busy(self) -> str | None:
        state = self._office.state
        return None if state in ("serving", "replacing") else f"the server is {state}"

    def _facts(self) -> dict[str, Any]:
        ready = [worker.ready for worker in self._crew if worker.ready]
        gil = any(each["gil"] for each in ready)
        return {
            "mode": self._config.mode,
            "python": platform.python_version(),
            "gil": "on" if gil else "off",
            "pid": os.getpid(),
            "urls": list(self._urls),
            "state": self._office.state,
            "workers": self._office.workers,
            "replacements": self._replacements,
            "reloads": dataclasses.asdict(self._succession.reloads),
        }
