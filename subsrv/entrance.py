"""By what the workers come to their connections: the listening sockets, and what `fair` adds.

Made once, by the supervisor, before the first worker; each worker gets copies of its descriptors.
"""

import os
import socket
from contextlib import ExitStack
from typing import Self

from subsrv import loads, sockets
from subsrv.config import Config
from subsrv.errors import ConfigError
from subsrv.upgrade import HandedDown


class Entrance:
    """See the module. `close()` it, or use it as a context manager."""

    def __init__(self, config: Config, places: int, handed_down: HandedDown | None = None) -> None:
        self._addresses = config.bind
        with ExitStack() as stack:
            # By address, and then by place where each has its own.
            self._listeners: list[list[sockets.Listener]] = []
            for address in config.bind:
                if config.accept == "reuseport":
                    copies = sockets.bind_copies(address, backlog=config.backlog, copies=places)
                else:
                    given = handed_down and handed_down.take(address, backlog=config.backlog)
                    bound = given or sockets.bind(
                        address,
                        backlog=config.backlog,
                        mode=config.unix_mode,
                        owner=config.unix_owner,
                    )
                    copies = [bound]
                for each in copies:
                    if config.ssl_certfile is not None:
                        each.scheme = "https"
                    stack.enter_context(each)
                self._listeners.append(copies)
            self._table: int | None = None
            self._inboxes: list[tuple[socket.socket, socket.socket]] = []
            if config.accept == "fair" and places > 1:
                if not hasattr(os, "memfd_create"):
                    raise ConfigError("--accept fair needs Linux: this system has no memfd")
                self._table = loads.create(places)
                stack.callback(os.close, self._table)
                for _ in range(places):
                    inbox, way_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    self._inboxes.append((inbox, way_in))
                    stack.enter_context(inbox)
                    stack.enter_context(way_in)
            self._stack = stack.pop_all()

    @property
    def urls(self) -> tuple[str, ...]:
        """What clients connect to."""
        return tuple(copies[0].url for copies in self._listeners)

    def listeners(self, place: int) -> tuple[int, ...]:
        """The descriptors from which the worker of this place accepts."""
        return tuple(copies[place % len(copies)].fileno() for copies in self._listeners)

    def handover(self, place: int) -> tuple[int, ...]:
        """What `fair.Fairness` needs there; empty without it, and for places that came later."""
        if self._table is None or place >= len(self._inboxes):
            return ()
        inbox = self._inboxes[place][0].fileno()
        return (self._table, inbox, *(way_in.fileno() for _, way_in in self._inboxes))

    def leave_to(self, place: int) -> None:
        """In a forked child: close what only the workers of other places need."""
        for copies in self._listeners:
            for number, listener in enumerate(copies):
                if number != place % len(copies):
                    listener.leave()
        for number, (inbox, _) in enumerate(self._inboxes):
            if number != place:
                inbox.close()

    def named(self) -> list[tuple[str, sockets.Listener]]:
        """The listening sockets, by their addresses."""
        pairs = zip(self._addresses, self._listeners, strict=True)
        return [(address, listener) for address, copies in pairs for listener in copies]

    def give_up_paths(self) -> None:
        """Leave what lies in the file system to another process, which listens there too."""
        for _, listener in self.named():
            listener.give_up_path()

    def close_listeners(self) -> None:
        """Accept no more, once the workers have closed theirs."""
        for copies in self._listeners:
            for listener in copies:
                listener.close()

    def close(self) -> None:
        """Close everything."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
