"""Tasks of applications: started eagerly, and known until they end."""

import asyncio
import contextvars
from asyncio import Task  # asyncio itself has a __getattr__, so that to look it up there is slow
from collections.abc import Callable, Coroutine
from typing import Any

type Ended = Callable[[Task[Any]], None]


class Tasks:
    """The tasks of one worker's requests.

    A task starts at once, in the reactor's callback: an application that never really waits is
    over before this returns, without a turn of the loop's queue (CPython issue 97696).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Each task gets a copy. A request that was pipelined behind another is begun by that one's
        # last send, and must not inherit its context.
        self._context = contextvars.copy_context()
        # asyncio keeps only weak references to tasks.
        self._running: set[Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, Any], ended: Ended) -> None:
        """Run the coroutine; `ended` is called with its task when it is over."""
        task = self.begin(coroutine)
        if task.done():
            ended(task)
        else:
            self.keep(task, ended)

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> Task[Any]:
        """Run the coroutine. If its task is not done by then, `keep` it."""
        return Task(coroutine, loop=self._loop, context=self._context.copy(), eager_start=True)

    def keep(self, task: Task[Any], ended: Ended) -> None:
        """Know a task until it ends, and call `ended` with it then."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(ended)

    async def drain(self, deadline: float) -> None:
        """Wait for the tasks to end by themselves; cancel what is left at `deadline`, by the
        loop's clock.
        """
        pending = set(self._running)
        if pending:
            timeout = max(0.0, deadline - self._loop.time())
            _, pending = await asyncio.wait(pending, timeout=timeout)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=1.0)
