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


class WakeUp:
    """Wakes whoever waits at the moment it is set, as asyncio.Condition would, and costs a third.

    There is a wait for each piece of a body that comes slower than the application reads it.
    """

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def wait(self) -> asyncio.Future[None]:
        """To be awaited at once."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters:
            # Whoever waits with a time-out, again and again, is cancelled as often.
            self._waiters = [each for each in self._waiters if not each.done()]
        self._waiters.append(waiter)
        return waiter

    def set(self) -> None:
        """Wake all who wait."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for each in waiters:
                if not each.done():
                    each.set_result(None)


class AwaitingExchange[AppT](Exchange[AppT]):
    """Wakes the application's `receive` and `send` when there is something new."""

    _gone = False  # the client, or what it wanted
    _wake_up: WakeUp | None = None

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
            self._wake_up = WakeUp()
        await self._wake_up.wait()

    def _notify(self) -> None:
        if self._wake_up is not None:
            self._wake_up.set()


async def wait(awaitable: Awaitable[None]) -> None:
    """What an application returned, as a coroutine, which alone can be a task."""
    await awaitable
