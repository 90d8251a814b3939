"""Workers as interpreters, each with a GIL of its own, each run by one thread of this process."""

import importlib
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from subsrv.backends import Lifeline, program
from subsrv.backends.thread import ThreadHandle
from subsrv.errors import ConfigError
from subsrv.spec import Spec

if TYPE_CHECKING:
    from subsrv.config import Config

# To CPython, a MemoryError that leaves an interpreter is one of its own: to pass it on, there
# would be no memory. 3.13 then has no exception to tell of, and later versions take exec for done.
_UNLOST = """
except MemoryError as error:
    raise RuntimeError("out of memory") from error
"""


class InterpBackend:
    """Interpreters with their own GIL: concurrent.interpreters, or its backport on 3.13."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._interpreters: ModuleType

    def prepare(self, config: "Config") -> None:
        """Find the API. ConfigError if it is missing."""
        self._interpreters = interpreters()

    def refresh(self, config: "Config") -> None:
        """Nothing: each interpreter imports the application for itself."""

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> ThreadHandle:
        """See Backend."""
        return ThreadHandle(self._life, spec)

    def _life(self, spec: Spec, lifeline: Lifeline) -> None:
        # One thread creates, runs and closes an interpreter: CPython does not survive an exec
        # that races a close (CPython issue 127041). One exec is the worker's whole life.
        try:
            interpreter = self._interpreters.create()
            try:
                text = program(self._entry, sys.path, spec.dumps())
                interpreter.exec(f"try:\n{textwrap.indent(text, ' ')}{_UNLOST}")
            except self._interpreters.ExecutionFailed as failure:
                # The traceback inside is worth more than the one here, but may be missing.
                info = failure.excinfo
                message = info.formatted.removesuffix(": ")  # of an error without words
                lifeline.report(message, getattr(info, "errdisplay", message))
            finally:
                # What the worker froze, the end of the interpreter would not collect; and while a
                # single object is left, CPython keeps all the memory that the interpreter had.
                interpreter.exec("import gc; gc.unfreeze()")
                interpreter.close()
        except self._interpreters.InterpreterError as failure:
            lifeline.died(failure)


def interpreters() -> ModuleType:
    """The API of interpreters: CPython's own, or its backport on 3.13. ConfigError without."""
    # CPython 3.13.0 aborts when it closes interpreters that imported datetime, unless the main
    # interpreter did so before any of them was created (CPython issues 136421, 136423).
    import datetime  # noqa: F401

    found: ModuleType
    if sys.version_info >= (3, 14):
        found = importlib.import_module("concurrent.interpreters")
    else:
        found = _backport()
    return found


def _backport() -> ModuleType:
    try:
        return importlib.import_module("interpreters_backport.interpreters")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "--mode interp on CPython 3.13 needs the backport: pip install interpreters-pep-734"
        ) from error
