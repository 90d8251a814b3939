"""For --reload: a program that says which source files have changed, one line of JSON a time.

A process of its own, so that the server that it watches for has no thread more, which could not
be forked, and nothing to look at while it serves. It ends when its standard input does.
"""

import fnmatch
import importlib.util
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: Seconds between two looks at all files, where nothing tells of changes.
_LOOK = 0.5

type State = dict[str, tuple[int, int]]


class Filter:
    """Which files count, by patterns for the name of the file, or of a folder on the way to it."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = include
        self._exclude = exclude

    def takes(self, name: str) -> bool:
        """Whether a file of this name counts, if its folder does."""
        return self.enters(name) and any(fnmatch.fnmatch(name, each) for each in self._include)

    def enters(self, name: str) -> bool:
        """Whether to look into a folder of this name."""
        return not any(fnmatch.fnmatch(name, each) for each in self._exclude)

    def takes_path(self, root: str, path: str) -> bool:
        """The same for a file somewhere below `root`."""
        *folders, name = os.path.relpath(path, root).split(os.sep)
        return all(map(self.enters, folders)) and self.takes(name)


def scan(folders: Sequence[str], wanted: Filter) -> State:
    """Each file that counts, with when it was written, and its size."""
    found: State = {}
    for root in folders:
        for folder, below, names in os.walk(root):
            below[:] = filter(wanted.enters, below)
            for name in filter(wanted.takes, names):
                path = os.path.join(folder, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue  # it has gone meanwhile
                found[path] = (status.st_mtime_ns, status.st_size)
    return found


def differing(old: State, new: State) -> list[str]:
    """Files that are new, gone, or other than they were."""
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def poll(folders: Sequence[str], wanted: Filter, over: Callable[[float], bool]) -> Iterator[str]:
    """One changed file for each look that finds any; `over` waits for the end."""
    return _poll(folders, wanted, over, scan(folders, wanted))


def _poll(
    folders: Sequence[str], wanted: Filter, over: Callable[[float], bool], state: State
) -> Iterator[str]:
    while not over(_LOOK):
        before, state = state, scan(folders, wanted)
        if changed := differing(before, state):
            yield changed[0]


def follow(folders: Sequence[str], wanted: Filter) -> Iterator[str]:
    """The same by watchfiles, which hears of changes at once. ImportError where it is missing."""
    watchfiles: Any = importlib.import_module("watchfiles")
    stop = threading.Event()

    def await_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=await_end, daemon=True).start()
    for changes in watchfiles.watch(*folders, watch_filter=None, stop_event=stop):
        for _, path in changes:
            if any(
                path.startswith(os.path.join(root, "")) and wanted.takes_path(root, path)
                for root in folders
            ):
                yield path
                break


def main(settings: str) -> None:
    """Watch as told; `settings` is JSON: folders, include, exclude."""
    # The server decides when to end; a terminal's Ctrl-C is meant for it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    given = json.loads(settings)
    folders = [os.path.realpath(folder) for folder in given["folders"]]
    wanted = Filter(given["include"], given["exclude"])

    def over(seconds: float) -> bool:
        return bool(select.select([sys.stdin], [], [], seconds)[0])

    if importlib.util.find_spec("watchfiles") is None:
        how, changes = "looking at them", poll(folders, wanted, over)
    else:
        how, changes = "watchfiles", follow(folders, wanted)
    print(json.dumps(f"by {how}"), flush=True)
    for path in changes:
        print(json.dumps(path), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
