"""An isolate's life, as it is inside: the entry function, and a thread that takes orders.

The orders come from whoever spawned the isolate, as messages:
  ("start", reference, arguments, errors are fatal)
  ("pause",), ("resume",), ("ping", reply port), ("errors", listener)
  ("kill", "stop" | "raise")
and the outcome goes back as the one message ("done",), ("killed",) or ("error", the exception's
pickle or None, its last line, its traceback).
"""

import asyncio
import contextlib
import ctypes
import inspect
import os
import pickle
import sys
import threading
import traceback
from typing import Any

from subsrv.isolate.errors import (
    Killed,
    NotReceivableError,
    PortClosedError,
    RemoteError,
    RemoteTraceback,
)
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.references import resolve
from subsrv.isolate.sending import SendPort, adopt_sender
from subsrv.isolate.state import State, call_soon, enter, leave

# Seconds that an isolate which has lost its parent gets to end by itself, where it can be ended.
_ORPHAN_GRACE = 5.0


def main(orders: int, outcome: int, name: str, *, kind: str, program: str) -> None:
    """Run an isolate to its end. It has these descriptors; nothing is raised."""
    # Made before the isolate is entered: what pauses and stops it must not stop them.
    port, answer = ReceivePort.adopt(orders), adopt_sender(outcome)
    stop_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    life = _Life(State(name, kind, program, stop_fd=stop_fd), port)
    with port, answer:
        life.run(answer)


class _Life:
    def __init__(self, state: State, orders: ReceivePort) -> None:
        self._state = state
        self._orders = orders
        self._thread = threading.get_ident()
        self._lock = state.interrupting
        self._interruptible = False
        self._raised = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._loop_error: BaseException | None = None
        self._listeners: list[SendPort] = []
        self._errors_are_fatal = True
        self._over = threading.Event()

    def run(self, answer: SendPort) -> None:
        """Take the first orders, and run the entry function."""
        state = self._state
        enter(state)
        control: threading.Thread | None = None
        report: tuple[Any, ...] = ("killed",)
        try:
            start = self._first_orders()
            control = threading.Thread(target=self._obey, name=f"control-{state.name}")
            control.start()
            report = self._outcome(start)
        except PortClosedError:
            pass  # the parent gave it up before it began
        finally:
            self._over.set()
            self._orders.shutdown()
            if control is not None:
                control.join()
            state.close_ports()
            leave()
            with contextlib.suppress(PortClosedError):  # nobody wants to know
                answer.send_sync(report)
            for listener in self._listeners:
                listener.close()
            os.close(state.stop_fd)

    def _first_orders(self) -> Any:
        while True:
            try:
                message = self._orders.receive_sync()
            except NotReceivableError as error:
                return error
            if message[0] == "start":
                return message
            self._act(message)

    def _outcome(self, start: Any) -> tuple[Any, ...]:
        try:
            try:
                self._call(start)
            finally:
                self._end_of_interrupts()
        except Killed:
            return ("killed",)
        except asyncio.CancelledError as error:
            if self._loop_error is not None:
                return self._failed(self._loop_error)
            return ("killed",) if self._state.stopping else self._failed(error)
        except BaseException as error:  # SystemExit too: it ends the isolate, and not the program
            return self._failed(error)
        if self._loop_error is not None:
            return self._failed(self._loop_error)
        return ("done",)

    def _end_of_interrupts(self) -> None:
        with self._lock:
            self._interruptible = False
            self._loop = None
            if self._raised:  # but perhaps not delivered yet
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def _call(self, start: Any) -> None:
        if isinstance(start, NotReceivableError):
            raise start
        _, entry, arguments, self._errors_are_fatal = start
        self._interruptible = True
        self._state.wait_while_paused()
        function = resolve(entry)
        if inspect.iscoroutinefunction(function):
            with asyncio.Runner() as runner:
                with self._lock:
                    runner.get_loop()  # half a loop would never be closed
                runner.run(self._main(function, arguments))
        else:
            function(*arguments)

    async def _main(self, function: Any, arguments: tuple[Any, ...]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        with self._lock:
            self._task = asyncio.current_task()
            self._loop = loop
        self._state.check()
        await function(*arguments)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context["message"])
        if self._errors_are_fatal and self._task is not None:
            self._loop_error = error
            self._task.cancel()
        else:
            self._tell_listeners(error)

    def _failed(self, error: BaseException) -> tuple[Any, ...]:
        if isinstance(error, Killed):
            return ("killed",)
        self._tell_listeners(error)
        return ("error", *portable(error))

    def _tell_listeners(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        for listener in self._listeners:
            with contextlib.suppress(PortClosedError):
                listener.send_sync((type(error).__name__, str(error), text))

    # In the control thread.

    def _obey(self) -> None:
        while True:
            try:
                self._act(self._orders.receive_sync())
            except NotReceivableError:
                traceback.print_exc(file=sys.stderr)
            except PortClosedError:
                break
        if not self._over.is_set():
            self._orphaned()

    def _orphaned(self) -> None:
        """The parent is gone: end, too."""
        self._kill("stop")
        if not self._over.wait(_ORPHAN_GRACE):
            self._kill("raise")
            if self._state.kind == "process" and not self._over.wait(_ORPHAN_GRACE):
                os._exit(1)

    def _act(self, message: Any) -> None:
        match message:
            case ("kill", how):
                self._kill(how)
            case ("pause",):
                self._state.set_paused(True)
            case ("resume",):
                self._state.set_paused(False)
            case ("errors", listener):
                self._listeners.append(listener)
            case ("ping", reply):
                with contextlib.suppress(PortClosedError), reply:
                    reply.send_sync(None)

    def _kill(self, how: str) -> None:
        with self._lock:
            self._state.stop()
            os.eventfd_write(self._state.stop_fd, 1)
            if how == "raise" and self._interruptible:
                self._raised = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(Killed)
                )
            if self._loop is not None and self._task is not None:
                # It may wait in its selector: this wakes it in any case.
                call_soon(self._loop, self._task.cancel)


def portable(error: BaseException) -> tuple[bytes | None, str, str]:
    """An exception as a plain message: its pickle if it has one, its last line, its traceback."""
    try:
        data = pickle.dumps(error)
    except Exception:  # whatever its own methods raise
        data = None
    last = traceback.format_exception_only(error)[-1].strip()
    return data, last, "".join(traceback.format_exception(error))


def restored(data: bytes | None, last: str, text: str) -> BaseException:
    """The inverse of `portable`, with the traceback as cause; a RemoteError if it cannot be."""
    error: Any = None
    if data is not None:
        with contextlib.suppress(Exception):  # whatever its own methods raise
            error = pickle.loads(data)
    if not isinstance(error, BaseException):
        return RemoteError(last, detail=text)
    error.__cause__ = RemoteTraceback(text)
    return error
