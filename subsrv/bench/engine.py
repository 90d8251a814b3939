"""The load client's loop: one epoll, and as little work for a request as Python allows.

Closed loop: each connection sends its next request when the answer to the last one is there. A
server that stalls is then asked nothing, and the stall is one slow request for each connection.

Open loop: requests are due at a constant rate, whatever the server does, and each is timed from the
moment at which it was due. One that is due while no connection is free waits, and its waiting
counts, as a user's would. (Gil Tene named the mistake of not counting it coordinated omission.)
"""

import errno
import os
import select
import socket
import time
from collections import deque
from dataclasses import dataclass

from subsrv.bench.answers import Answer, AnswerReader, MalformedError
from subsrv.bench.load import Check, Fault, Load, LoadError, Result

_RECEIVE = 256 << 10  # bytes at once
# Seconds between looks for requests that have timed out; also the longest sleep.
_TICK = 0.05
# Seconds to wait before a connection that was refused is tried again.
_RETRY = 0.1
# What an error says is kept for so many; the rest is only counted.
_EXAMPLES = 5

_IN = select.EPOLLIN
_OUT = select.EPOLLOUT
_SECOND = 1_000_000_000  # in nanoseconds


@dataclass(slots=True)
class _Expected:
    """A request as sent, and what its answer must be; the first answer fills in what is open."""

    data: bytes
    head_only: bool
    status: int | None
    length: int | None
    answer: bytes | None


class _Connection:
    """One connection, which is free, connecting, or waits for an answer since `began`."""

    __slots__ = ("began", "connecting", "expected", "freed", "reader", "sock", "unsent")

    def __init__(self, sock: socket.socket, reader: AnswerReader) -> None:
        self.sock = sock
        self.reader = reader
        self.connecting = True
        self.expected: _Expected | None = None
        self.began = 0
        self.freed = 0
        self.unsent = b""


