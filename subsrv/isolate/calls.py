"""One isolate of a pool, from inside: it answers calls until nobody wants it any more.

A call is made by `packed`, flat where it can be, as what is flat crosses in the fewest steps.
An answer is ("ok", result) or ("error", the exception as `portable` gives it). The first message
is the port for calls.
"""

import asyncio
import contextlib
import inspect
import os
from typing import Any

from subsrv.isolate.errors import Killed, NotReceivableError, NotSendableError, PortClosedError
from subsrv.isolate.inside import portable
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.references import resolve
from subsrv.isolate.sending import SendPort
from subsrv.isolate.state import current


def packed(reference: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call as a message: the reference (with keyword arguments in a tuple), then the others."""
    if kwargs:
        return ((reference, *kwargs.items()), *args)
    return (reference, *args)


def serve_calls(answers: SendPort, idle_timeout: float | None, nice: int) -> None:
    """Answer calls until the port for them closes, or for `idle_timeout` seconds none comes."""
    # Of this thread alone, and those that it starts: Linux has a priority for each thread.
    os.nice(nice)
    with ReceivePort() as calls, contextlib.ExitStack() as stack:
        answers.send_sync(calls.send_port)
        calls.send_port.close()
        caller = _Caller(stack)
        try:
            while True:
                try:
                    answer = caller.answer(calls, idle_timeout)
                except TimeoutError:
                    # No call can come any more; one that came just now is answered.
                    calls.shutdown()
                    continue
                try:
                    answers.send_sync(answer)
                except NotSendableError as error:
                    answers.send_sync(("error", *portable(error)))
        except PortClosedError:
            pass  # nobody calls, or nobody wants the answer


class _Caller:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._runner: asyncio.Runner | None = None
        self._functions: dict[str, tuple[Any, bool]] = {}

    def answer(self, calls: ReceivePort, timeout: float | None) -> tuple[Any, ...]:
        """Wait for a call and execute it. TimeoutError if none comes."""
        try:
            first, *args = calls.receive_sync(timeout=timeout)
        except NotReceivableError as error:
            return ("error", *portable(error))
        try:
            if type(first) is str:
                return ("ok", self._call(first, args, {}))
            reference, *pairs = first
            return ("ok", self._call(reference, args, dict(pairs)))
        except Killed:
            raise
        except BaseException as error:  # SystemExit too: it is the caller's to see
            return ("error", *portable(error))

    def _call(self, reference: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            function, is_async = self._functions[reference]
        except KeyError:
            function = resolve(reference)
            is_async = inspect.iscoroutinefunction(function)
            self._functions[reference] = function, is_async
        if not is_async:
            return function(*args, **kwargs)
        if self._runner is None:
            self._runner = self._stack.enter_context(asyncio.Runner())
            with current().interrupting:
                self._runner.get_loop()  # half a loop would never be closed
        return self._runner.run(function(*args, **kwargs))
