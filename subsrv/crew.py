"""The workers that there are: starting them, hearing them out, and letting go of them.

What to do about a worker is not decided here: whoever oversees the crew is told, and decides.
"""

import contextlib
import math
import selectors
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from subsrv import backends
from subsrv.config import Config
from subsrv.control import Channel, Message
from subsrv.entrance import Entrance
from subsrv.errors import AppLoadError, ConfigError, SubsrvError, WorkerStartError
from subsrv.spec import Spec

# Seconds for workers to end when no request is in flight: those that have drained, and those that
# are asked to stop while they start.
MARGIN = 3.0

_ERRORS = {error.status: error for error in (ConfigError, AppLoadError, WorkerStartError)}


@dataclass(kw_only=True, slots=True, eq=False)
class Worker:
    """One worker, from its start until nothing is left of it."""

    index: int
    handle: backends.WorkerHandle
    channel: Channel
    #: To its other thread, which listens when its loop does not; None where nobody is to ask.
    rescue: Channel | None
    #: It is not to accept when it is ready, but when it is told to.
    held: bool
    #: What it said in "ready", and when.
    ready: dict[str, Any] | None = None
    since: float = 0.0
    #: It has been asked to end.
    leaving: bool = False
    #: It accepts no more.
    draining: bool = False
    #: It has said its last words: its place is free, though it may take time to be gone.
    departed: bool = False
    #: When it is to be gone, of one that is ending; as all times here, by time.monotonic().
    deadline: float = math.inf
    #: Its counters, as it said them at its end.
    last_word: dict[str, Any] | None = None
    #: Why it has served enough; and its share of a lifetime that it ends earlier than others.
    spent: str | None = None
    spread: float | None = None
    #: Since when a question is unanswered.
    asked: float | None = None
    #: It has not answered in time; how often its rescue has been tried, how often that did not
    #: count, and when to go on.
    hung: bool = False
    attempts: int = 0
    respites: int = 0
    rescue_due: float = math.inf
    #: Nothing can end it.
    quarantined: bool = False

    def accepts(self) -> bool:
        """Whether it takes connections."""
        return not (self.ready is None or self.held or self.leaving or self.departed)

    def channels(self) -> list[Channel]:
        """Ours of its channels."""
        return [self.channel] if self.rescue is None else [self.channel, self.rescue]

    def served(self) -> float | None:
        """Seconds since it was ready; None if it never was."""
        return time.monotonic() - self.since if self.ready else None

    def tell(self, type_: str, **fields: Any) -> None:
        """Send it a message, if it can be reached."""
        with contextlib.suppress(OSError):  # it is ending already, or hangs
            self.channel.send(type_, **fields)

    def call_rescue(self, attempt: int) -> None:
        """Have its other thread break off what its loop is doing."""
        if self.rescue is not None:
            with contextlib.suppress(OSError):
                self.rescue.send("rescue", attempt=attempt)

    def accept(self) -> None:
        """Let one that was held accept."""
        self.held = False
        self.tell("accept")

    def retire(self, timeout: float, *, parting: float = 0.0, succeeded: bool = False) -> None:
        """Have it drain, and end.

        Args:
          timeout: the seconds that its requests have.
          parting: the seconds for which an idle connection may still bring one.
          succeeded: another worker has its place, or gets it.
        """
        self.leaving = True
        self.deadline = time.monotonic() + timeout + MARGIN
        self.tell("stop", timeout=timeout, parting=parting, succeeded=succeeded)


class Overseer(Protocol):
    """Who is told of what becomes of the workers."""

    def heard(self, worker: Worker, message: Message) -> None:
        """A worker has said something; what it says of itself stands in it already."""

    def departed(self, worker: Worker, error: SubsrvError | None) -> None:
        """A worker has left its place: drained (no error), failed to start, or died."""


