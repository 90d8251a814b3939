"""The handlers of `objects`, each worker with a copy of that module of its own.

What a copy makes, no other worker touches. What a module of the standard library keeps for the
whole process, such as loggers, stays shared.
"""

import importlib.util
import threading
from types import ModuleType

from experiments.apps import objects

_own = threading.local()


def _copy() -> ModuleType:
    """The calling worker's copy, made when it is first asked for."""
    try:
        found: ModuleType = _own.module
    except AttributeError:
        spec = importlib.util.find_spec(objects.__name__)
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        _own.module = found
    return found


def nothing(request: object) -> bytes:
    """Work on local variables alone."""
    return _copy().nothing(request)  # type: ignore[no-any-return]


def counter(request: object) -> bytes:
    """Count."""
    return _copy().counter(request)  # type: ignore[no-any-return]


def table(request: object) -> bytes:
    """Read and write a dictionary."""
    return _copy().table(request)  # type: ignore[no-any-return]


def router(request: object) -> bytes:
    """Find routes."""
    return _copy().router(request)  # type: ignore[no-any-return]


def logger(request: object) -> bytes:
    """Write a log."""
    return _copy().logger(request)  # type: ignore[no-any-return]


def template(request: object) -> bytes:
    """Render a page."""
    return _copy().template(request)  # type: ignore[no-any-return]
