"""New workers for places that are filled: they take over without a gap, or not at all."""

from collections.abc import Callable, Iterable

from subsrv.crew import Crew, Worker
from subsrv.errors import WorkerStartError

# Seconds for which a worker that is replaced keeps an idle connection open, because its client may
# be sending a request just now; that is answered, with "connection: close". Arbitrary: long enough
# for a client that is busy, and short enough for a generation not to outlive the next.
PARTING = 2.0


class Takeover:
    """The new workers of some places.

    They start beside those that serve there, and are held until all of them are ready; then they
    accept, and the old ones drain. Should one of them not get ready, none of them ever accepts.
    """

    def __init__(self, crew: Crew, places: Iterable[int]) -> None:
        self._crew = crew
        self.places = tuple(places)
        self._workers: list[Worker] = []
        self._old: list[Worker] = []
        self._complete = False

    def __contains__(self, worker: Worker) -> bool:
        return worker in self._workers

    def start(self, launch: Callable[[int], Worker]) -> None:
        """Start the new workers. WorkerStartError if the system refuses; nothing is left then."""
        try:
            for index in self.places:
                self._workers.append(launch(index))
        except WorkerStartError:
            self.give_up()
            raise

    def complete(self, timeout: float) -> bool:
        """Once the new workers are ready, let them accept, and have the old ones drain.

        Those have so many seconds. Returns whether this happened now.
        """
        if self._complete or not all(worker.ready for worker in self._workers):
            return False
        self._complete = True
        # In this order. The sockets listen all the while, so that no connection is refused.
        for worker in self._workers:
            worker.accept()
        for worker in self._crew:
            if worker.index in self.places and not (worker in self or worker.leaving):
                worker.retire(timeout, parting=min(PARTING, timeout), succeeded=True)
                self._old.append(worker)
        return True

    @property
    def over(self) -> bool:
        """Whether the new workers accept, and the old ones no more."""
        return self._complete and all(
            worker.draining or worker.departed or worker.hung for worker in self._old
        )

    def give_up(self) -> None:
        """End the new workers. None has ever accepted, so there is nothing to wait for."""
        for worker in self._workers:
            worker.retire(0.0)
