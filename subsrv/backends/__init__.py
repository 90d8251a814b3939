"""What a worker can be. Each backend starts the same worker function in another kind of isolate.

All that a backend knows of the worker is its name, "module:function", and the one string it takes.
"""

import contextlib
import importlib
import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from subsrv.control import Channel
from subsrv.spec import Spec

if TYPE_CHECKING:
    from subsrv.config import Config

WORKER = "subsrv.worker:run_worker"


class WorkerHandle(Protocol):
    """A started worker, as its supervisor holds it."""

    def ended(self) -> bool:
        """Nothing of it is left; its channel has closed, or a SIGCHLD came."""

    def join(self) -> None:
        """Release what the ended worker leaves behind; returns at once."""

    def kill(self) -> bool:
        """End it without a drain, soon. False if a worker of its kind cannot be killed."""

    def why(self) -> str | None:
        """How it ended where that is the system's to tell: "killed by SIGKILL"."""


class Backend(Protocol):
    """One kind of worker."""

    def prepare(self, config: "Config") -> None:
        """Once, before the first start: what can be known to fail, fails here.

        ConfigError if this Python cannot run such workers, AppLoadError for the application's own
        faults where it is loaded once for all.
        """

    def refresh(self, config: "Config") -> None:
        """Before workers start that are to load the application as it is now.

        AppLoadError where it is loaded once for all, and does not; workers that run, and others
        that start, go on with what was loaded before.
        """

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> WorkerHandle:
        """Start a worker. Takes over `spec.channels`, and copies the listeners.

        `disown` closes the supervisor's own descriptors, for a child that inherits them.
        OSError or RuntimeError if the system refuses.
        """


def create(config: "Config", *, entry: str = WORKER) -> Backend:
    """The backend of `config.mode`."""
    # Imported here: each backend uses this module, and only the chosen one is paid for.
    if config.mode == "interp":
        from subsrv.backends.interp import InterpBackend

        return InterpBackend(entry)
    if config.mode == "process":
        from subsrv.backends.process import ForkBackend, SpawnBackend

        return ForkBackend(entry) if config.start_method == "fork" else SpawnBackend(entry)
    from subsrv.backends.thread import ThreadBackend

    return ThreadBackend(entry, nogil=config.mode == "nogil")


class Lifeline:
    """A backend's own hold on a worker's end of the control channel.

    It outlives the worker, whatever becomes of it, and so can say why it died; and cutting it
    tells the supervisor that nothing of the worker is left.
    """

    def __init__(self, control: int) -> None:
        self._channel = Channel.adopt(os.dup(control))

    def died(self, failure: BaseException) -> None:
        """Report an exception that escaped the worker."""
        message = traceback.format_exception_only(failure)[-1].strip()
        self.report(message, "".join(traceback.format_exception(failure)))

    def report(self, message: str, detail: str) -> None:
        """Report a death in words: one line, and the traceback."""
        with contextlib.suppress(OSError):  # the supervisor is gone: nobody wants to know
            self._channel.send("died", message=message, detail=detail)

    def cut(self) -> None:
        """Close the channel for good, also where the worker never took its descriptor over."""
        self._channel.shutdown()
        self._channel.close()


def resolve(entry: str) -> Callable[[str], None]:
    """The function that "module:function" names."""
    module, _, name = entry.partition(":")
    return cast(Callable[[str], None], getattr(importlib.import_module(module), name))


def program(entry: str, path: list[str], *args: Any) -> str:
    """Source text by which an empty isolate gets the import path, and calls `entry` with `args`.

    The path must be passed: an interpreter or a process knows only what it was built with.
    """
    module, _, name = entry.partition(":")
    return f"import sys\nsys.path[:] = {path!r}\nfrom {module} import {name}\n{name}(*{args!r})\n"
