"""The ways in which a server is ended."""

import os
import signal
from collections.abc import Callable

#: Given the server's pid, and what waits for the next line of its log with a text.
type End = Callable[[int, Callable[[str], str]], None]


def _term(pid: int, _wait: Callable[[str], str]) -> None:
    os.kill(pid, signal.SIGTERM)


def _quit(pid: int, _wait: Callable[[str], str]) -> None:
    os.kill(pid, signal.SIGQUIT)


def _reload(pid: int, wait: Callable[[str], str]) -> None:
    os.kill(pid, signal.SIGHUP)
    wait("reloaded: ")
    os.kill(pid, signal.SIGTERM)


def _reloading(pid: int, _wait: Callable[[str], str]) -> None:
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGTERM)


#: By what people call them; each has its turn.
ENDS: dict[str, End] = {
    "SIGTERM": _term,
    "SIGQUIT": _quit,
    "reload, then SIGTERM": _reload,
    "SIGTERM while it reloads": _reloading,
}
