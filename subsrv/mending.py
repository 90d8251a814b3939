"""What interpreters need, so that they end without noise, and errors are told without effect."""

import sys
import threading
from typing import Any


def mend_threading() -> None:
    """Give a finalizer of `threading` what it needs when its module has been cleared already.

    Otherwise it prints a TypeError whenever an interpreter closes that has had threads. This is
    what CPython 3.14 does (its issue 130522).
    """

    def __del__(  # noqa: N807
        self: Any,
        lock: Any = threading._active_limbo_lock,  # type: ignore[attr-defined]
        active: Any = threading._active,  # type: ignore[attr-defined]
    ) -> None:
        with lock:
            if active.get(self._tident) is self._dummy_thread:
                del active[self._tident]

    threading._DeleteDummyThreadOnDel.__del__ = __del__  # type: ignore[attr-defined]


def mend_import_errors(error: BaseException) -> None:
    """Have it told without importing anything, nor what caused it.

    To suggest another name, CPython's traceback imports what an ImportError names, and 3.15's also
    the package of a missing "package.module". Where that is the application, which has failed and
    so is no longer in `sys.modules`, its code would run again, and raise what it raises.
    """
    left, seen = [error], set[int]()
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, BaseExceptionGroup):
            left += each.exceptions
        left += [other for other in (each.__cause__, each.__context__) if other is not None]
        if not isinstance(each, ImportError) or each.name is None:
            continue
        if isinstance(each, ModuleNotFoundError):
            package = each.name.rpartition(".")[0]
            if package and package not in sys.modules:
                each.name = None
        elif each.name not in sys.modules:
            each.name_from = None
