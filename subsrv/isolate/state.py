"""What an isolate knows of itself, and what its ports ask of it."""

import asyncio
import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

from subsrv.isolate.errors import Killed


class Closable(Protocol):
    """A port."""

    def close(self) -> None:
        """Close it in good order."""

    def abandon(self) -> None:
        """Close it whatever state it is in."""

    def interrupt(self) -> None:
        """Wake a thread that waits in it."""


class State:
    """One isolate, seen from inside.

    `stop_fd` is readable from the moment on that the isolate is asked to end: what waits in it
    waits for this, too. -1 in the program's own isolate, which nobody can ask. `program` is the
    same in all isolates of one program, and in no other.
    """

    def __init__(self, name: str, kind: str, program: str, *, stop_fd: int = -1) -> None:
        self.name = name
        self.kind = kind
        self.program = program
        self.stop_fd = stop_fd
        self.stopping = False
        self.paused = False
        #: Held while somebody interrupts the isolate, and while that would leave something behind.
        self.interrupting = threading.Lock()
        self._lock = threading.Lock()
        self._on_change: list[Callable[[], None]] = []
        self._ports: weakref.WeakSet[Closable] = weakref.WeakSet()

    def own(self, port: Closable) -> None:
        """Close the port when the isolate ends."""
        with self._lock:
            self._ports.add(port)
        if self.stopping:
            port.interrupt()

    def close_ports(self) -> None:
        """Close every port that was made here or has arrived here."""
        if self.stopping:
            # Without the lock, which whoever was interrupted may hold; nobody else is left here.
            for port in list(self._ports):
                port.abandon()
            return
        with self._lock:
            ports = list(self._ports)
        for port in ports:
            port.close()

    def set_paused(self, paused: bool) -> None:
        """Hold back messages, or no longer."""
        with self._lock:
            self.paused = paused
        self._changed()

    def stop(self) -> None:
        """Ask the isolate to end. `stop_fd` is made readable by whoever calls this."""
        if self.stopping:
            return
        self.stopping = True
        self._changed()
        with self._lock:
            ports = list(self._ports)
        for port in ports:
            port.interrupt()

    def _changed(self) -> None:
        with self._lock:
            waiting, self._on_change = self._on_change, []
        for wake in waiting:
            wake()

    def check(self) -> None:
        """Raise Killed if the isolate shall end."""
        if self.stopping:
            raise Killed

    def wait_while_paused(self) -> None:
        """Block until messages may be received."""
        while self.paused and not self.stopping:
            changed = threading.Event()
            if self._watch(changed.set):
                changed.wait()
        self.check()

    async def resumed(self) -> None:
        """Wait until messages may be received, in a loop."""
        loop = asyncio.get_running_loop()
        while self.paused and not self.stopping:
            changed = asyncio.Event()
            if self._watch(functools.partial(call_soon, loop, changed.set)):
                await changed.wait()

    def _watch(self, wake: Callable[[], None]) -> bool:
        with self._lock:
            if self.paused and not self.stopping:
                self._on_change.append(wake)
                return True
        return False


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call back in a loop of another thread, unless it is closed."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        if not loop.is_closed():
            raise


class _Here(threading.local):
    state: State | None = None


_here = _Here()
_default = State("main", "main", str(os.getpid()))


def current() -> State:
    """The isolate that the calling thread belongs to."""
    return _here.state or _worker() or _default


def _worker() -> State | None:
    """The worker of a server that this thread runs: an isolate, too."""
    # By name: an application that does not serve does not import it.
    here = getattr(sys.modules.get("subsrv.worker"), "here", None)
    if (worker := getattr(here, "worker", None)) is None:
        return None
    name, kind = worker
    supervisor = os.getppid() if kind == "process" else os.getpid()
    _here.state = State(name, kind, str(supervisor))
    return _here.state


def enter(state: State) -> None:
    """Make `state` the isolate of this thread, or, where it has an interpreter, of all of it."""
    global _default
    if state.kind in ("thread", "nogil"):
        _here.state = state
    else:
        _default = state


def leave() -> None:
    """Undo `enter` for a thread."""
    _here.state = None
