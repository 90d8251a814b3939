"""The places for workers: how many there are to be, and when each is to be filled."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from subsrv.backoff import Backoff


@dataclass(slots=True)
class _Place:
    """When to fill it, by time.monotonic(), and how that went so far."""

    due: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)


class Places:
    """All of them, numbered from 0. At first each is to be filled at once."""

    def __init__(self, count: int) -> None:
        self._places = [_Place() for _ in range(count)]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def exhausted(self) -> bool:
        """Whether none can be filled: no worker gets ready any more, however often it is tried."""
        return all(place.backoff.exhausted for place in self._places)

    def alarm(self) -> float:
        """When one is to be filled, by time.monotonic()."""
        return min(place.due for place in self._places)

    def due(self, now: float) -> Iterator[int]:
        """Those to fill now, one after the other; each is told once."""
        for index, place in enumerate(self._places):
            if place.due <= now:
                place.due = math.inf
                yield index

    def lost(self, index: int, served: float | None) -> float:
        """The worker there is no more, which served so many seconds, or None if it never did.

        Returns the seconds until the place is to be filled again.
        """
        place = self._places[index]
        delay = place.backoff.died(served)
        place.due = time.monotonic() + delay
        return delay

    def filled(self, indices: Iterable[int]) -> None:
        """These have new workers, with which nothing went wrong so far."""
        for index in indices:
            self._places[index] = _Place(due=math.inf)

    def resize(self, count: int) -> None:
        """So many from now on: those with the highest numbers come and go."""
        self._places += [_Place() for _ in range(len(self._places), count)]
        del self._places[count:]

    def close(self) -> None:
        """None is to be filled any more."""
        for place in self._places:
            place.due = math.inf
