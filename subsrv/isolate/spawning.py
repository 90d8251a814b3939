"""Spawning an isolate, and what its parent can ask of it."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any, Literal, Self

from subsrv.isolate import inside, kinds
from subsrv.isolate.errors import (
    IsolateDiedError,
    IsolateError,
    NotReceivableError,
    PortClosedError,
)
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.references import reference
from subsrv.isolate.sending import SendPort

type Priority = Literal["stop", "raise", "signal"]

#: How an isolate is asked to end, the gentle way first.
PRIORITIES: tuple[Priority, ...] = ("stop", "raise", "signal")

_numbers = itertools.count(1)
_living: "weakref.WeakSet[Isolate]" = weakref.WeakSet()


@dataclasses.dataclass(frozen=True)
class Exit:
    """How an isolate ended.

    `reason` is "done", "killed" (as it was asked to), "error" (an exception escaped: `error`), or
    "died" (a signal, or it could not start: `error` says which).
    """

    reason: Literal["done", "killed", "error", "died"]
    error: BaseException | None = None


class Isolate:
    """A running isolate, as the one who spawned it holds it; made by `spawn`.

    As a context manager, sync or async, it ends the isolate, waits for that, and raises what the
    isolate raised.
    """

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self._exit: concurrent.futures.Future[Exit] = concurrent.futures.Future()
        self._exit.set_running_or_notify_cancel()
        self._lock = threading.Lock()
        self._exit_listeners: list[SendPort] = []
        self._ending = False

    def _start(self, first: list[Any]) -> None:
        """Send the first orders and begin its life."""
        orders = ReceivePort()
        self._orders = orders.send_port
        outcome = ReceivePort()
        try:
            for order in first:
                self._orders.send_sync(order)
        except BaseException:
            orders.close()
            outcome.close()
            raise
        life = kinds.create(self.kind, self.name, orders.detach(), outcome.send_port.detach())
        self._life = life
        # Never a daemon thread: CPython 3.15 can crash at exit while one runs an interpreter.
        thread = threading.Thread(
            target=self._live, args=(life, outcome), name=f"isolate-{self.name}", daemon=False
        )
        _living.add(self)
        thread.start()

    def pause(self) -> None:
        """Hold back messages: what the isolate receives next, it receives after `resume`."""
        self._order(("pause",))

    def resume(self) -> None:
        """Undo `pause`, or let an isolate that was spawned paused begin."""
        self._order(("resume",))

    def kill(self, priority: Priority = "stop") -> None:
        """Ask the isolate to end; returns at once, and does nothing when it has ended.

        "stop": a loop's main task is cancelled, and what waits for a port gets Killed. "raise":
        Killed is raised wherever the isolate runs Python; CPython cannot break a blocking call in
        C. "signal": SIGKILL to a process; other kinds know nothing harder than "raise".
        """
        if priority not in PRIORITIES:
            raise ValueError(f"priority is {priority!r}; it must be one of {PRIORITIES}")
        if priority == "signal" and self._life.kill():
            return
        with contextlib.suppress(PortClosedError):
            self._order(("kill", "stop" if priority == "stop" else "raise"))

    async def ping(self) -> None:
        """Return as soon as the isolate has run Python. IsolateDiedError if it ends instead."""
        with self._ping() as reply:
            try:
                await reply.receive()
            except PortClosedError:
                raise self._gone() from None

    def ping_sync(self, *, timeout: float | None = None) -> None:
        """As `ping`. TimeoutError after `timeout` seconds."""
        with self._ping() as reply:
            try:
                reply.receive_sync(timeout=timeout)
            except PortClosedError:
                raise self._gone() from None

    def add_exit_listener(self, listener: SendPort) -> None:
        """Send (name, reason) to this port when the isolate has ended, or has ended already."""
        with self._lock:
            if not self._exit.done():
                self._exit_listeners.append(listener.copy())
                return
        self._tell_exit(listener, self._exit.result())

    def add_error_listener(self, listener: SendPort) -> None:
        """Send (type, text, traceback) of each uncaught error to this port."""
        self._order(("errors", listener))

    async def join(self) -> Exit:
        """Wait for the end of the isolate; say how it came."""
        return await asyncio.shield(asyncio.wrap_future(self._exit))

    def join_sync(self, *, timeout: float | None = None) -> Exit:
        """As `join`. TimeoutError after `timeout` seconds."""
        return self._exit.result(timeout)

    @property
    def ended(self) -> bool:
        """Whether nothing is left of the isolate."""
        # A pool asks at each call, and a Future would take its lock to say no.
        return self._ending and self._exit.done()

    async def end(self, *, grace: float = 5.0) -> Exit:
        """End the isolate, harder every `grace` seconds; IsolateError if nothing helps."""
        for priority in PRIORITIES:
            self.kill(priority)
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self.join(), grace)
        raise self._immortal()

    def end_sync(self, *, grace: float = 5.0) -> Exit:
        """As `end`."""
        for priority in PRIORITIES:
            self.kill(priority)
            with contextlib.suppress(TimeoutError):
                return self.join_sync(timeout=grace)
        raise self._immortal()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        try:
            how = await self.end()
        except asyncio.CancelledError:
            self.kill("raise")
            self.kill("signal")
            raise
        if how.error is not None and failure[0] is None:
            raise how.error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        how = self.end_sync()
        if how.error is not None and failure[0] is None:
            raise how.error

    def __repr__(self) -> str:
        how = self._exit.result().reason if self._exit.done() else "running"
        return f"<Isolate {self.name} kind={self.kind} {how}>"

    def _order(self, order: tuple[Any, ...]) -> None:
        with self._lock:
            self._orders.send_sync(order)

    def _ping(self) -> ReceivePort:
        reply = ReceivePort()
        try:
            self._order(("ping", reply.send_port))
        except PortClosedError:
            reply.close()
            raise self._gone() from None
        reply.send_port.close()
        return reply

    def _gone(self) -> IsolateDiedError:
        return IsolateDiedError(f"isolate {self.name} has ended")

    def _immortal(self) -> IsolateError:
        return IsolateError(
            f"isolate {self.name} ({self.kind}) does not end: it is in a call that CPython cannot "
            "break"
        )

    # In the isolate's own thread.

    def _live(self, life: kinds.Life, outcome: ReceivePort) -> None:
        try:
            wrong = life.run()
        except Exception as error:  # a fault of the backend: whoever joins must learn it
            wrong = f"{type(error).__name__}: {error}"
        how = self._how(outcome, wrong)
        outcome.close()
        with self._lock:
            self._orders.close()
            listeners, self._exit_listeners = self._exit_listeners, []
            self._ending = True
            self._exit.set_result(how)
        for listener in listeners:
            self._tell_exit(listener, how)
            listener.close()

    def _how(self, outcome: ReceivePort, wrong: str | None) -> Exit:
        try:
            match outcome.receive_sync():
                case ("error", data, last, text):
                    return Exit("error", inside.restored(data, last, text))
                case (("done" | "killed") as reason,):
                    return Exit(reason)
        except (PortClosedError, NotReceivableError):
            pass
        *_, last = (wrong or "it ended without a word").strip().splitlines()
        return Exit("died", IsolateDiedError(f"isolate {self.name} died: {last}", detail=wrong))

    def _tell_exit(self, listener: SendPort, how: Exit) -> None:
        with contextlib.suppress(PortClosedError):
            listener.send_sync((self.name, how.reason))


def spawn(
    entry: Callable[..., object] | str,
    *args: Any,
    kind: str | None = None,
    name: str | None = None,
    on_exit: SendPort | None = None,
    on_error: SendPort | None = None,
    errors_are_fatal: bool = True,
    paused: bool = False,
) -> Isolate:
    """Start an isolate that runs `entry(*args)`, and return at once.

    Args:
      entry: a function, async or not, that has a name in a module; or that name, "module:function".
      args: sent as messages are: ports in them arrive as ports.
      kind: "interp", "nogil", "thread" or "process"; None for the kind of the isolate that calls
        this, or in the main one for the kind that is parallel: "nogil" without a GIL, else
        "interp".
      on_exit, on_error: listeners from the start on.
      errors_are_fatal: whether an error in a callback or a forgotten task of the isolate's loop
        ends it. What escapes from `entry` always does.
      paused: wait for `resume()` before `entry` is called.

    NotSendableError for an entry or arguments that cannot be sent, ConfigError for a kind that
    cannot be had here.
    """
    kind = kind or kinds.default_kind()
    kinds.check(kind)
    where = reference(entry)
    isolate = Isolate(kind, name or f"{kind}-{next(_numbers)}")
    first: list[Any] = [("pause",)] if paused else []
    if on_error is not None:
        first.append(("errors", on_error))
    if on_exit is not None:
        isolate._exit_listeners.append(on_exit.copy())
    isolate._start([*first, ("start", where, args, errors_are_fatal)])
    return isolate


def _end_all() -> None:
    """At the exit of this interpreter: it would wait for its isolates for ever."""
    for isolate in list(_living):
        with contextlib.suppress(IsolateError):
            isolate.end_sync()


# Before threads are joined; concurrent.futures ends its pools by the same.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
