"""A counter and a cache that every member of a group has whole.

Reading never waits: each member has all of it. A change counts here at once, and goes to the
others as soon as the loop turns; changes that follow each other closely go together, and only the
last of one entry goes at all. Entries carry stamps, and the later stamp wins wherever they meet, so
all members come to agree in whatever order they hear of them, a newcomer by what the others know.
"""

import asyncio
import contextlib
import pickle
from typing import Any, Self

from subsrv.isolate.errors import NotSendableError
from subsrv.isolate.groups import Group

# Seconds that leaving waits for members that do not receive.
_PATIENCE = 2.0

type _Stamp = tuple[int, str]


class _Replica:
    """Entries by key, each with its stamp. Used in one loop, as a context manager."""

    def __init__(self, name: str) -> None:
        self._group = Group(name, replica=self)
        self._clock = 0
        self._entries: dict[str, tuple[_Stamp, Any]] = {}
        self._changed: dict[str, None] = {}
        self._telling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._telling is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._telling, _PATIENCE)
        finally:
            await self._group.__aexit__()

    def state(self) -> Any:
        """All that is known here, as a message."""
        return self._message(self._entries)

    def merge(self, state: Any) -> None:
        """Learn from another's message."""
        for key, clock, member, content in state:
            stamp = (clock, member)
            self._clock = max(self._clock, clock)
            if key not in self._entries or self._entries[key][0] < stamp:
                self._put(key, stamp, content)

    def _put(self, key: str, stamp: _Stamp, content: Any) -> None:
        self._entries.pop(key, None)  # the longest unchanged comes first
        self._entries[key] = stamp, content

    def _change(self, key: str, content: Any) -> None:
        self._clock += 1
        self._put(key, (self._clock, self._group.token), content)
        self._changed[key] = None
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, {}
            await self._group.tell(self._message(changed))

    def _message(self, keys: dict[str, Any]) -> Any:
        return tuple(
            (key, *entry[0], entry[1]) for key in keys if (entry := self._entries.get(key))
        )


class Counter(_Replica):
    """A number that all members of the group add to, and that each reads without waiting."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}.counter")
        self._value = 0

    @property
    def value(self) -> int:
        """The sum of what was added here, and of what is known to have been added elsewhere.

        What a member added stays when it has gone, as long as anybody is left.
        """
        return self._value

    def add(self, amount: int = 1) -> int:
        """Add to it; return the new value."""
        mine = self._group.token
        self._change(mine, self._entries.get(mine, (None, 0))[1] + amount)
        return self._value

    def _put(self, key: str, stamp: _Stamp, content: Any) -> None:
        self._value += content - self._entries.get(key, (None, 0))[1]
        super()._put(key, stamp, content)


class Cache(_Replica):
    """A small dictionary for what is read often and changed rarely.

    Each member has its own copy of a value, unpickled when it is first read there: treat it as
    immutable. The last change wins, by a clock that all members share.

    Args:
      most: entries that are kept; beyond them those go that were unchanged for the longest.
    """

    def __init__(self, name: str, *, most: int = 1000) -> None:
        super().__init__(f"{name}.cache")
        self._most = most
        self._values: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default`. What unpickling raises, if it cannot be unpickled here."""
        if key in self._values:
            return self._values[key]
        pickled = self._entries.get(key, (None, None))[1]
        if pickled is None:
            return default
        value = self._values[key] = pickle.loads(pickled)
        return value

    def set(self, key: str, value: Any) -> None:
        """Change an entry. NotSendableError if the value cannot be pickled."""
        try:
            pickled = pickle.dumps(value, 5)
        except Exception as error:  # whatever the object's own methods raise
            raise NotSendableError(f"cannot be kept: {error or type(error).__name__}") from error
        self._change(key, pickled)

    def delete(self, key: str) -> None:
        """Remove an entry, if it is there."""
        self._change(key, None)  # kept as long as others are: who has not heard of it must lose

    def _put(self, key: str, stamp: _Stamp, content: Any) -> None:
        super()._put(key, stamp, content)
        self._values.pop(key, None)
        while len(self._entries) > self._most:
            oldest = next(iter(self._entries))
            del self._entries[oldest]
            self._values.pop(oldest, None)
