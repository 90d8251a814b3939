"""On a free-threaded build: which extension module has turned the GIL back on, and telling of it.

That happens when a module that has not declared Py_mod_gil is imported, in a request perhaps.
CPython says so in a warning, once, to whoever listens in that interpreter.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: What CPython says; group 1 is the module.
WARNING = r"The global interpreter lock \(GIL\) has been enabled to load module '(.+?)'"

type Listener = Callable[[str], None]

# One interpreter may have several workers: threads.
_listeners: list[Listener] = []
_show: Any = None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, call `listener` with the name of each module that turns the GIL on, in any thread.

    Does nothing on other builds, which have their GIL.
    """
    # Not sysconfig, whose variables weigh a quarter of a megabyte in each isolate: the "t" of a
    # free-threaded build stands in the names of its files (https://peps.python.org/pep-0703/).
    if "t" not in sys.abiflags:
        yield
        return
    _install()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _install() -> None:
    global _show
    if warnings.showwarning is _hear:
        return
    # Whatever filters are set: it is told once for each module.
    warnings.filterwarnings("always", WARNING, RuntimeWarning)
    _show, warnings.showwarning = warnings.showwarning, _hear


def _hear(message: Warning | str, *details: Any, **more: Any) -> None:
    match = re.match(WARNING, str(message))
    if match is None or not sys._is_gil_enabled():
        _show(message, *details, **more)
        return
    for listener in tuple(_listeners):
        listener(match[1])