class Engine:
    """Puts one load on one address; see `run`."""

    def __init__(self, load: Load, address: tuple[str, int]) -> None:
        self._load = load
        host, port = address
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._family, self._address = found[0], found[4]
        self._name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._requests = [
            _Expected(
                data=each.encode(self._name),
                head_only=each.method == "HEAD",
                status=each.status,
                length=each.length,
                answer=each.answer,
            )
            for each in load.requests
        ]
        self._keep_body = load.check is Check.BODY or any(
            each.answer is not None for each in load.requests
        )
        self._timeout = round(load.timeout * _SECOND)
        self._connections: dict[int, _Connection] = {}
        self._free: deque[_Connection] = deque()
        self._retries: deque[int] = deque()
        self._busy = 0
        self._next = 0  # the number of the request whose turn comes next
        self._most = load.count if load.count is not None else 1 << 62
        if load.rate is not None:
            self._most = min(self._most, max(1, round(load.rate * load.duration)))
        self._begin = 0
        self._end = 1 << 62
        self._woken = 0
        self.result = Result()

    def run(self) -> Result:
        """Run it to its end, or to a KeyboardInterrupt, and say what came of it.

        LoadError if not one connection can be opened.
        """
        self._epoll = select.epoll()
        self._timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        # By edges: it need not be read, only set anew.
        self._epoll.register(self._timer, _IN | select.EPOLLET)
        try:
            self._connect_all()
            if not self._free:
                raise LoadError(f"cannot connect to {self._name}: {self.result.examples[0]}")
            cpu = time.process_time()
            self._begin = time.monotonic_ns()
            self._end = self._begin + round(self._load.duration * _SECOND)
            try:
                self._loop()
            except KeyboardInterrupt:
                self.result.interrupted = True
            self.result.seconds = (time.monotonic_ns() - self._begin) / _SECOND
            if self._load.rate is not None and not self.result.interrupted:
                # The time of the last request is not over when it is sent and answered.
                self.result.seconds = max(self.result.seconds, self._next / self._load.rate)
            self.result.cpu = time.process_time() - cpu
        finally:
            for connection in self._connections.values():
                connection.sock.close()
            os.close(self._timer)
            self._epoll.close()
        self.result.sent = self._next
        return self.result

    # ---- the loop

    def _connect_all(self) -> None:
        """Open all connections; those that do not open in time are tried on while the load runs."""
        for _ in range(self._load.connections):
            self._connect()
        deadline = time.monotonic_ns() + self._timeout
        while any(each.connecting for each in self._connections.values()):
            if time.monotonic_ns() > deadline:
                self._fault(Fault.CONNECT, "not connected in time")
                break
            for descriptor, event in self._epoll.poll(_TICK):
                self._handle(descriptor, event)

    def _loop(self) -> None:
        clock, poll, handle = time.monotonic_ns, self._epoll.poll, self._handle
        tick = round(_TICK * _SECOND)
        look = self._begin + tick
        if self._load.rate is None:
            while self._free and self._next < self._most:
                self._send(self._free.popleft(), clock())
        while True:
            now = clock()
            if now >= look:
                look = now + tick
                self._look(now)
            if self._load.rate is not None:
                self._dispatch(now)
            if self._over(now):
                return
            events = poll(_TICK)
            self._woken = clock()
            for descriptor, event in events:
                handle(descriptor, event)

    def _over(self, now: int) -> bool:
        if self._busy:
            return False
        if self._load.rate is not None:
            return self._next >= self._most
        return now >= self._end or self._next >= self._most

    def _due(self, number: int) -> int:
        """When a request of the open loop is due: computed anew each time, so no error adds up."""
        assert self._load.rate is not None
        return self._begin + round(number * _SECOND / self._load.rate)

    def _dispatch(self, now: int) -> None:
        """Send what is due, and set the timer for what will be."""
        free = self._free
        while self._next < self._most:
            due = self._due(self._next)
            if due > now:
                # A request that comes due while none is free is sent when one becomes so.
                if free:
                    os.timerfd_settime_ns(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=due)
                return
            if not free:
                return
            connection = free.popleft()
            self.result.lag.append(now - max(due, connection.freed))
            self._send(connection, due)
            now = time.monotonic_ns()

    def _look(self, now: int) -> None:
        """What need not be exact: time-outs, and connections to try again."""
        limit = now - self._timeout
        for connection in list(self._connections.values()):
            if connection.expected is not None and connection.began < limit:
                self._fault(Fault.TIMEOUT, f"no answer in {self._load.timeout:g} s")
                self.result.latencies.append(now - connection.began)
                self._replace(connection)
        if self._load.rate is not None:
            while self._next < self._most and (due := self._due(self._next)) < limit:
                self._next += 1
                self._fault(Fault.TIMEOUT, f"no connection free in {self._load.timeout:g} s")
                self.result.latencies.append(now - due)
        while self._retries and self._retries[0] <= now:
            self._retries.popleft()
            self._connect()

    # ---- one connection

    def _connect(self) -> None:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex(self._address)
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            self._refused(error)
            return
        reader = AnswerReader(keep_body=self._keep_body)
        self._connections[sock.fileno()] = _Connection(sock, reader)
        self._epoll.register(sock.fileno(), _OUT)

    def _refused(self, error: int) -> None:
        self._fault(Fault.CONNECT, os.strerror(error))
        self._retries.append(time.monotonic_ns() + round(_RETRY * _SECOND))

    def _handle(self, descriptor: int, event: int) -> None:
        connection = self._connections.get(descriptor)
        if connection is None:  # the timer, whose due request is dispatched next
            return
        if event == _IN:  # the usual case
            self._receive(connection)
        elif connection.connecting:
            self._connected(connection)
        else:
            if event & _OUT:
                self._flush(connection)
            if event & ~_OUT and connection.sock.fileno() >= 0:
                self._receive(connection)

    def _connected(self, connection: _Connection) -> None:
        sock = connection.sock
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._drop(connection)
            self._refused(error)
            return
        connection.connecting = False
        self._epoll.modify(sock.fileno(), _IN)
        self._released(connection, time.monotonic_ns())

    def _released(self, connection: _Connection, now: int) -> None:
        """A connection is free: its next request, if it is the turn of one."""
        connection.freed = self._woken
        if self._begin and self._next < self._most:
            if self._load.rate is None:
                if now < self._end:
                    self._send(connection, now)
                    return
            elif (due := self._due(self._next)) <= now:
                self.result.lag.append(now - max(due, self._woken))
                self._send(connection, due)
                return
        self._free.append(connection)

    def _send(self, connection: _Connection, began: int) -> None:
        expected = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._busy += 1
        connection.expected = expected
        connection.began = began
        try:
            sent = connection.sock.send(expected.data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fault(Fault.RESET, str(error))
            self._replace(connection)
            return
        if sent < len(expected.data):
            connection.unsent = expected.data[sent:]
            self._epoll.modify(connection.sock.fileno(), _IN | _OUT)

    def _flush(self, connection: _Connection) -> None:
        try:
            sent = connection.sock.send(connection.unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._fault(Fault.RESET, str(error))
            self._replace(connection)
            return
        connection.unsent = connection.unsent[sent:]
        if not connection.unsent:
            self._epoll.modify(connection.sock.fileno(), _IN)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(connection, str(error))
            return
        expected = connection.expected
        if not data:
            answer = connection.reader.end()
            if answer is None or expected is None:
                begun = connection.reader.begun
                self._lost(connection, f"closed {'in' if begun else 'instead of'} an answer")
                return
        else:
            self.result.bytes_read += len(data)
            if expected is None:
                self._fault(Fault.MALFORMED, f"{data[:60]!r} came without a request")
                self._replace(connection)
                return
            try:
                answer = connection.reader.feed(data, head_only=expected.head_only)
            except MalformedError as error:
                self._fault(Fault.MALFORMED, str(error))
                self._replace(connection)
                return
            if answer is None:
                return
        now = time.monotonic_ns()
        if self._right(answer, expected):
            self.result.answered += 1
            self.result.latencies.append(now - connection.began)
        if answer.keep_alive and not connection.unsent:
            self._busy -= 1
            connection.expected = None
            self._released(connection, now)
        else:
            self._replace(connection)

    def _right(self, answer: Answer, expected: _Expected) -> bool:
        """Judge an answer; the first one to a request becomes the measure of the others."""
        wanted = expected.status
        if answer.status != wanted if wanted is not None else not 200 <= answer.status < 300:
            self._fault(Fault.STATUS, f"status {answer.status}")
            return False
        if expected.length is None:
            if self._load.check is not Check.STATUS:
                expected.length = answer.length
        elif answer.length != expected.length:
            self._fault(Fault.CONTENT, f"{answer.length} bytes instead of {expected.length}")
            return False
        if expected.answer is None:
            if self._load.check is Check.BODY:
                expected.answer = answer.body
        elif answer.body != expected.answer:
            self._fault(Fault.CONTENT, f"another body: {(answer.body or b'')[:60]!r}")
            return False
        return True

    def _lost(self, connection: _Connection, why: str) -> None:
        """The other side is gone. Between two requests it may close as it likes."""
        if connection.expected is not None:
            self._fault(Fault.RESET, why)
        self._replace(connection)

    def _replace(self, connection: _Connection) -> None:
        """Close a connection, which may wait for an answer or be free, and open another."""
        if connection.expected is not None:
            self._busy -= 1
        else:
            self._free.remove(connection)
        self._drop(connection)
        if connection.began:
            self._connect()
        else:  # closed before it was used: tried again at leisure, lest it goes on for ever
            self._retries.append(time.monotonic_ns() + round(_RETRY * _SECOND))

    def _drop(self, connection: _Connection) -> None:
        del self._connections[connection.sock.fileno()]
        connection.sock.close()  # which takes it out of epoll, too

    def _fault(self, kind: Fault, why: str) -> None:
        self.result.faults[kind.value] += 1
        if len(self.result.examples) < _EXAMPLES and why not in self.result.examples:
            self.result.examples.append(why)
