"""The supervisor: starts the workers, replaces those that die, and drains them all at the end.

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
from typing import Any

from subsrv import backends
from subsrv.backoff import Backoff
from subsrv.config import Config
from subsrv.control import Channel, Message
from subsrv.entrance import Entrance
from subsrv.errors import AppLoadError, ConfigError, SubsrvError, WorkerStartError
from subsrv.notify import notify
from subsrv.signals import SignalWakeup
from subsrv.spec import Spec

logger = logging.getLogger("subsrv")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ERRORS = {error.status: error for error in (ConfigError, AppLoadError, WorkerStartError)}
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
# Seconds for workers to end when no request is in flight: those that have drained, and those that
# are asked to stop while they start.
_MARGIN = 3.0


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


@dataclass(kw_only=True, slots=True, eq=False)
class _Worker:
    index: int
    handle: backends.WorkerHandle
    channel: Channel
    # What it said in "ready", and when.
    ready: dict[str, Any] | None = None
    since: float = 0.0
    # It has said its last words: its place is free, though it may take time to be gone.
    departed: bool = False
    hung_up: bool = False

    def accepts(self) -> bool:
        return self.ready is not None and not self.departed

    def served(self) -> float | None:
        """Seconds since it was ready; None if it never was."""
        return time.monotonic() - self.since if self.ready else None


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
        self._entrance: Entrance
        self._selector: selectors.BaseSelector
        self._signals = SignalWakeup((*_STOP_SIGNALS, signal.SIGCHLD))
        self._workers: list[_Worker] = []
        count = config.workers or os.process_cpu_count() or 1
        self._places = [_Place() for _ in range(count)]
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

        SubsrvError for what prevents serving: an address that cannot be bound, an application
        that does not load, workers that do not start.
        """
        with contextlib.ExitStack() as stack:
            self._entrance = stack.enter_context(Entrance(self._config, len(self._places)))
            stack.enter_context(self._signals)
            try:
                with self._signals.raising(_STOP_SIGNALS):
                    self._backend.prepare(self._config)
            except KeyboardInterrupt:
                return 0
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._selector.register(self._signals, selectors.EVENT_READ)
            stack.callback(self._abandon)
            while self._workers or not self._stopping:
                self._turn()
        if self._error:
            raise self._error
        return self._status

    def _turn(self) -> None:
        """Wait for what comes next, and deal with it."""
        alarm = min(self._deadline, *(place.due for place in self._places))
        signals: set[int] = set()
        for key, _ in self._selector.select(
            None if alarm == math.inf else max(0.0, alarm - time.monotonic())
        ):
            if key.data is None:
                signals = self._signals.take()
            else:
                self._hear(key.data)
        self._reap()
        now = time.monotonic()
        if not signals.isdisjoint(_STOP_SIGNALS):
            if not self._stopping:
                self._stop()
                self._echo_until = now + _ECHO
            elif now >= self._echo_until:
                self._force("a second signal")
        for index, place in enumerate(self._places):
            if place.due <= now:
                place.due = math.inf
                self._start(index)
        if self._deadline <= now:
            self._force("the time to stop is over")

    # ---- the life of a worker

    def _start(self, index: int) -> None:
        try:
            worker = self._launch(index)
        except (OSError, RuntimeError) as error:  # out of processes, threads or descriptors
            failure = WorkerStartError(f"worker {index} cannot be started: {error}")
            self._lost(index, failure, served=None)
        else:
            self._workers.append(worker)
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _launch(self, index: int) -> _Worker:
        channel, theirs = Channel.pair()
        # Only what has arrived is of interest here, and a worker that hangs must not hang this.
        channel.setblocking(False)
        spec = Spec(
            config=self._config,
            worker=index,
            listeners=self._entrance.listeners(index),
            control=theirs.detach(),
            handover=self._entrance.handover(index),
        )
        try:
            handle = self._backend.start(spec, disown=lambda: self._disown(channel, index))
        except BaseException:
            channel.close()
            raise
        return _Worker(index=index, handle=handle, channel=channel)

    def _disown(self, newest: Channel, index: int) -> None:
        """In a forked child: close this process's own descriptors.

        A worker must notice when the supervisor dies, so no sibling may hold that channel open.
        """
        newest.close()
        self._entrance.leave_to(index)
        self._abandon()
        self._signals.close()
        self._selector.close()

    def _abandon(self) -> None:
        """Close the channels: workers drain by themselves, even where this loop has failed."""
        for worker in self._workers:
            worker.channel.close()

    def _hear(self, worker: _Worker) -> None:
        """Take in all that the worker has said."""
        try:
            while True:
                for message in worker.channel.receive():
                    self._heed(worker, message)
        except BlockingIOError:
            pass
        except EOFError:
            self._hang_up(worker)

    def _heed(self, worker: _Worker, message: Message) -> None:
        fields = message.fields
        match message.type:
            case "ready":
                worker.ready = fields
                worker.since = time.monotonic()
                if not self._serving and len(self._accepting()) == len(self._places):
                    self._announce()
            case "failed":
                kind = _ERRORS.get(fields["status"], WorkerStartError)
                self._depart(worker, kind(fields["message"], detail=fields["detail"]))
            case "died":
                reason = f"worker {worker.index} died: {fields['message']}"
                self._depart(worker, WorkerStartError(reason, detail=fields["detail"]))
            case "gone":
                self._depart(worker, None)

    def _hang_up(self, worker: _Worker) -> None:
        if not worker.hung_up:
            worker.hung_up = True
            self._selector.unregister(worker.channel)
            worker.channel.close()

    def _reap(self) -> None:
        """Let go of the workers of which nothing is left."""
        for worker in [worker for worker in self._workers if worker.handle.ended()]:
            if not worker.hung_up:
                self._hear(worker)  # its last words
            # Still open where a process that the application started holds the other end.
            self._hang_up(worker)
            worker.handle.join()
            self._workers.remove(worker)
            reason = worker.handle.why() or "it ended without a word"
            self._depart(worker, WorkerStartError(f"worker {worker.index} died: {reason}"))

    def _depart(self, worker: _Worker, error: SubsrvError | None) -> None:
        """A worker has left its place: drained (no error), failed to start, or died."""
        if worker.departed:
            return
        served = worker.served()
        worker.departed = True
        if not self._stopping:
            unasked = WorkerStartError(f"worker {worker.index} ended without being asked to")
            self._lost(worker.index, error or unasked, served=served)
            return
        if error and worker.ready:
            _log(error, "it was draining")
            self._status = 1
        if all(worker.departed for worker in self._workers):
            # Nothing is in flight any more; only remains, as threads an application forgot.
            self._deadline = min(self._deadline, time.monotonic() + _MARGIN)

    def _lost(self, index: int, error: SubsrvError, *, served: float | None) -> None:
        """Fill the place of a lost worker again; give up where that makes no sense."""
        if not self._serving:
            self._stop(error)
            return
        place = self._places[index]
        delay = place.backoff.died(served)
        if not self._accepting() and all(place.backoff.exhausted for place in self._places):
            self._stop(error)
            return
        _log(error, f"starting another in {delay:g} s" if delay else "starting another")
        place.due = time.monotonic() + delay

    def _accepting(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.accepts()]

    # ---- the life of the server

    def _announce(self) -> None:
        self._serving = True
        with_gil = any(worker.ready["gil"] for worker in self._workers if worker.ready)
        self._on_ready(
            ReadyInfo(
                urls=self._entrance.urls,
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
        self._entrance.close_listeners()
        timeout = self._config.graceful_timeout
        patience = timeout if self._accepting() else 0.0
        self._deadline = time.monotonic() + patience + _MARGIN
        for worker in self._workers:
            with contextlib.suppress(OSError):  # it is ending already, or hangs
                worker.channel.send("stop", timeout=timeout)
        notify("STOPPING=1")

    def _force(self, reason: str) -> None:
        """End without waiting any longer."""
        self._status = 1
        self._deadline = math.inf
        stuck = [worker.index for worker in self._workers if not worker.handle.kill()]
        if not stuck:
            logger.error("%s: killing %d workers", reason, len(self._workers))
            return
        # Leaving in good order would wait for these threads, for ever.
        if self._error:
            _log(self._error, "giving up")
        logger.error("%s: leaving without workers %s, which cannot be killed", reason, stuck)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(self._error.status if self._error else self._status)


def _log(error: SubsrvError, consequence: str) -> None:
    detail = f"\n{error.detail.rstrip()}" if error.detail else ""
    logger.error("%s; %s%s", error, consequence, detail)
