"""One selector for a worker: asyncio's descriptors and the server's own in one epoll instance.

The reactor is the selector of an asyncio loop (loop.py). The server's descriptors (listeners,
connections) have a callback here, called right where epoll returns them, in `select()`; only
asyncio's own keys go back to asyncio. So a request costs no Handle and no turn of asyncio's queue,
and every asyncio library works, because asyncio's side is untouched: this uses its public
interface only, `selectors.BaseSelector`.
"""

import contextlib
import select
import selectors
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

IN = 0x001
OUT = 0x004
EXCLUSIVE = getattr(select, "EPOLLEXCLUSIVE", 0)

type Callback = Callable[[int], None]
"""Called with the event mask: IN, OUT or others (an error, a hang-up), which a read explains."""

# Seconds for which what is to be sent may wait for more of it, see Reactor.outbox: about as long as
# two handlers take that do anything at all.
_HELD = 0.5e-3

# Events taken from one wait. Enough that a busy worker amortises the call, and few enough that
# asyncio's own callbacks get their turn.
_MAX_EVENTS = 512


class Poller(Protocol):
    """The part of select.epoll that the reactor uses."""

    def register(self, fd: int, eventmask: int, /) -> None:
        """Watch a descriptor."""

    def modify(self, fd: int, eventmask: int, /) -> None:
        """Watch for other events."""

    def unregister(self, fd: int, /) -> None:
        """Watch no longer."""

    def poll(self, timeout: float | None, maxevents: int, /) -> list[tuple[int, int]]:
        """Wait at most so many seconds for events."""

    def close(self) -> None:
        """Free it."""


class Held(Protocol):
    """Has something to send that may wait for a moment."""

    def uncork(self) -> None:
        """Send it."""


def uncork(outbox: list[Held]) -> None:
    """Have all of them send, and forget them."""
    for each in outbox:
        each.uncork()
    outbox.clear()


