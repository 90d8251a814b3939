"""Visitors: each opens a connection of its own, asks once, and gives up if no answer comes in time.

They come at rates that change by a plan, whatever the server does, so that this is an open loop.
Run as a process of its own: `python -m experiments.harness.visitors ADDRESS PORT`, with a `Plan` as
JSON on standard input; what came of each visit goes to standard output.
"""

import errno
import gc
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from subsrv.bench.answers import AnswerReader, MalformedError
from subsrv.bench.load import LoadError
from subsrv.bench.machine import pinned
from subsrv.bench.requests import Request

GAVE_UP = 0
"""Instead of a status: no answer came in time."""
BROKEN = -1
"""Instead of a status: no connection, or not a whole answer on it, or a wrong one."""

_SECOND = 1_000_000_000  # in nanoseconds
_GRACE = 20.0  # seconds for the process to start and to report
_OK = 200
_RECEIVE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to come.

    Attributes:
      phases: visitors a second, and for how many seconds, one after the other without a gap.
      patience: seconds from when a visitor was due to when it leaves.
      answer: the body of every answer of status 200, in Latin-1.
    """

    phases: Sequence[tuple[float, float]]
    patience: float
    path: str = "/"
    answer: str = ""

    def dues(self) -> list[float]:
        """When each visitor is due, in seconds from the beginning."""
        found = []
        begun = 0.0
        for rate, seconds in self.phases:
            found += [begun + index / rate for index in range(round(rate * seconds))]
            begun += seconds
        return found


@dataclass(slots=True, kw_only=True)
class Visits:
    """What came of it; a visitor has the same place in each list.

    Attributes:
      dues: seconds from the beginning.
      waits: seconds from then to its answer, or to when it was given up.
      statuses: of the answers, or GAVE_UP or BROKEN.
      lag: seconds, the 99th percentile of how late the client itself was.
      examples: what the first that broke met with.
    """

    dues: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    lag: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    examples: list[str] = field(default_factory=list)


def run(address: tuple[str, int], plan: Plan, cpus: frozenset[int] | None) -> Visits:
    """Have them come, from a process of its own. LoadError if that does not report."""
    command = [sys.executable, "-m", "experiments.harness.visitors", address[0], str(address[1])]
    patience = sum(seconds for _, seconds in plan.phases) + plan.patience + _GRACE
    try:
        with pinned(cpus):
            done = subprocess.run(
                command,
                input=json.dumps(asdict(plan)),
                capture_output=True,
                text=True,
                timeout=patience,
                start_new_session=True,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise LoadError(f"the visitors did not end in {patience:.0f} s") from None
    if done.returncode:
        raise LoadError(f"the visitors ended with {done.returncode}: {done.stderr.strip()}")
    return Visits(**json.loads(done.stdout))


@dataclass(slots=True)
class _Visitor:
    number: int
    sock: socket.socket
    reader: AnswerReader
    asked: bool = False


class Crowd:
    """The visitors of one plan to one address; see `run`."""

    def __init__(self, address: tuple[str, int], plan: Plan) -> None:
        self._address = address
        self._family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._answer = plan.answer.encode("latin-1")
        self._request = Request(path=plan.path, headers={"Connection": "close"}).encode(
            f"{address[0]}:{address[1]}"
        )
        self._patience = round(plan.patience * _SECOND)
        self._dues = plan.dues()
        self._present: dict[int, _Visitor] = {}
        self._in_order: deque[_Visitor] = deque()
        self._lags: list[int] = []
        self._ends = [0] * len(self._dues)
        self._statuses = [GAVE_UP] * len(self._dues)
        self._examples: list[str] = []

    def run(self) -> Visits:
        """Let them come; returns when the last one has left."""
        self._begin = time.monotonic_ns()
        self._at = [self._begin + round(due * _SECOND) for due in self._dues]
        cpu = time.process_time()
        timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        with select.epoll() as self._epoll:
            self._epoll.register(timer, select.EPOLLIN | select.EPOLLET)
            try:
                self._loop(timer)
            finally:
                os.close(timer)
        self._lags.sort()
        return Visits(
            dues=self._dues,
            waits=[(end - at) / _SECOND for end, at in zip(self._ends, self._at, strict=True)],
            statuses=self._statuses,
            lag=self._lags[len(self._lags) * 99 // 100] / _SECOND,
            seconds=(time.monotonic_ns() - self._begin) / _SECOND,
            cpu=time.process_time() - cpu,
            examples=self._examples,
        )

    def _loop(self, timer: int) -> None:
        next_, at, clock = 0, self._at, time.monotonic_ns
        while True:
            now = clock()
            while next_ < len(at) and at[next_] <= now:
                self._lags.append(now - at[next_])
                self._come(next_)
                next_ += 1
                now = clock()
            self._dismiss(now)
            if next_ == len(at) and not self._present:
                return
            wake = at[next_] if next_ < len(at) else now + _SECOND
            if self._in_order:
                wake = min(wake, at[self._in_order[0].number] + self._patience)
            os.timerfd_settime_ns(timer, flags=os.TFD_TIMER_ABSTIME, initial=wake)
            for descriptor, _ in self._epoll.poll():
                visitor = self._present.get(descriptor)
                if visitor is not None:
                    self._serve(visitor)

    def _come(self, number: int) -> None:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        sock.setblocking(False)
        visitor = _Visitor(number, sock, AnswerReader(keep_body=True))
        self._present[sock.fileno()] = visitor
        self._in_order.append(visitor)
        error = sock.connect_ex(self._address)
        if error not in (0, errno.EINPROGRESS):
            self._leave(visitor, BROKEN, os.strerror(error))
            return
        self._epoll.register(sock, select.EPOLLOUT)

    def _dismiss(self, now: int) -> None:
        """Those who have lost their patience leave; those who have left are forgotten."""
        while self._in_order:
            visitor = self._in_order[0]
            if visitor.sock.fileno() >= 0:
                if self._at[visitor.number] + self._patience > now:
                    return
                self._leave(visitor, GAVE_UP)
            self._in_order.popleft()

    def _serve(self, visitor: _Visitor) -> None:
        try:
            if not visitor.asked:
                visitor.sock.send(self._request)  # OSError where it could not connect
                visitor.asked = True
                self._epoll.modify(visitor.sock, select.EPOLLIN)
                return
            data = visitor.sock.recv(_RECEIVE)
            answer = visitor.reader.feed(data) if data else visitor.reader.end()
        except BlockingIOError:
            return
        except (OSError, MalformedError) as error:
            self._leave(visitor, BROKEN, str(error))
            return
        if answer is None:
            if not data:
                self._leave(visitor, BROKEN, "closed without an answer")
        elif answer.status == _OK and answer.body != self._answer:
            self._leave(visitor, BROKEN, f"another body: {(answer.body or b'')[:60]!r}")
        else:
            self._leave(visitor, answer.status)

    def _leave(self, visitor: _Visitor, status: int, why: str = "") -> None:
        del self._present[visitor.sock.fileno()]
        visitor.sock.close()
        self._ends[visitor.number] = time.monotonic_ns()
        self._statuses[visitor.number] = status
        if why and why not in self._examples and len(self._examples) < 5:
            self._examples.append(why)


def main() -> None:
    """Read a plan, carry it out, and print what came of it."""
    given = json.load(sys.stdin)
    plan = Plan(**{**given, "phases": [tuple(each) for each in given["phases"]]})
    gc.disable()
    json.dump(asdict(Crowd((sys.argv[1], int(sys.argv[2])), plan).run()), sys.stdout)


if __name__ == "__main__":
    main()
