"""What older interpreters need, so that they end without noise."""

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
