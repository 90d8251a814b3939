"""The cache folder: each thing in it is made once, whole or not at all.

Makers work in a folder of their own, which survives an interruption, so the next run goes on
where the last one stopped. What is finished is renamed into place and then marked as complete;
a thing without the mark is made again. A lock for each name lets two runs start at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

_MARK = "complete.json"

#: Builds a thing in the working folder (first) that will live in the final one (second), and
#: returns what to rename there.
Build = Callable[[Path, Path], Path]

#: Completes and checks the thing in its final folder (first), with the working folder's log
#: (second); the facts it returns are kept with the mark.
Finish = Callable[[Path, Path], dict[str, str]]


def say(message: str) -> None:
    """Tell the person who waits what is going on; standard output belongs to the answer."""
    print(f"pythons: {message}", file=sys.stderr, flush=True)


def root() -> Path:
    """The project's folder in the user's cache folder (``XDG_CACHE_HOME``, else ~/.cache)."""
    # The XDG specification: a relative path is invalid and must be ignored.
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "subsrv"


def kept(name: str) -> dict[str, str] | None:
    """What was written down when the thing was completed; None if it is not complete."""
    final = root() / name
    try:
        facts: dict[str, str] = json.loads((final / _MARK).read_text())
    except FileNotFoundError:
        return None
    # Executables know their folder: in a cache that was moved or copied they must be made again.
    return facts if facts["folder"] == str(final) else None


def ensure(name: str, build: Build, finish: Finish) -> Path:
    """Return the folder of the named thing, made first if it is not there.

    Whatever ``build`` or ``finish`` raises passes through; the working folder stays for the next
    attempt.
    """
    final = root() / name
    if kept(name) is not None:
        return final
    with lock(root() / "locks" / name):
        if kept(name) is not None:
            return final
        discard(name)
        work = root() / "work" / name
        work.mkdir(parents=True, exist_ok=True)
        built = build(work, final)
        final.parent.mkdir(parents=True, exist_ok=True)
        built.rename(final)
        facts = finish(final, work / "log")
        write(final / _MARK, json.dumps({"folder": str(final), **facts}, indent=1))
        shutil.rmtree(work)
    return final


def discard(name: str) -> None:
    """Remove a thing, complete or not."""
    # The mark goes first: a folder half removed must not look complete.
    (root() / name / _MARK).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(root() / name)


def write(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock that the file stands for; wait, and say so, while another run holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{path.name}: another run is making it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Children share the lock: when this process is killed, a compiler it started goes on
        # writing to the working folder, and the next run has to wait for that.
        os.set_inheritable(handle, True)
        yield
    finally:
        os.close(handle)
