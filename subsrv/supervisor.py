"""The supervisor: starts the workers, replaces them, and drains them all at the end.

One event loop in the main thread: the workers' control channels, the signals and the time-outs meet
in one selector, so nothing polls and nothing needs a lock.
"""

import contextlib
import logging
import math
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from subsrv import backends, recycling
from subsrv.config import Config
from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.entrance import Entrance
from subsrv.errors import SubsrvError, WorkerStartError
from subsrv.hang import HangWatch
from subsrv.notify import notify
from subsrv.places import Places
from subsrv.ready import ReadyInfo
from subsrv.shutdown import Shutdown
from subsrv.signals import BrokenOffError, SignalWakeup
from subsrv.succession import Succession
from subsrv.takeover import PARTING
from subsrv.upgrade import HandedDown, Upgrade

if TYPE_CHECKING:
    from subsrv.admin.desk import Desk

logger = logging.getLogger("subsrv")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OTHERS = (
    *(signal.SIGHUP, signal.SIGQUIT, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


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
        self._signals = SignalWakeup((*_STOP_SIGNALS, *_OTHERS, signal.SIGCHLD))
        self._taken: set[int] = set()
        self._crew: Crew
        count = config.workers or os.process_cpu_count() or 1
        self._places = Places(count)
        self._desk: Desk | None = None
        self._watch: HangWatch
        self._succession: Succession
        self._handed_down = HandedDown(os.environ)
        self._successor: Upgrade | None = None
        self._change = 0
        self._culprits: set[str] = set()
        self._serving = False
        self._shutdown: Shutdown

    def run(self) -> int:
        """Serve until a signal ends it, drain, and return the exit status: 0, or 1 by force.

        Main thread only; its signal handlers are restored afterwards. A second signal, or a worker
        that has not ended when the graceful timeout is over, ends everything at once: processes
        are killed; threads and interpreters cannot be, so then the whole process ends here, by
        `os._exit`.

        SIGHUP replaces all workers by new ones, which load the application as it is then. For the
        other signals, see `subsrv --help`.

        SubsrvError for what prevents serving: an address that cannot be bound, an application
        that does not load, workers that do not start.
        """
        recycling.check(self._config)
        with contextlib.ExitStack() as stack:
            handed_down = stack.enter_context(self._handed_down)
            self._entrance = stack.enter_context(
                Entrance(self._config, len(self._places), handed_down)
            )
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
            self._shutdown = Shutdown(self._crew, self._config.graceful_timeout)
            self._watch = HangWatch(self._crew, self._config.hang_timeout, self)
            self._succession = Succession(
                self._crew,
                self._config,
                refresh=self._refresh,
                launch=partial(self._launch, held=True),
                filled=self._filled,
            )
            stack.callback(self._crew.abandon)
            if self._config.reload:
                # Here, because nobody else pays for it.
                from subsrv.reloading import Reloading

                stack.enter_context(
                    Reloading(self._config, self._selector, self._succession.want_reload)
                )
            if self._config.control:
                from subsrv.admin.desk import Desk

                desk = Desk(self._config, self._crew, self._succession, self._selector, self)
                self._desk = stack.enter_context(desk)
            while self._crew or not self._shutdown.begun:
                self._turn()
        return self._shutdown.status()

    def _turn(self) -> None:
        """Wait for what comes next, and deal with it."""
        alarm = min(self._shutdown.deadline, self._places.alarm())
        if not self._shutdown.begun:
            alarm = min(alarm, self._watch.alarm())
            if self._serving:
                alarm = min(alarm, self._succession.alarm())
        if self._desk:
            alarm = min(alarm, self._desk.alarm())
        for key, _ in self._selector.select(
            None if alarm == math.inf else max(0.0, alarm - time.monotonic())
        ):
            key.data()
        self._crew.reap()
        self._obey()
        now = time.monotonic()
        for index in self._places.due(now):
            self._start(index)
        if self._desk:
            self._desk.look(now)
        self._shutdown.look(now)
        if not self._shutdown.begun:
            self._watch.look(now)
            if self._serving:
                self._succession.turn(len(self._places))

    def _obey(self) -> None:
        """Do what the signals ask for that have come."""
        signals, self._taken = self._taken, set()
        if not signals.isdisjoint(_STOP_SIGNALS):
            if self._shutdown.begun:
                self._shutdown.signalled()
            else:
                self._stop()
                self._shutdown.await_echo()
        if signal.SIGQUIT in signals:
            self._stop(timeout=0.0)
        if signal.SIGUSR1 in signals:
            for worker in self._crew:
                worker.tell("reopen")
        if signal.SIGHUP in signals:
            # New workers read them by themselves; but whether they come depends on the application.
            for worker in self._crew:
                worker.tell("certificates")
            # While it starts, there is nothing to replace yet: what has come is done afterwards.
            self._succession.want_reload()
        self._change += (signal.SIGTTIN in signals) - (signal.SIGTTOU in signals)
        if self._shutdown.begun or not self._serving:
            return
        if signal.SIGUSR2 in signals and self._successor is None:
            self._upgrade()
        if self._change and not self._succession.under_way:
            change, self._change = self._change, 0
            self._scale(change)

    # ---- the life of a worker

    def _start(self, index: int) -> None:
        try:
            self._launch(index)
        except WorkerStartError as error:
            self._lost(index, error, served=None)

    def _launch(self, index: int, *, held: bool = False) -> Worker:
        return self._crew.launch(index, self._entrance, held=held, disown=self._disown)

    def _disown(self) -> None:
        """In a forked child: close this process's own descriptors."""
        self._signals.close()
        self._selector.close()
        if self._desk:
            self._desk.leave()

    def heard(self, worker: Worker, message: Message) -> None:
        """See Overseer."""
        self._watch.heard(worker, message)
        if self._desk:
            self._desk.heard(worker, message)
        if message.type == "ready" and message.fields["gil"] and self._config.require_nogil:
            self._stop(SubsrvError(f"--require-nogil: worker {worker.index} has its GIL on"))
            return
        if message.type == "spent":
            worker.spent = message.fields["reason"]
        elif message.type == "gil":
            self._gil_is_on(worker, message.fields["module"])
        if self._serving and not self._shutdown.begun:
            self._succession.go_on()
        elif len(self._crew.accepting()) == len(self._places):
            self._announce()

    def departed(self, worker: Worker, error: SubsrvError | None) -> None:
        """See Overseer."""
        if self._desk:
            self._desk.departed(worker)
        if self._shutdown.begun:
            self._shutdown.departed(worker, error)
        elif self._succession.is_new(worker):
            self._succession.failed(error or _unasked(worker))
        elif worker.leaving:
            if error:
                error.log("it was draining")
            self._succession.go_on()
        else:
            self._lost(worker.index, error or _unasked(worker), served=worker.served())

    def _gil_is_on(self, worker: Worker, module: str) -> None:
        """No thread of its interpreter runs in parallel with another any more."""
        error = SubsrvError(
            f"the extension module {module} turned the GIL back on in worker {worker.index}"
        )
        if worker.ready is not None:
            worker.ready["gil"] = True
        if self._config.require_nogil and not self._shutdown.begun:
            self._stop(error)
        elif module not in self._culprits:
            self._culprits.add(module)
            error.log("from now on its threads run one at a time")

    def hangs(self, worker: Worker, error: SubsrvError) -> None:
        """See hang.Overseer."""
        if worker.leaving:
            error.log("it was draining")
        elif self._succession.is_new(worker):
            self._succession.failed(error)
        else:
            # What it has under way, it may still finish.
            worker.retire(self._config.graceful_timeout, succeeded=True)
            if self._watch.crowded(self._config.hang_limit):
                error.log("its place stays empty")
                if not self._crew.accepting():
                    self._stop(self._watch.too_many())
            else:
                self._lost(worker.index, error, served=worker.served())
        self._succession.go_on()

    def left_behind(self, worker: Worker) -> None:
        """See hang.Overseer."""
        if self._watch.crowded(self._config.hang_limit):
            error = self._watch.too_many()
            if self._config.hang_exit or not self._crew.accepting():
                self._stop(error)
            else:
                error.log("the workers that do not hang serve on")
        self._succession.go_on()

    def _lost(self, index: int, error: SubsrvError, *, served: float | None) -> None:
        """Fill the place of a lost worker again; give up where that makes no sense."""
        if not self._serving:
            self._stop(error)
            return
        delay = self._places.lost(index, served)
        if not self._crew.accepting() and self._places.exhausted:
            self._stop(error)
            return
        if self._desk:
            self._desk.lost(index, str(error))
        error.log(f"starting another in {delay:g} s" if delay else "starting another")

    def _refresh(self) -> bool:
        """Have the application loaded as it is now, where it is loaded once for all workers."""
        try:
            with self._signals.raising(_STOP_SIGNALS):
                self._backend.refresh(self._config)
        except BrokenOffError:
            return False  # the signal that broke it off is acted on in the next turn
        return True

    def _filled(self, indices: Iterable[int]) -> None:
        self._places.filled(indices)
        if self._desk:
            self._desk.replaced()

    def _scale(self, change: int) -> None:
        """So many workers more or, where negative, less; one stays."""
        if change < 0 and self._config.accept == "reuseport":
            logger.error("no worker can go with --accept reuseport: its socket would stay")
            return
        count = max(len(self._places) + change, 1)
        self._places.resize(count)
        for worker in self._crew:
            if worker.index >= count and not worker.leaving:
                worker.retire(self._config.graceful_timeout, parting=PARTING)
        logger.info("%d workers from now on", count)

    # ---- what it lets itself be asked: see admin.desk.Office

    @property
    def workers(self) -> int:
        """How many there are to be."""
        return len(self._places)

    @property
    def state(self) -> str:
        """starting, serving, replacing (its workers) or draining."""
        if self._shutdown.begun:
            return "draining"
        if not self._serving:
            return "starting"
        return "replacing" if self._succession.under_way else "serving"

    @property
    def urls(self) -> tuple[str, ...]:
        """What it is bound to."""
        return self._entrance.urls

    def want_workers(self, count: int) -> None:
        """Have another number of workers, as SIGTTIN and SIGTTOU do by one."""
        self._change = count - len(self._places)

    def _upgrade(self) -> None:
        """Start this command anew, and hand the sockets to it."""
        if self._config.accept == "reuseport":
            logger.error("no new server can take over with --accept reuseport")
            return
        try:
            self._successor = Upgrade(self._entrance.named(), self._selector, self._upgraded)
        except OSError as error:
            logger.error("no new server can be started: %s", error)
        else:
            logger.info("a new server starts: pid %d", self._successor.pid)

    def _upgraded(self, accepts: bool) -> None:
        successor, self._successor = self._successor, None
        if not accepts or successor is None:
            logger.error("the new server did not start; this one serves on")
        elif not self._shutdown.begun:
            logger.info("the new server accepts: pid %d", successor.pid)
            self._entrance.give_up_paths()
            self._stop(parting=PARTING)

    # ---- the life of the server

    def _announce(self) -> None:
        self._serving = True
        with_gil = any(worker.ready["gil"] for worker in self._crew if worker.ready)
        self._on_ready(
            ReadyInfo.of(
                self._entrance.urls,
                mode=self._config.mode,
                workers=len(self._places),
                gil=with_gil,
            )
        )
        # After an upgrade, the service manager has another process to look after.
        notify(f"READY=1\nMAINPID={os.getpid()}" if self._handed_down.ready() else "READY=1")

    def _stop(
        self,
        error: SubsrvError | None = None,
        *,
        timeout: float | None = None,
        parting: float = 0.0,
    ) -> None:
        """Begin to drain; see Shutdown.begin."""
        self._places.close()
        # From the moment the workers have closed theirs too, connections are refused.
        self._entrance.close_listeners()
        self._shutdown.begin(error, timeout=timeout, parting=parting)


def _unasked(worker: Worker) -> SubsrvError:
    return WorkerStartError(f"worker {worker.index} ended without being asked to")