class Crew:
    """The workers, of which each place may have several: one to come, one that goes."""

    def __init__(
        self,
        config: Config,
        backend: backends.Backend,
        selector: selectors.BaseSelector,
        overseer: Overseer,
    ) -> None:
        self._config = config
        self._backend = backend
        self._selector = selector
        self._overseer = overseer
        self._workers: list[Worker] = []

    def __iter__(self) -> Iterator[Worker]:
        return iter(tuple(self._workers))

    def __len__(self) -> int:
        return len(self._workers)

    def accepting(self) -> list[Worker]:
        """Those that take connections."""
        return [worker for worker in self._workers if worker.accepts()]

    def launch(
        self,
        index: int,
        entrance: Entrance,
        *,
        held: bool = False,
        disown: Callable[[], None],
    ) -> Worker:
        """Start a worker. WorkerStartError if the system refuses.

        `disown` closes the supervisor's own descriptors, beside those of the workers.
        """
        with contextlib.ExitStack() as ours:

            def forget() -> None:
                # A worker must notice when the supervisor dies: no sibling may hold its channels.
                ours.close()
                self.abandon()
                entrance.leave_to(index)
                disown()

            try:
                channel, control = _pair(ours)
                rescue, other = _pair(ours) if self._config.hang_timeout else (None, -1)
                spec = Spec(
                    config=self._config,
                    worker=index,
                    listeners=entrance.listeners(index),
                    control=control,
                    rescue=other,
                    handover=entrance.handover(index),
                    held=held,
                )
                handle = self._backend.start(spec, disown=forget)
            except (OSError, RuntimeError) as error:  # out of processes, threads or descriptors
                raise WorkerStartError(f"worker {index} cannot be started: {error}") from error
            ours.pop_all()
        worker = Worker(index=index, handle=handle, channel=channel, rescue=rescue, held=held)
        self._workers.append(worker)
        for each in worker.channels():
            self._selector.register(each, selectors.EVENT_READ, partial(self._hear, worker, each))
        return worker

    def abandon(self) -> None:
        """Close the channels: workers drain by themselves, even where the supervisor has failed."""
        for worker in self._workers:
            for channel in worker.channels():
                channel.close()

    def reap(self) -> None:
        """Let go of the workers of which nothing is left."""
        for worker in [worker for worker in self._workers if worker.handle.ended()]:
            self._hear(worker, worker.channel)  # its last words
            # Still open where a process that the application started holds the other end.
            self._hang_up(*worker.channels())
            worker.handle.join()
            self._workers.remove(worker)
            reason = worker.handle.why() or "it ended without a word"
            self._depart(worker, WorkerStartError(f"worker {worker.index} died: {reason}"))

    def _hear(self, worker: Worker, channel: Channel) -> None:
        """Take in all that the worker has said."""
        try:
            while channel.fileno() >= 0:  # closed with the other, perhaps, since it was found ready
                for message in channel.receive():
                    self._heed(worker, message)
        except BlockingIOError:
            pass
        except EOFError:
            self._hang_up(*([channel] if channel is worker.rescue else worker.channels()))

    def _heed(self, worker: Worker, message: Message) -> None:
        fields = message.fields
        match message.type:
            case "failed":
                kind = _ERRORS.get(fields["status"], WorkerStartError)
                self._depart(worker, kind(fields["message"], detail=fields["detail"]))
            case "died":
                reason = f"worker {worker.index} died: {fields['message']}"
                self._depart(worker, WorkerStartError(reason, detail=fields["detail"]))
            case "gone":
                worker.last_word = fields
                self._depart(worker, None)
            case kind:
                if kind == "ready":
                    worker.ready = fields
                    worker.since = time.monotonic()
                elif kind == "draining":
                    worker.draining = True
                self._overseer.heard(worker, message)

    def _hang_up(self, *channels: Channel) -> None:
        for channel in channels:
            if channel.fileno() >= 0:
                self._selector.unregister(channel)
                channel.close()

    def _depart(self, worker: Worker, error: SubsrvError | None) -> None:
        if not worker.departed:
            worker.departed = True
            worker.deadline = min(worker.deadline, time.monotonic() + MARGIN)
            self._overseer.departed(worker, error)


def _pair(stack: contextlib.ExitStack) -> tuple[Channel, int]:
    """Our end of a new channel, which the stack closes, and the worker's."""
    ours, theirs = Channel.pair()
    stack.enter_context(ours)
    # Only what has arrived is of interest here, and a worker that hangs must not hang this.
    ours.setblocking(False)
    return ours, theirs.detach()