class PortablePoller:
    """The best selector of this system with epoll's interface, for where epoll is not."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, eventmask: int, /) -> None:
        """See Poller. EXCLUSIVE is not known here: all workers wake, one accepts."""
        self._selector.register(fd, _selector_events(eventmask & (IN | OUT)))

    def modify(self, fd: int, eventmask: int, /) -> None:
        """See Poller."""
        self._selector.modify(fd, _selector_events(eventmask & (IN | OUT)))

    def unregister(self, fd: int, /) -> None:
        """See Poller."""
        self._selector.unregister(fd)

    def poll(self, timeout: float | None, maxevents: int, /) -> list[tuple[int, int]]:
        """See Poller."""
        return [(key.fd, _mask(events)) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        """See Poller."""
        self._selector.close()


def _selector_events(mask: int) -> int:
    """What selectors calls these events. A hang-up or an error is both: whoever acts learns."""
    read = selectors.EVENT_READ if mask & ~OUT else 0
    return read | (selectors.EVENT_WRITE if mask & ~IN else 0)


def _mask(events: int) -> int:
    read = IN if events & selectors.EVENT_READ else 0
    return read | (OUT if events & selectors.EVENT_WRITE else 0)


class _Keys(Mapping["FileDescriptorLike", selectors.SelectorKey]):
    """asyncio's registrations, found by descriptor or by file object."""

    def __init__(self) -> None:
        self.by_fd: dict[int, selectors.SelectorKey] = {}

    def __getitem__(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        try:
            fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        except ValueError:
            fd = -1
        if fd < 0:
            # Closed already: a socket says -1, a file raises. selectors finds both by identity.
            for key in self.by_fd.values():
                if key.fileobj is fileobj:
                    return key
        return self.by_fd[fd]

    def __iter__(self) -> "Iterator[FileDescriptorLike]":
        return iter(self.by_fd)

    def __len__(self) -> int:
        return len(self.by_fd)


class Reactor(selectors.BaseSelector):
    """See the module. `kind` is "epoll", "portable", or "auto" for the best there is.

    `on_tick` is called about every `tick` seconds while anything is watched for the server, with
    the time of `time.monotonic()`: the one coarse timer that all time-outs share. It may be late
    by a tick; it never wakes an idle worker that holds no connection.
    """

    def __init__(self, kind: str = "auto", *, tick: float = 1.0) -> None:
        if kind == "epoll" or (kind == "auto" and hasattr(select, "epoll")):
            self._poller: Poller = select.epoll()
            self.exclusive = EXCLUSIVE
        else:
            self._poller = PortablePoller()
            self.exclusive = 0
        self._callbacks: dict[int, Callback] = {}
        #: Who has something to send at the end of this turn, or half a millisecond after it came to
        #: that, whichever is sooner; outside of a turn, before the next wait. So requests that come
        #: together are answered together: many calls of the application and then as many of the
        #: system find more of both in the processor's caches than one of each by turns, and a
        #: client or a proxy on the same machine is woken once for them all.
        self.outbox: list[Held] = []
        self._keys = _Keys()
        #: Seconds between ticks.
        self.tick = tick
        self._next_tick = 0.0
        self.on_tick: Callable[[float], None] | None = None
        #: Whether anything needs ticks now; whoever holds connections keeps it true.
        self.ticking = False
        #: time.monotonic() as of the last wake-up: good enough for stamps, and free.
        self.now = time.monotonic()

    # The server's side.

    def observe(self, wrap: Callable[[Poller], Poller]) -> None:
        """Wait by way of what `wrap` makes of the poller."""
        self._poller = wrap(self._poller)

    def watch(self, fd: int, mask: int, callback: Callback) -> None:
        """Call `callback(mask)` whenever `fd` has one of these events."""
        self._poller.register(fd, mask)
        self._callbacks[fd] = callback

    def rewatch(self, fd: int, mask: int) -> None:
        """Change the events that are watched for."""
        self._poller.modify(fd, mask)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`. Call it before closing the descriptor."""
        del self._callbacks[fd]
        self._poller.unregister(fd)

    # asyncio's side: selectors.BaseSelector.

    def register(
        self, fileobj: "FileDescriptorLike", events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """See selectors.BaseSelector."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys.by_fd:
            raise KeyError(f"{fileobj!r} (descriptor {fd}) is already registered")
        self._poller.register(fd, _mask(events))
        self._keys.by_fd[fd] = key = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        """See selectors.BaseSelector."""
        key = self._keys[fileobj]
        del self._keys.by_fd[key.fd]
        # A closed descriptor has left epoll by itself.
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._poller.unregister(key.fd)
        return key

    def modify(
        self, fileobj: "FileDescriptorLike", events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """See selectors.BaseSelector."""
        key = self._keys[fileobj]
        if events != key.events:
            self._poller.modify(key.fd, _mask(events))
        self._keys.by_fd[key.fd] = key = key._replace(events=events, data=data)
        return key

    def get_map(self) -> "Mapping[FileDescriptorLike, selectors.SelectorKey]":
        """See selectors.BaseSelector."""
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, call the server's callbacks, and return what is asyncio's."""
        outbox = self.outbox
        if outbox:
            uncork(outbox)
        if self.ticking:
            until_tick = self._next_tick - self.now
            if timeout is None or timeout > until_tick:
                timeout = max(until_tick, 0.0)
        if timeout is not None and timeout < 0:
            timeout = 0
        try:
            events = self._poller.poll(timeout, _MAX_EVENTS)
        except MemoryError:
            # Whoever waits without memory may wait for ever; but if there is something to do
            # first, such as to end what took it all, that must be done.
            if timeout != 0:
                raise
            events = []
        self.now = now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + self.tick
            if self.on_tick is not None:
                self.on_tick(now)
        ready: list[tuple[selectors.SelectorKey, int]] = []
        callbacks, keys = self._callbacks, self._keys.by_fd
        monotonic, since = time.monotonic, now
        try:
            for fd, mask in events:
                callback = callbacks.get(fd)
                if callback is not None:
                    callback(mask)
                    if outbox and (now := monotonic()) - since > _HELD:
                        uncork(outbox)
                        since = now
                # An earlier callback of this turn may have unregistered it.
                elif (key := keys.get(fd)) is not None and (
                    wanted := _selector_events(mask) & key.events
                ):
                    ready.append((key, wanted))
        finally:
            # Also what was answered before a callback that ends the worker.
            if outbox:
                uncork(outbox)
        return ready

    def close(self) -> None:
        """Free the poller."""
        self._poller.close()
        self._keys.by_fd.clear()
        self._callbacks.clear()
