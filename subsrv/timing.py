"""How long requests take, where somebody asks: a connection that takes the time of each.

Chosen at the start, so that a server without `--control` does not even ask whether it has one.
"""

import time
from bisect import bisect_left

from subsrv.connection import Connection
from subsrv.histogram import BOUNDS, Histogram
from subsrv.http1 import Request


def timed(kind: type[Connection], latency: Histogram) -> type[Connection]:
    """That kind of connection, which also counts how long its requests take.

    From the moment at which the loop learned of a request, so that its wait for others that came
    together with it is in it, to the end of its response, or to its end without one.
    """
    # Looked up once here, and not by super() in each request.
    now, begin, release = time.monotonic, kind._begin, kind._release
    counts, bounds = latency.counts, list(BOUNDS)

    class Timed(kind):  # type: ignore[misc, valid-type]
        __slots__ = ()

        def _begin(self, request: Request) -> None:
            try:
                begin(self, request)
            finally:
                if self._in_flight:
                    self._arrived = self._reactor.now  # type: ignore[misc]
                else:  # it is over, as most are
                    took = now() - self._reactor.now
                    # As Histogram.add has it, but for the call.
                    counts[bisect_left(bounds, took)] += 1
                    latency.sum += took

        def _release(self) -> None:
            if self._in_flight:
                latency.add(now() - self._arrived)
            release(self)

    Timed.__name__ = Timed.__qualname__ = f"Timed{kind.__name__}"
    return Timed
