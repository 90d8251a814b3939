"""How long requests take, where somebody asks: a connection that takes the time of each.

Chosen at the start, so that a server without `--control` does not even ask whether it has one.
"""

import time

from subsrv.connection import Connection
from subsrv.http1 import Request


class _Timed(Connection):
    """From a request's head to the end of its response, or to its end without one."""

    __slots__ = ()

    def _begin(self, request: Request) -> None:
        self._arrived = time.monotonic()
        super()._begin(request)

    def finish(self, data: bytes, keep_alive: bool) -> None:
        """See Transport."""
        assert self._shared.latency is not None
        self._shared.latency.add(time.monotonic() - self._arrived)
        super().finish(data, keep_alive)


def timed(kind: type[Connection]) -> type[Connection]:
    """That kind of connection, which also takes the time."""
    return type(f"Timed{kind.__name__}", (_Timed, kind), {"__slots__": ()})
