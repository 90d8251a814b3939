"""The supervisor: starts the workers, replaces them, and drains them all at the end.

One event loop in the main thread: the workers' control channels, the signals and the time-outs meet
in one selector, so nothing polls and nothing needs a lock.
"""

import contextlib
import logging
import math
import os
import platform
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from subsrv import backends, crew, sockets
from subsrv.backoff import Backoff
from subsrv.config import Config
from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.errors import SubsrvError, WorkerStartError
from subsrv.hang import HangWatch
from subsrv.notify import notify
from subsrv.signals import BrokenOffError, SignalWakeup
from subsrv.takeover import Takeover

logger = logging.getLogger("subsrv")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What "gil" says in the ready line where the workers do have one.
_GIL = {
    "interp": "per-interpreter",
    "nogil": "shared",
    "thread": "shared",
    "process": "per-process",
}
# Seconds within which a second signal is the first one's echo: timeout(1) and other wrappers signal
# both their child and its whole group.
_ECHO = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyInfo:
    """What serves, and where, once every worker accepts."""

    urls: tuple[str, ...]
    mode: str
    workers: int
    pid: int
    python: str
    gil: str

    def __str__(self) -> str:
        return (
            f"ready {' '.join(self.urls)} mode={self.mode} workers={self.workers} "
            f"pid={self.pid} python={self.python} gil={self.gil}"
        )


