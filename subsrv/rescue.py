"""Inside a worker that hangs: where it is stuck, and an exception to break that off.

The loop of such a worker hears nothing, so a thread of its own listens for the supervisor. Until
then it sleeps in the kernel.
"""

import contextlib
import signal
import sys
import threading
import traceback
from types import FrameType
from typing import Any, Self

from subsrv.control import Channel
from subsrv.interruption import Interrupted, due


class Rescue:
    """Reachable over `channel`, which it owns, while entered by the thread that is watched over."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ident = threading.get_ident()
        self._state = _state()
        self._armed = False
        # No daemon thread: see ThreadHandle.
        self._thread = threading.Thread(target=self._listen, name="rescue", daemon=False)

    def __enter__(self) -> Self:
        self._by_signal = self._take_signal()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.shutdown()
        self._thread.join()
        self._channel.close()

    def _take_signal(self) -> bool:
        """Whether this thread acts on signals, which reach further: they end system calls, too."""
        with contextlib.suppress(ValueError):  # not the main thread of the main interpreter
            signal.signal(signal.SIGTERM, self._on_signal)
            return True
        return False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # One that comes from elsewhere is the supervisor's to act on.
        if self._armed:
            self._armed = False
            raise Interrupted("it hung")

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                for message in self._channel.receive():
                    self._act(**message.fields)

    def _act(self, attempt: int) -> None:
        # Without a GIL, the frames of a thread that runs cannot be read, and to stop it for that
        # would stop all others with it, if it is in C code that cannot be stopped. The traceback
        # of the exception says where it was.
        if attempt == 1 and sys._is_gil_enabled():
            self._channel.send("stuck", stack=self._stack())
        if not due(self._ident):
            self._channel.send("dealing")
            return
        if self._by_signal:
            self._armed = True
            signal.pthread_kill(self._ident, signal.SIGTERM)
        else:
            _api().PyThreadState_SetAsyncExc(self._ident, Interrupted)

    def _stack(self) -> str:
        frame = self._frame()
        return "".join(traceback.format_stack(frame)) if frame else "(that cannot be seen)\n"

    def _frame(self) -> FrameType | None:
        """The innermost frame of the thread that is watched over, if it can be had safely."""
        if self._state is not None:
            try:
                frame: FrameType = _api().PyThreadState_GetFrame(self._state)
            except ValueError:  # NULL: no Python code runs in it
                return None
            return frame
        return sys._current_frames().get(self._ident) if _interpreters() == 1 else None


def _state() -> int | None:
    """The address of this thread's state, in an interpreter beside the main one.

    There `sys._current_frames` does not serve: it goes through the threads of all interpreters,
    and only one of their GILs is held.
    """
    if _interpreters() == 1 or not sys._is_gil_enabled() or _current() == 0:
        return None
    address: int = _api().PyThreadState_Get()
    return address


def _interpreters() -> int:
    """How many there are in this process."""
    with contextlib.suppress(ImportError):
        import _interpreters

        return len(_interpreters.list_all())
    return 1


def _current() -> int:
    import _interpreters

    found = _interpreters.get_current()
    return int(found[0] if isinstance(found, tuple) else found)


def _api() -> Any:
    """The few functions of CPython that are called by their C names."""
    # Imported here: where it is not needed at once, an isolate pays for it only when it hangs.
    import ctypes

    api = ctypes.pythonapi
    api.PyThreadState_Get.restype = ctypes.c_void_p
    api.PyThreadState_GetFrame.argtypes = [ctypes.c_void_p]
    api.PyThreadState_GetFrame.restype = ctypes.py_object
    api.PyThreadState_SetAsyncExc.argtypes = [ctypes.c_ulong, ctypes.py_object]
    return api
