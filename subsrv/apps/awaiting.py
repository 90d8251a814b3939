"""Exchanges whose application is a coroutine that waits for what happens to them (ASGI)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from subsrv.exchange import DisconnectedError, Exchange

type Message = dict[str, Any]
type Scope = dict[str, Any]
type App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class AwaitingExchange[AppT](Exchange[AppT]):
    """Wakes the application's `receive` and `send` when there is something new."""

    _gone = False  # the client, or what it wanted
    _wake_up: asyncio.Event | None = None

    def drained(self) -> None:
        """See Exchange."""
        self._notify()

    def _came_late(self) -> None:
        raise DisconnectedError("the client is gone")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """The application is over: see that its client is not left waiting."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not (isinstance(error, DisconnectedError) and self._gone):
            self.fail("the application failed", error)
        elif self._transport is not None:
            if self._gone:
                self.abandon()
            elif task.cancelled():
                self.fail("the application was cancelled")
            else:
                self._returned_early()

    def _returned_early(self) -> None:
        self.fail("the application returned before its response was complete")

    async def _sleep(self) -> None:
        """Wait until something happens to this exchange."""
        if self._wake_up is None:
            self._wake_up = asyncio.Event()
        self._wake_up.clear()
        await self._wake_up.wait()

    def _notify(self) -> None:
        if self._wake_up is not None:
            self._wake_up.set()


async def wait(awaitable: Awaitable[None]) -> None:
    """What an application returned, as a coroutine, which alone can be a task."""
    await awaitable
