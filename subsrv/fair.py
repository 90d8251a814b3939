"""`--accept fair`: a worker that has more than its share passes new connections on.

The kernel gives a connection to some worker that waits, and knows nothing of how many it has
already. Here, whoever accepts looks at the table of loads, and sends the descriptor of the
connection to the worker with the fewest, by SCM_RIGHTS over a socket, which works alike between
processes, interpreters and threads. The supervisor holds both ends of these: what is sent to a
worker that has died meanwhile waits for the one that replaces it. A worker that is away from its
loop, in a long request, is given none: the kernel does not wake it, and the others see it.

A connection that stays is a guess about its future. So once a second a worker that was busy all
the time, while another had time to spare, moves resting keep-alive connections there.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Self

from subsrv import sockets
from subsrv.loads import Loads
from subsrv.reactor import IN, Poller, Reactor

_log = logging.getLogger("subsrv")

type Accepted = Callable[[socket.socket, object], None]
"""Serves a connection, given its socket and the client's address as the socket module has it."""

# Of its time, in permille: from this on a worker has too much to do, and one that has so much
# less can help.
_OVERWORKED = 900
_SPARE = 250

# Seconds since its last response within which a connection counts as one that causes work.
_OF_LATE = 1.0

# Instead of the number of a listener: the connection has had requests before.
_RESTING = 255


class ObservedPoller:
    """A poller that tells the others whether this worker waits."""

    def __init__(self, poller: Poller, loads: Loads) -> None:
        self._wait = poller.poll
        self._loads = loads
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.close = poller.close

    def poll(self, timeout: float | None, maxevents: int, /) -> list[tuple[int, int]]:
        """See Poller."""
        self._loads.end()
        events = self._wait(timeout, maxevents)
        self._loads.begin()
        return events


class Counted(set[Any]):
    """The connections of a worker, whose number the others can see."""

    def __init__(self, loads: Loads) -> None:
        super().__init__()
        self._count: Callable[[int], object] = loads.count
        #: Connections that are about to be added.
        self.coming = 0

    def leave(self) -> None:
        """Let the others see this number no more."""
        self._count = int

    def add(self, connection: Any, /) -> None:
        """See set."""
        super().add(connection)
        self._count(len(self) + self.coming)

    def discard(self, connection: Any, /) -> None:
        """See set."""
        super().discard(connection)
        self._count(len(self) + self.coming)


class Fairness:
    """One worker's part in it.

    `fds` are those of `Spec.handover`: the table of loads, this worker's inbox, and the way into
    each worker's inbox. They are its own, and it closes them after the reactor.
    """

    def __init__(self, fds: Sequence[int], place: int, reactor: Reactor) -> None:
        with ExitStack() as stack:
            table, inbox, *outboxes = fds
            stack.callback(os.close, table)
            self._inbox = stack.enter_context(sockets.adopt(inbox))
            self._outboxes = [stack.enter_context(sockets.adopt(fd)) for fd in outboxes]
            self._loads = Loads(table, place)
            stack.callback(self._loads.close)
            self._stack = stack.pop_all()
        self._reactor = reactor
        self._readmit: Accepted
        self._doors: list[Accepted] = []
        self._watching = self._stopping = False
        self._looked = (time.monotonic_ns(), 0)
        #: Connections can be served elsewhere: not where only this worker has the keys of their
        #: TLS, or knows what a proxy said when they began.
        self.movable = True
        #: The connections of this worker, whose number the others can see.
        self.connections = Counted(self._loads)
        #: Connections passed on when they came, taken over, and moved while they rested.
        self.passed = self.taken = self.moved = 0

    def door(self, door: Accepted) -> Accepted:
        """What a listener is to call with what it has accepted, in place of `door`."""
        number = len(self._doors)
        self._doors.append(door)

        def accepted(sock: socket.socket, peer: object) -> None:
            place = None if self._stopping else self._loads.lightest(len(self.connections))
            if place is not None and self._send(place, number, sock):
                self.passed += 1
                sock.close()
            else:
                door(sock, peer)

        return accepted

    def start(self, readmit: Accepted) -> None:
        """Take connections over from now on; `readmit` serves those that have rested elsewhere."""
        self._readmit = readmit
        self._reactor.observe(lambda poller: ObservedPoller(poller, self._loads))
        self._reactor.watch(self._inbox.fileno(), IN, self._take_over)
        self._watching = True
        self._loads.open(accepting=True)

    def stop(self, *, succeeded: bool = False) -> None:
        """Pass nothing on any more, and be passed over; what is on its way is still taken.

        Where another worker has this place, it has the row and the inbox, too: both are left to it.
        """
        self._stopping = True
        if succeeded:
            self.connections.leave()
            self.end()
            return
        self._loads.open(accepting=False)
        self._take_over()

    def end(self) -> None:
        """Take nothing over any more. Does nothing the second time."""
        if self._watching:
            self._watching = False
            self._reactor.unwatch(self._inbox.fileno())

    def close(self) -> None:
        """Release everything."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tick(self) -> None:
        """Note how busy this worker was; if too busy, give connections away that rest now."""
        if self._stopping:
            return
        loads = self._loads
        now, busy = time.monotonic_ns(), loads.busy
        (then, before), self._looked = self._looked, (now, busy)
        load = min(1000 * (busy - before) // max(now - then, 1), 1000) if self.connections else 0
        loads.tell(load)
        if load >= _OVERWORKED and self.movable:
            idlest = loads.idlest(below=load - _SPARE)
            if idlest is not None:
                place, other = idlest
                self._move(place, share=(load - other) / (2 * load))

    def _move(self, place: int, share: float) -> None:
        """Give away this share of the connections that rest now and were used of late."""
        earliest = self._reactor.now - _OF_LATE
        used = [each for each in self.connections if each.rests_since > earliest]
        for connection in used[: int(len(used) * share)]:
            if not self._send(place, _RESTING, connection.socket):
                return
            connection.close()
            self.moved += 1

    def _send(self, place: int, what: int, sock: socket.socket) -> bool:
        """False where too much waits there already, or nobody is there."""
        try:
            socket.send_fds(self._outboxes[place], [bytes([what])], [sock.fileno()])
        except OSError:
            return False
        self._loads.send(place)
        return True

    def _take_over(self, _mask: int = IN) -> None:
        """Take over all connections that wait in the inbox."""
        arrived = []
        with suppress(BlockingIOError, InterruptedError):
            while True:
                what, fds, _, _ = socket.recv_fds(self._inbox, 1, 1)
                if fds:
                    arrived.append((what[0], socket.socket(fileno=fds[0])))
                elif not what:  # nobody is left who could send
                    self.end()
                    break
                else:  # this process has no descriptor left, and the kernel has dropped it
                    _log.error("a connection was lost on its way from another worker")
        # Until the last of them counts, the others should not think that there is room.
        self.connections.coming = len(arrived)
        for door_number, sock in arrived:
            self.connections.coming -= 1
            self.taken += 1
            try:
                sock.setblocking(False)
                peer = sock.getpeername()
            except OSError:  # the client has left meanwhile
                sock.close()
            else:
                door = self._readmit if door_number == _RESTING else self._doors[door_number]
                door(sock, peer)
