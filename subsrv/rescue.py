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
from subsrv.errors import Interrupted


class Rescue:
    """Reachable over `channel`, which it owns, while entered by the thread that is watched over."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ident = threading.get_ident()
        self._root = _outermost(sys._getframe())
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
        # Without a GIL, the frames of a thread that runs cannot be read. One that the first
        # exception has not reached does not run Python; where the other is, its traceback says.
        if sys._is_gil_enabled() or attempt > 1:
            self._channel.send("stuck", stack=self._stack())
        if self._by_signal:
            self._armed = True
            signal.pthread_kill(self._ident, signal.SIGTERM)
        else:
            _api().PyThreadState_SetAsyncExc(self._ident, Interrupted)

    def _stack(self) -> str:
        frame = self._frame()
        return "".join(traceback.format_stack(frame)) if frame else "(it is not in Python code)\n"

    def _frame(self) -> FrameType | None:
        """The innermost frame of the thread that is watched over."""
        if not sys._is_gil_enabled():
            return sys._current_frames().get(self._ident)
        # That function looks at the threads of all interpreters, but only this one's GIL is held;
        # so this goes through the threads of this interpreter.
        api = _api()
        state = api.PyInterpreterState_ThreadHead(api.PyInterpreterState_Get())
        while state:
            with contextlib.suppress(ValueError):  # NULL: no Python code runs in it
                frame: FrameType = api.PyThreadState_GetFrame(state)
                if _outermost(frame) is self._root:
                    return frame
            state = api.PyThreadState_Next(state)
        return None


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _api() -> Any:
    """The few functions of CPython that are called by their C names."""
    # Imported once something hangs: each isolate would pay for it.
    import ctypes

    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = ctypes.c_void_p
    for function, result in (
        (api.PyInterpreterState_ThreadHead, ctypes.c_void_p),
        (api.PyThreadState_Next, ctypes.c_void_p),
        (api.PyThreadState_GetFrame, ctypes.py_object),
    ):
        function.argtypes, function.restype = [ctypes.c_void_p], result
    api.PyThreadState_SetAsyncExc.argtypes = [ctypes.c_ulong, ctypes.py_object]
    return api
