"""Giving up what has waited too long: `--limit-queue-age`.

A queue that empties now and then takes bursts, and is good. One that stands makes every request
late by as much as it is long, and serves nobody better: by the time it gets to a request, its
client may have given up. So what tells an overload is not how long a queue is, but for how long it
has not been empty (Nichols and Jacobson's controlled delay, RFC 8289; for a server's requests:
Maurer, "Fail at Scale", ACM Queue 13(8), 2015).

In a worker's loop the queue is in the kernel: descriptors that are ready, and connections that
nobody has accepted. It is empty when there is nothing to be had from epoll without waiting. For how
long a request has been there, the kernel says for each TCP connection, so that nobody need take its
time.
"""

import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subsrv.reactor import Poller
    from subsrv.shared import Shared

# Of the limit: how long what is in a queue that stands may have waited. RFC 8289 has 5 to 10 % of
# its interval; at the upper end a few requests fit in where one takes milliseconds.
_TARGET = 0.1

# Events taken at once. Fewer than the reactor would take, so that a turn is short and is seen to be
# late in time; enough that what a turn costs is spread.
_AT_ONCE = 64

# Where in Linux's struct tcp_info (linux/tcp.h) tcpi_last_data_recv is: milliseconds, 32 bits.
_LAST_DATA = slice(52, 56)
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None

type Clock = Callable[[], float]


class QueueAge:
    """The rule, without any I/O. All times are in seconds, and of the same clock.

    If a queue has not been empty for `limit`, what has waited for longer than a tenth of that is to
    be refused. It follows that a burst that is over within `limit` is served whole, that nothing is
    served that has waited for longer than `limit`, and that after one moment without a queue
    nothing is refused.
    """

    def __init__(self, limit: float, now: float) -> None:
        self._limit = limit
        #: How long what is in a queue that stands may have waited.
        self.target = limit * _TARGET
        self._empty = now

    def emptied(self, now: float) -> None:
        """Nothing waited at this moment."""
        self._empty = now

    def stands(self, now: float) -> bool:
        """Whether something has waited at every moment for too long."""
        return now - self._empty > self._limit

    def refuses(self, since: float, now: float) -> bool:
        """Whether what has waited since then has waited for too long."""
        return now - since > self.target and self.stands(now)


class LoopQueue:
    """The rule for what waits for a worker's loop. It stands between the reactor and its poller.

    While the queue stands, `most_in_flight` of the worker is such that each request is asked about
    here; else a request pays nothing. A turn of the loop pays a look at the clock, and one that
    has to wait a second system call.
    """

    def __init__(self, limit: float, shared: "Shared", clock: Clock = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._rule = QueueAge(limit, clock())
        #: As configured.
        self.most_in_flight = shared.most_in_flight
        #: Whatever is handled now came after this look, which saw all that was there.
        self._before = clock()
        self._complete = self._before  # the last such look

    def watch(self, poller: "Poller") -> "Poller":
        """What `Reactor.observe` asks for."""
        self._wait = poller.poll
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.close = poller.close
        return self

    def poll(self, timeout: float | None, maxevents: int, /) -> list[tuple[int, int]]:
        """See Poller. Never more than a few: `maxevents` is the reactor's own bound, far above."""
        events = self._wait(0, _AT_ONCE)
        if events:
            now = self._clock()
            if self._rule.stands(now):
                self._shared.most_in_flight = -1
        else:
            if timeout != 0:
                events = self._wait(timeout, _AT_ONCE)
            now = self._clock()
            self._rule.emptied(now)
            self._shared.most_in_flight = self.most_in_flight
        self._before = self._complete
        if len(events) != _AT_ONCE:
            self._complete = now
        return events

    def too_old(self, sock: Any) -> bool:
        """Whether the request that came over this socket has waited for too long.

        The kernel says when the last bytes of it came. Where it does not (on other systems, or of a
        Unix socket), a request is taken to have come just after the last turn that had no part in
        it; for how long its connection waited to be accepted cannot be told then.
        """
        if _TCP_INFO is not None:
            try:
                info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LAST_DATA.stop)
            except OSError:
                pass
            else:
                return int.from_bytes(info[_LAST_DATA], sys.byteorder) > 1000 * self._rule.target
        return self._clock() - self._before > self._rule.target
