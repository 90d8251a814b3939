"""Replacing workers that serve, for a reload or because they have served enough: one at a time."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from subsrv.config import Config
from subsrv.crew import Crew, Worker
from subsrv.errors import SubsrvError
from subsrv.notify import notify
from subsrv.recycling import Recycling
from subsrv.takeover import Takeover

logger = logging.getLogger("subsrv")

# Seconds until a worker that should be replaced, but whose successor failed, is tried again.
_AGAIN = 30.0

_RELOADED = "reloaded"


@dataclass(slots=True)
class Reloads:
    """How many there were: begun, and brought to an end of one kind or the other."""

    begun: int = 0
    done: int = 0
    failed: int = 0
    #: Why the last one failed; None if it did not.
    error: str | None = None


class Succession:
    """What is replaced now, and what is to be.

    Args:
      refresh: prepares for workers that load the application as it is now. SubsrvError if it does
        not load; False if this was broken off.
      launch: starts a worker for a place, held. SubsrvError if the system refuses.
      filled: is told of the places that have new workers.
    """

    def __init__(
        self,
        crew: Crew,
        config: Config,
        *,
        refresh: Callable[[], bool],
        launch: Callable[[int], Worker],
        filled: Callable[[Iterable[int]], None],
    ) -> None:
        self._crew = crew
        self._timeout = config.graceful_timeout
        self._recycling = Recycling(config)
        self._refresh = refresh
        self._launch = launch
        self._filled = filled
        self._current: Takeover | None = None
        self._word = ""
        self._reload_wanted = False
        self.reloads = Reloads()

    def want_reload(self) -> None:
        """Have all workers replaced. It begins when nothing else is under way."""
        self._reload_wanted = True

    def alarm(self) -> float:
        """When something is to begin, by time.monotonic()."""
        if self._current:
            return math.inf
        return 0.0 if self._reload_wanted else self._recycling.alarm(self._crew.accepting())

    @property
    def under_way(self) -> bool:
        """Whether workers are being replaced now."""
        return self._current is not None

    def turn(self, places: int) -> None:
        """Begin what is due."""
        if self._current:
            return
        if self._reload_wanted:
            self._reload_wanted = False
            self.reloads.begun += 1
            # As Type=notify-reload of systemd wants it, by the clock that time.monotonic() reads.
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            logger.info("reloading")
            self._begin(_RELOADED, range(places), self._refresh)
        elif worker := self._recycling.chosen(self._crew.accepting(), time.monotonic()):
            logger.info("worker %d is recycled: %s", worker.index, worker.spent)
            self._begin("recycled", [worker.index], lambda: True)

    def _begin(self, word: str, places: Iterable[int], prepare: Callable[[], bool]) -> None:
        self._word = word
        self._current = takeover = Takeover(self._crew, places)
        try:
            if prepare():
                takeover.start(self._launch)
            else:
                self._current = None
        except SubsrvError as error:
            self._fail(error)

    def is_new(self, worker: Worker) -> bool:
        """Whether this worker is to take over, and has not yet."""
        return self._current is not None and worker in self._current and worker.held

    def go_on(self) -> None:
        """Something may have brought the takeover forward: a word of a worker, or its end."""
        takeover = self._current
        if takeover is None:
            return
        if takeover.complete(self._timeout):
            self._filled(takeover.places)
        if takeover.over:
            self._current = None
            many = len(takeover.places)
            told = "1 new worker accepts" if many == 1 else f"{many} new workers accept"
            logger.info("%s: %s", self._word, told)
            if self._word == _RELOADED:
                self.reloads.done += 1
                self.reloads.error = None
                notify("READY=1")

    def failed(self, error: SubsrvError) -> None:
        """One of the new workers did not get ready."""
        if self._current:
            self._current.give_up()
        self._fail(error)

    def _fail(self, error: SubsrvError) -> None:
        self._current = None
        self._recycling.postpone(time.monotonic(), _AGAIN)
        error.log(f"not {self._word}, the workers that serve go on")
        if self._word == _RELOADED:
            self.reloads.failed += 1
            self.reloads.error = str(error)
            notify("READY=1")
