"""The kinds of isolate: what each starts, and when it is over."""

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
from typing import Protocol

from subsrv.backends import program
from subsrv.backends.interp import interpreters
from subsrv.backends.process import launch
from subsrv.errors import ConfigError
from subsrv.isolate import inside
from subsrv.isolate.state import current
from subsrv.mending import mend_threading

KINDS = ("interp", "nogil", "thread", "process")


class Life(Protocol):
    """One isolate of some kind. `run` is called in a thread of its own, and blocks."""

    def run(self) -> str | None:
        """The whole life. What went wrong where the isolate could not report it itself."""

    def kill(self) -> bool:
        """End it from outside, at once; False where that cannot be."""


def default_kind() -> str:
    """The kind that runs Python in parallel here: nogil without a GIL, interp with one."""
    here = current().kind
    if here != "main":
        return here
    return "nogil" if free_threaded() else "interp"


def free_threaded() -> bool:
    """Whether this interpreter runs without the GIL now."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


def check(kind: str) -> None:
    """ConfigError if isolates of this kind cannot be made here."""
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    if kind == "nogil" and not free_threaded():
        built = sysconfig.get_config_var("Py_GIL_DISABLED")
        reason = "its GIL is on" if built else "this build has a GIL"
        raise ConfigError(f"kind 'nogil' needs a free-threaded Python: {reason}")
    if kind == "interp":
        interpreters()


def create(kind: str, name: str, orders: int, outcome: int) -> Life:
    """An isolate that is not running yet, and takes over these descriptors."""
    if kind == "process":
        return _ProcessLife(name, orders, outcome)
    if kind == "interp":
        return _InterpLife(name, orders, outcome)
    return _ThreadLife(name, kind, orders, outcome)


def enter_interpreter(orders: int, outcome: int, name: str, in_program: str) -> None:
    """What an interpreter runs."""
    if sys.version_info < (3, 14):
        mend_threading()
    inside.main(orders, outcome, name, kind="interp", program=in_program)


def enter_process(orders: int, outcome: int, name: str, in_program: str) -> None:
    """What a process runs."""
    # The parent acts on a terminal's Ctrl-C, and ends this isolate as it sees fit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for fd in (orders, outcome):
        os.set_inheritable(fd, False)
    inside.main(orders, outcome, name, kind="process", program=in_program)


class _Unentered:
    """Owns the descriptors until the isolate has taken them over."""

    def __init__(self, name: str, orders: int, outcome: int) -> None:
        self._name = name
        self._fds = (orders, outcome)
        self._program = current().program

    @property
    def _arguments(self) -> tuple[int, int, str, str]:
        return (*self._fds, self._name, self._program)

    def _close(self) -> None:
        for fd in self._fds:
            with contextlib.suppress(OSError):
                os.close(fd)

    def kill(self) -> bool:
        """CPython can kill neither a thread nor an interpreter."""
        return False


class _ThreadLife(_Unentered):
    def __init__(self, name: str, kind: str, orders: int, outcome: int) -> None:
        super().__init__(name, orders, outcome)
        self._kind = kind

    def run(self) -> str | None:
        inside.main(*self._fds, self._name, kind=self._kind, program=self._program)
        return None


class _InterpLife(_Unentered):
    def run(self) -> str | None:
        # One thread creates, runs and closes an interpreter: CPython does not survive an exec that
        # races a close (CPython issue 127041).
        api = interpreters()
        try:
            interpreter = api.create()
        except api.InterpreterError as error:
            self._close()
            return f"no interpreter could be made: {error}"
        try:
            interpreter.exec(program(f"{__name__}:enter_interpreter", sys.path, *self._arguments))
        except api.ExecutionFailed as failure:
            return str(getattr(failure.excinfo, "errdisplay", failure.excinfo.formatted))
        finally:
            interpreter.close()
        return None


class _ProcessLife(_Unentered):
    def __init__(self, name: str, orders: int, outcome: int) -> None:
        super().__init__(name, orders, outcome)
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> str | None:
        text = program(f"{__name__}:enter_process", sys.path, *self._arguments)
        try:
            self._child = launch(text, f"subsrv-isolate-{self._name}", self._fds)
        except OSError as error:
            return f"no process could be started: {error}"
        finally:
            self._close()
        status = self._child.wait()
        if status == 0:
            return None
        return f"exit status {status}" if status > 0 else f"killed by signal {-status}"

    def kill(self) -> bool:
        """SIGKILL."""
        if self._child is not None:
            self._child.kill()
        return self._child is not None