@dataclass(slots=True)
class _Place:
    """One of the N places for workers: when to fill it, and how that went so far."""

    due: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """Serves as `config` says until a signal ends it; see `run`."""

    def __init__(
        self,
        config: Config,
        *,
        on_ready: Callable[[ReadyInfo], object] = lambda _: None,
        backend: backends.Backend | None = None,
    ) -> None:
        self._config = config
        self._on_ready = on_ready
        self._backend = backend or backends.create(config)
        self._listeners: list[sockets.Listener] = []
        self._selector: selectors.BaseSelector
        self._signals = SignalWakeup((*_STOP_SIGNALS, signal.SIGHUP, signal.SIGCHLD))
        self._taken: set[int] = set()
        self._crew: Crew
        count = config.workers or os.process_cpu_count() or 1
        self._places = [_Place() for _ in range(count)]
        self._watch: HangWatch
        self._takeover: Takeover | None = None
        self._reload_wanted = False
        self._serving = False
        self._stopping = False
        self._echo_until = 0.0
        self._deadline = math.inf
        self._error: SubsrvError | None = None
        self._status = 0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, drain, and return the exit status: 0, or 1 by force.

        Main thread only; its signal handlers are restored afterwards. A second signal, or a worker
        that has not ended when the graceful timeout is over, ends everything at once: processes
        are killed; threads and interpreters cannot be, so then the whole process ends here, by
        `os._exit`.

        SIGHUP replaces all workers by new ones, which load the application as it is then.

        SubsrvError for what prevents serving: an address that cannot be bound, an application
        that does not load, workers that do not start.
        """
        with contextlib.ExitStack() as stack:
            for address in self._config.bind:
                listener = sockets.bind(address, backlog=self._config.backlog)
                self._listeners.append(stack.enter_context(listener))
            stack.enter_context(self._signals)
            try:
                with self._signals.raising(_STOP_SIGNALS):
                    self._backend.prepare(self._config)
            except BrokenOffError:
                return 0
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._selector.register(
                self._signals,
                selectors.EVENT_READ,
                lambda: self._taken.update(self._signals.take()),
            )
            self._crew = Crew(self._config, self._backend, self._selector, self)
            self._watch = HangWatch(self._crew, self._config.hang_timeout, self)
            stack.callback(self._crew.abandon)
            while self._crew or not self._stopping:
                self._turn()
        if self._error:
            raise self._error
        return self._status

    def _turn(self) -> None:
        """Wait for what comes next, and deal with it."""
        watch = math.inf if self._stopping else self._watch.alarm()
        alarm = min(self._deadline, watch, *(place.due for place in self._places))
        for key, _ in self._selector.select(
            None if alarm == math.inf else max(0.0, alarm - time.monotonic())
        ):
            key.data()
        self._crew.reap()
        self._obey()
        now = time.monotonic()
        for index, place in enumerate(self._places):
            if place.due <= now:
                place.due = math.inf
                self._start(index)
        if self._deadline <= now:
            self._force("the time to stop is over")
        if not self._stopping:
            self._watch.look(now)

    def _obey(self) -> None:
        """Do what the signals ask for that have come."""
        signals, self._taken = self._taken, set()
        now = time.monotonic()
        if not signals.isdisjoint(_STOP_SIGNALS):
            if not self._stopping:
                self._stop()
                self._echo_until = now + _ECHO
            elif now >= self._echo_until:
                self._force("a second signal")
        if signal.SIGHUP in signals:
            self._reload_wanted = True
        if self._reload_wanted and self._serving and not (self._stopping or self._takeover):
            self._reload_wanted = False
            self._reload()

    # ---- the life of a worker

    def _start(self, index: int) -> None:
        try:
            self._launch(index)
        except WorkerStartError as error:
            self._lost(index, error, served=None)

    def _launch(self, index: int, *, held: bool = False) -> Worker:
        return self._crew.launch(index, self._listeners, held=held, disown=self._disown)

    def _disown(self) -> None:
        """In a forked child: close this process's own descriptors."""
        self._signals.close()
        self._selector.close()

    def heard(self, worker: Worker, message: Message) -> None:
        """See Overseer."""
        self._watch.heard(worker, message)
        if self._serving:
            self._succeed()
        elif len(self._crew.accepting()) == len(self._places):
            self._announce()

    def departed(self, worker: Worker, error: SubsrvError | None) -> None:
        """See Overseer."""
        if self._stopping:
            if error and worker.ready:
                _log(error, "it was draining")
                self._status = 1
            if all(worker.departed or worker.quarantined for worker in self._crew):
                # Nothing is in flight any more; only remains, as threads an application forgot.
                self._deadline = min(self._deadline, time.monotonic() + crew.MARGIN)
            return
        if self._takeover and worker in self._takeover and worker.held:
            self._keep(error or _unasked(worker))
        elif worker.leaving:
            if error:
                _log(error, "it was draining")
            self._succeed()
        else:
            self._lost(worker.index, error or _unasked(worker), served=worker.served())

    def hangs(self, worker: Worker, error: SubsrvError) -> None:
        """See hang.Overseer."""
        if worker.leaving:
            _log(error, "it was draining")
        elif self._takeover and worker in self._takeover and worker.held:
            self._keep(error)
        else:
            # What it has under way, it may still finish.
            worker.retire(self._config.graceful_timeout)
            if self._watch.crowded(self._config.hang_limit):
                _log(error, "its place stays empty")
                if not self._crew.accepting():
                    self._stop(self._watch.too_many())
            else:
                self._lost(worker.index, error, served=worker.served())
        self._succeed()

    def left_behind(self, worker: Worker) -> None:
        """See hang.Overseer."""
        if self._watch.crowded(self._config.hang_limit):
            error = self._watch.too_many()
            if self._config.hang_exit or not self._crew.accepting():
                self._stop(error)
            else:
                _log(error, "the workers that do not hang serve on")
        self._succeed()

    def _lost(self, index: int, error: SubsrvError, *, served: float | None) -> None:
        """Fill the place of a lost worker again; give up where that makes no sense."""
        if not self._serving:
            self._stop(error)
            return
        place = self._places[index]
        delay = place.backoff.died(served)
        if not self._crew.accepting() and all(place.backoff.exhausted for place in self._places):
            self._stop(error)
            return
        _log(error, f"starting another in {delay:g} s" if delay else "starting another")
        place.due = time.monotonic() + delay

    # ---- the next generation

    def _reload(self) -> None:
        """Have new workers take over, with the application as it is now."""
        # As Type=notify-reload of systemd wants it, by the clock that time.monotonic() reads.
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        logger.info("reloading")
        self._takeover = takeover = Takeover(self._crew, range(len(self._places)))
        try:
            with self._signals.raising(_STOP_SIGNALS):
                self._backend.refresh(self._config)
            takeover.start(lambda index: self._launch(index, held=True))
        except BrokenOffError:
            self._takeover = None  # the signal that broke it off is acted on in the next turn
        except SubsrvError as error:
            self._keep(error)

    def _succeed(self) -> None:
        """Go on with a takeover, which something may have brought forward."""
        takeover = self._takeover
        if takeover is None or self._stopping:
            return
        if takeover.complete(self._config.graceful_timeout):
            for index in takeover.places:
                self._places[index] = _Place(due=math.inf)
        if takeover.over:
            self._takeover = None
            logger.info("reloaded: %d new workers accept", len(takeover.places))
            notify("READY=1")

    def _keep(self, error: SubsrvError) -> None:
        """The new workers cannot take over: those that serve go on."""
        if self._takeover:
            self._takeover.give_up()
            self._takeover = None
        _log(error, "not reloaded, the workers that serve go on")
        notify("READY=1")

    # ---- the life of the server

    def _announce(self) -> None:
        self._serving = True
        with_gil = any(worker.ready["gil"] for worker in self._crew if worker.ready)
        self._on_ready(
            ReadyInfo(
                urls=tuple(listener.url for listener in self._listeners),
                mode=self._config.mode,
                workers=len(self._places),
                pid=os.getpid(),
                python=platform.python_version(),
                gil=_GIL[self._config.mode] if with_gil else "off",
            )
        )
        notify("READY=1")

    def _stop(self, error: SubsrvError | None = None) -> None:
        """Begin to drain. `error` is why, where no signal is."""
        self._stopping = True
        self._error = error
        for place in self._places:
            place.due = math.inf
        # From the moment the workers have closed theirs too, connections are refused.
        for listener in self._listeners:
            listener.close()
        timeout = self._config.graceful_timeout
        busy = any(worker.ready and not worker.hung for worker in self._crew)
        patience = timeout if busy else 0.0
        self._deadline = time.monotonic() + patience + crew.MARGIN
        for worker in self._crew:
            worker.retire(timeout)
        notify("STOPPING=1")

    def _force(self, reason: str) -> None:
        """End without waiting any longer."""
        self._status = 1
        self._deadline = math.inf
        stuck = [worker.index for worker in self._crew if not worker.handle.kill()]
        if not stuck:
            logger.error("%s: killing %d workers", reason, len(self._crew))
            return
        # Leaving in good order would wait for these threads, for ever.
        if self._error:
            _log(self._error, "giving up")
        logger.error("%s: leaving without workers %s, which cannot be killed", reason, stuck)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(self._error.status if self._error else self._status)


def _unasked(worker: Worker) -> SubsrvError:
    return WorkerStartError(f"worker {worker.index} ended without being asked to")


def _log(error: SubsrvError, consequence: str) -> None:
    detail = f"\n{error.detail.rstrip()}" if error.detail else ""
    logger.error("%s; %s%s", error, consequence, detail)
