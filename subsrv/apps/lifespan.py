"""ASGI's lifespan: startup before the first accept, shutdown after the last response."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from subsrv.apps import loading

_log = logging.getLogger("subsrv")


class Lifespan:
    """Runs the application's lifespan in a task of its own, once a worker.

    An application that raises before it has answered startup does not speak the protocol, and is
    served without, as the specification asks.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._asked = ""  # "startup" or "shutdown"
        #: What the application left in scope["state"]; copied into each request's scope. None
        #: where the application has no lifespan.
        self.state: dict[str, Any] | None = None

    async def startup(self) -> None:
        """Start, and wait for the answer.

        AppLoadError for lifespan.startup.failed, and where an extension module does not load.
        """
        state: dict[str, Any] = {}
        self._task = asyncio.create_task(self._run(state), name="lifespan")
        answer = await self._ask("startup")
        if answer is None:
            return
        if answer["type"] == "lifespan.startup.failed":
            if self._task.done() and not self._task.cancelled():
                self._task.exception()  # the message tells it; asyncio would log it once more
            raise loading.startup_failed(answer.get("message") or "no message")
        self.state = state
        self._task.add_done_callback(self._ended_early)

    async def shutdown(self) -> None:
        """Tell the application, and wait for it. Its failure is logged."""
        if self._task is None or self._task.done():
            return
        self._task.remove_done_callback(self._ended_early)
        answer = await self._ask("shutdown")
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            _log.error("the application's shutdown failed: %s", answer.get("message", ""))
        await asyncio.wait([self._task])

    async def _ask(self, what: str) -> dict[str, Any] | None:
        """Send lifespan.<what>; the answer, or None if the application ended without one."""
        assert self._task is not None
        self._asked = what
        self._answer = asyncio.get_running_loop().create_future()
        self._messages.put_nowait({"type": f"lifespan.{what}"})
        either: list[asyncio.Future[Any]] = [self._task, self._answer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._answer.done():
            return self._answer.result()
        error = None if self._task.cancelled() else self._task.exception()
        if error is not None:
            if what == "shutdown":
                _log.error("the application's shutdown failed", exc_info=error)
            else:
                # Most applications without lifespan raise here, but not for want of a module;
                # those with it, and with a mistake, need the trace to be found.
                if refused := loading.refused("the application's startup failed", error):
                    raise refused
                _log.debug("no lifespan: %s", "".join(traceback.format_exception(error)).rstrip())
        return None

    async def _run(self, state: dict[str, Any]) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
        }
        await self._app(scope, self._messages.get, self._send)

    def _ended_early(self, task: asyncio.Task[None]) -> None:
        """It is to run as long as the worker does. Requests can be served without it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the application's lifespan failed", exc_info=error)

    async def _send(self, message: dict[str, Any]) -> None:
        answers = (f"lifespan.{self._asked}.complete", f"lifespan.{self._asked}.failed")
        if self._answer is None or self._answer.done() or message["type"] not in answers:
            raise RuntimeError(f"unexpected message {message['type']!r}")
        self._answer.set_result(message)
