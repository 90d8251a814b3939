"""Handing the listening sockets to a new server: this command, started once more.

The new one is a child of the old one, and finds in its environment which descriptor listens where.
When it accepts, it says so over a pipe, and the old one drains. The sockets listen all the while.
"""

import contextlib
import json
import os
import selectors
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Self

from subsrv.sockets import Listener, take_over

# Not SUBSRV_, which are settings.
_VARIABLE = "_SUBSRV_HANDED_DOWN"


def addresses(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the sockets that another server has handed down to this process, if it has."""
    given = json.loads(environ.get(_VARIABLE, '{"sockets": []}'))
    return tuple(address for address, _ in given["sockets"])


class Upgrade:
    """A new server that is being started."""

    def __init__(
        self,
        listeners: Iterable[tuple[str, Listener]],
        selector: selectors.BaseSelector,
        over: Callable[[bool], None],
    ) -> None:
        """Start it with the listeners, by address.

        `over` is called once: with whether it accepts. OSError if it cannot be started.
        """
        # Not imported before it is needed: most supervisors stand by without, and it is large.
        import subprocess

        fds = [(address, listener.fileno()) for address, listener in listeners]
        self._selector = selector
        self._over = over
        self._reader, writer = os.pipe()
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, self._reader)
            try:
                self._child = subprocess.Popen(
                    [sys.executable, *sys.orig_argv[1:]],
                    pass_fds=(*(fd for _, fd in fds), writer),
                    env={**os.environ, _VARIABLE: json.dumps({"sockets": fds, "ready": writer})},
                )
            finally:
                os.close(writer)
            undo.pop_all()
        selector.register(self._reader, selectors.EVENT_READ, self._hear)

    @property
    def pid(self) -> int:
        """Of the new server."""
        return self._child.pid

    def _hear(self) -> None:
        accepts = os.read(self._reader, 1) != b""
        self._selector.unregister(self._reader)
        os.close(self._reader)
        if accepts:
            self._child.returncode = 0  # it outlives this process: nobody waits for it
        else:
            self._child.wait()
        self._over(accepts)


class HandedDown:
    """What this process was started with, if another server has handed its sockets down."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        # Removed, for it means this process alone, and none that an application starts.
        given = json.loads(environ.pop(_VARIABLE, '{"sockets": [], "ready": -1}'))
        self._sockets: list[tuple[str, int]] = given["sockets"]
        self._ready: int = given["ready"]
        if self._ready >= 0:
            os.set_inheritable(self._ready, False)

    def take(self, address: str, *, backlog: int) -> Listener | None:
        """The socket that listens on this address, if one was handed down; once for each."""
        for given in self._sockets:
            if given[0] == address:
                self._sockets.remove(given)
                return take_over(given[1], address, backlog=backlog)
        return None

    def close(self) -> None:
        """Close what nobody wanted; and if this server ends before it accepts, the pipe."""
        while self._sockets:
            os.close(self._sockets.pop()[1])
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1

    def ready(self) -> bool:
        """Tell the old server that this one accepts; whether there is one."""
        if self._ready < 0:
            return False
        with contextlib.suppress(BrokenPipeError):
            os.write(self._ready, b"1")
        self.close()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
