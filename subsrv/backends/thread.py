"""Workers as threads: under one GIL, or, on a free-threaded build, without."""

import contextlib
import gc
import os
import platform
import re
import sys
import sysconfig
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from subsrv import gil
from subsrv.backends import Lifeline, resolve
from subsrv.errors import AppLoadError, ConfigError
from subsrv.spec import Spec

if TYPE_CHECKING:
    from subsrv.config import Config


class ThreadHandle:
    """A worker that is a thread of this process. Nothing can kill it.

    Never a daemon thread: CPython 3.15 can crash at exit while one runs a subinterpreter.
    """

    def __init__(self, life: Callable[[Spec, Lifeline], None], spec: Spec) -> None:
        self._over = False
        with contextlib.ExitStack() as undo:
            for fd in spec.channels:
                undo.callback(os.close, fd)
            lifeline = Lifeline(spec.control)
            undo.callback(lifeline.cut)
            # Copies, because closing an interpreter closes what its socket objects own.
            copies = []
            for fd in spec.copied:
                copies.append(os.dup(fd))
                undo.callback(os.close, copies[-1])
            count = len(spec.listeners)
            own = spec._replace(listeners=tuple(copies[:count]), handover=tuple(copies[count:]))
            self._thread = threading.Thread(
                target=self._run,
                args=(life, own, lifeline),
                name=f"worker-{spec.worker}",
                daemon=False,
            )
            self._thread.start()
            undo.pop_all()

    def ended(self) -> bool:
        """See WorkerHandle."""
        return self._over

    def join(self) -> None:
        """See WorkerHandle."""
        self._thread.join()

    def kill(self) -> bool:
        """False: CPython can kill neither a thread nor an interpreter."""
        return False

    def why(self) -> str | None:
        """None: whatever ends a thread is an exception, and is reported as that."""
        return None

    def _run(self, life: Callable[[Spec, Lifeline], None], spec: Spec, lifeline: Lifeline) -> None:
        try:
            life(spec, lifeline)
        finally:
            self._over = True
            lifeline.cut()


class ThreadBackend:
    """Threads; `nogil` insists on a build and an application that run without the GIL."""

    def __init__(self, entry: str, *, nogil: bool) -> None:
        self._entry = entry
        self._nogil = nogil

    def prepare(self, config: "Config") -> None:
        """Load the application once, so that threads do not race to import it."""
        if self._nogil:
            _require_free_threading()
        self._load(config)

    def refresh(self, config: "Config") -> None:
        """Import the application's own modules anew; workers that run keep those they have."""
        from subsrv.apps.refreshing import refreshing

        # Workers freeze what is there when they start: also modules that were replaced since.
        gc.unfreeze()
        with refreshing(config):
            self._load(config)

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> ThreadHandle:
        """See Backend."""
        return ThreadHandle(self._life, spec)

    def _load(self, config: "Config") -> None:
        # Imported here: interp, which borrows ThreadHandle, keeps applications out of this
        # interpreter.
        from subsrv import apps

        with warnings.catch_warnings(record=True) as caught:
            # It names the extension module, so it is wanted whatever filters are set.
            warnings.filterwarnings("always", gil.WARNING, RuntimeWarning)
            apps.load(config)
        culprits = []
        for warning in caught:
            if self._nogil and (match := re.match(gil.WARNING, str(warning.message))):
                culprits.append(match[1])
            else:
                warnings.showwarning(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
        if self._nogil and sys._is_gil_enabled():
            # Imported here: who can be served needs nothing of it.
            from subsrv.check.explain import explain

            raise AppLoadError(
                f"--mode nogil: the extension module {', '.join(culprits) or '(unknown)'} turned "
                "the GIL back on; --mode thread and --mode process would work "
                "(and PYTHON_GIL=0 keeps the GIL off, at your own risk)",
                detail="\n".join(explain(each, mode="nogil", app=config.app) for each in culprits),
            )

    def _life(self, spec: Spec, lifeline: Lifeline) -> None:
        try:
            resolve(self._entry)(spec.dumps())
        except BaseException as failure:  # SystemExit too: nobody above could act on it
            lifeline.died(failure)


def _require_free_threading() -> None:
    version = platform.python_version()
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ConfigError(
            f"--mode nogil needs a free-threaded Python; this is CPython {version} with the GIL; "
            "try python3.14t -m subsrv (or make serve PYTHON=3.14t MODE=nogil)"
        )
    if sys._is_gil_enabled():
        raise ConfigError(
            f"--mode nogil: this free-threaded CPython {version} runs with its GIL on "
            "(PYTHON_GIL=1, -X gil=1 or a module that was imported before)"
        )
