"""The end of a server: its workers drain, and what has not ended in time ends by force."""

import logging
import math
import os
import sys
import time

from subsrv import crew
from subsrv.crew import Crew, Worker
from subsrv.errors import SubsrvError
from subsrv.notify import notify

logger = logging.getLogger("subsrv")

# Seconds within which a second signal is the first one's echo: timeout(1) and other wrappers signal
# both their child and its whole group.
_ECHO = 0.1


class Shutdown:
    """See the module. Nothing of it happens before `begin`."""

    def __init__(self, workers: Crew, timeout: float) -> None:
        """`timeout`: the seconds that requests have where nobody says otherwise."""
        self._crew = workers
        self._timeout = timeout
        self._echo_until = 0.0
        self._error: SubsrvError | None = None
        self._status = 0
        self.begun = False
        #: When to end by force, by time.monotonic().
        self.deadline = math.inf

    def begin(
        self,
        error: SubsrvError | None = None,
        *,
        timeout: float | None = None,
        parting: float = 0.0,
    ) -> None:
        """Have the workers drain.

        `error` is why, where nobody asked for it; for the others, see Worker.retire.
        """
        self.begun = True
        self._error = error or self._error
        if timeout is None:
            timeout = self._timeout
        busy = any(worker.ready and not worker.hung for worker in self._crew)
        patience = timeout if busy else 0.0
        self.deadline = time.monotonic() + patience + crew.MARGIN
        for worker in self._crew:
            worker.retire(timeout, parting=min(parting, timeout))
        notify("STOPPING=1")

    def await_echo(self) -> None:
        """A signal has begun this: what follows at once is no second one."""
        self._echo_until = time.monotonic() + _ECHO

    def signalled(self) -> None:
        """A signal has come that asks for what has begun."""
        if time.monotonic() >= self._echo_until:
            self._force("a second signal")

    def departed(self, worker: Worker, error: SubsrvError | None) -> None:
        """A worker has left its place."""
        if error and worker.ready:
            error.log("it was draining")
            self._status = 1
        if all(each.departed or each.quarantined for each in self._crew):
            # Nothing is in flight any more; only remains, as threads an application forgot.
            self.deadline = min(self.deadline, time.monotonic() + crew.MARGIN)

    def look(self, now: float) -> None:
        """End by force, if it is time."""
        if self.deadline <= now:
            self._force("the time to stop is over")

    def status(self) -> int:
        """The exit status: 0, or 1 by force. Raises what has ended the server, if anything has."""
        if self._error:
            raise self._error
        return self._status

    def _force(self, reason: str) -> None:
        """End without waiting any longer."""
        self._status = 1
        self.deadline = math.inf
        stuck = [worker.index for worker in self._crew if not worker.handle.kill()]
        if not stuck:
            logger.error("%s: killing %d workers", reason, len(self._crew))
            return
        # Leaving in good order would wait for these threads, for ever.
        if self._error:
            self._error.log("giving up")
        logger.error("%s: leaving without workers %s, which cannot be killed", reason, stuck)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(self._error.status if self._error else self._status)
