"""Workers that hang: noticing it, having them rescued, and keeping what cannot be.

A worker is asked now and then whether its loop turns. One that has not answered for too long gets a
successor, is told to drain, and then a thread inside it raises an exception in the one that hangs
(rescue.py). Where that helps, it drains like any other. Where it does not, a process is killed; a
thread or an interpreter cannot be, and is left behind: in quarantine.
"""

import logging
import math
from typing import Protocol

from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.errors import HangError, SubsrvError, WorkerStartError

logger = logging.getLogger("subsrv")

# How often within the time-out a worker is asked.
_ASKED = 4
# Attempts to rescue, and the seconds that each of them has to show an effect: the exception comes
# within milliseconds where it comes at all (the switch interval, or the end of a system call).
_ATTEMPTS = 2
_STEP = 1.0
# Attempts that do not count, because the worker is still dealing with the one before.
_RESPITES = 5


class Overseer(Protocol):
    """Who is told of workers that hang."""

    def hangs(self, worker: Worker, error: SubsrvError) -> None:
        """A worker serves no more, but is still there."""

    def left_behind(self, worker: Worker) -> None:
        """Nothing can end it: it is in quarantine."""


class HangWatch:
    """Looks after all workers of a crew, which have `timeout` seconds to answer; 0: for ever."""

    def __init__(self, crew: Crew, timeout: float, overseer: Overseer) -> None:
        self._crew = crew
        self._timeout = timeout or math.inf
        self._interval = self._timeout / _ASKED
        self._overseer = overseer
        self._due = math.inf

    def alarm(self) -> float:
        """When to look again, by time.monotonic()."""
        times = [self._due]
        for worker in self._crew:
            if not worker.quarantined:
                times.append(worker.rescue_due if worker.hung else worker.deadline)
        return min(times)

    def crowded(self, limit: int) -> bool:
        """Whether so many workers are left behind that another one would be too many."""
        return len(self._left()) >= limit

    def too_many(self) -> HangError:
        """What there is to say then."""
        return HangError(
            f"workers that hang and cannot be ended: {len(self._left())}; "
            "only starting the server anew gets rid of them"
        )

    def _left(self) -> list[Worker]:
        return [worker for worker in self._crew if worker.quarantined]

    def look(self, now: float) -> None:
        """Ask those that are due, and act on those that do not answer."""
        if self._due == math.inf:
            self._due = now + self._interval
        late = now >= self._due + self._interval
        asking = now >= self._due
        for worker in self._crew:
            if worker.quarantined:
                continue
            if worker.deadline <= now:
                self._overdue(worker)
            elif worker.hung:
                if worker.rescue_due <= now:
                    self._rescue(worker, now)
            elif worker.ready and not worker.departed:
                if late:
                    # This loop was held up itself: no worker is to blame for its own silence.
                    worker.asked = None
                if worker.asked is not None and now - worker.asked >= self._timeout:
                    self._hangs(worker, now)
                elif asking and worker.asked is None:
                    worker.asked = now
                    worker.tell("ping")
        if asking:
            self._due = now + self._interval

    def heard(self, worker: Worker, message: Message) -> None:
        """Take in what a worker says of its loop."""
        if message.type == "stuck":
            stack = message.fields["stack"].rstrip()
            logger.error("worker %d is stuck here:\n%s", worker.index, stack)
        if message.type == "dealing" and worker.respites < _RESPITES:
            worker.respites += 1
            worker.attempts -= 1
        if message.type != "pong":
            return
        worker.asked = None
        if worker.hung:
            worker.hung = worker.quarantined = False
            logger.warning("worker %d goes on, and drains", worker.index)

    def _hangs(self, worker: Worker, now: float) -> None:
        worker.hung = True
        reason = f"worker {worker.index} hangs: its loop has not turned for {self._timeout:g} s"
        self._overseer.hangs(worker, WorkerStartError(reason))
        self._rescue(worker, now)

    def _rescue(self, worker: Worker, now: float) -> None:
        if worker.attempts == _ATTEMPTS:
            self._give_up(worker)
            return
        worker.attempts += 1
        worker.rescue_due = now + _STEP
        worker.call_rescue(worker.attempts)

    def _overdue(self, worker: Worker) -> None:
        """It has not ended in the time that a drain may take, or that its remains may."""
        worker.deadline = math.inf
        worker.hung = True
        logger.error("worker %d does not end", worker.index)
        self._give_up(worker)

    def _give_up(self, worker: Worker) -> None:
        worker.rescue_due = math.inf
        if worker.handle.kill():
            logger.error("killing worker %d", worker.index)
        else:
            worker.quarantined = True
            logger.error(
                "worker %d cannot be ended: it is left behind, as %d others are",
                worker.index,
                len(self._left()) - 1,
            )
            self._overseer.left_behind(worker)
