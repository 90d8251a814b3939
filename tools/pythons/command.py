"""Run the programs that the routes stand on, with their output in a log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import UnavailableError

#: Lines of a failed command's output that go into the error.
_TAIL = 2


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end, and add what it says to ``log``.

    Args:
        timeout: seconds, after which the command is killed.
        env: variables added to this process's own.

    Raises:
        UnavailableError: it does not start, fails or takes too long; with its last lines.
    """
    # Into the file rather than a pipe: a person can follow a long build there.
    _run(argv, None, log=log, timeout=timeout, cwd=cwd, env=env)


def answer(
    argv: Sequence[str | Path], *, log: Path, timeout: float, cwd: Path | None = None
) -> str:
    """Run a command as ``run`` does, and return what it says on standard output alone.

    That comes through a pipe: other runs may write to the same log at the same time.
    """
    return _run(argv, subprocess.PIPE, log=log, timeout=timeout, cwd=cwd, env=None)


def _run(
    argv: Sequence[str | Path],
    stdout: int | None,
    *,
    log: Path,
    timeout: float,
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> str:
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    with log.open("a+", errors="replace") as output:
        output.write(f"$ {' '.join(words)}\n")
        output.flush()
        begin = output.tell()
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=output,
                text=True,
                errors="replace",
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
                timeout=timeout,
                # Lets the locks that this run holds pass to the child; see cache.lock.
                close_fds=False,
            )
        except OSError as error:
            raise UnavailableError(f"{words[0]} does not start ({error.strerror})") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"{words[0]} took longer than {timeout:.0f} s (log: {log})"
            ) from None
        answered = done.stdout or ""
        output.write(answered)
        if done.returncode != 0:
            output.seek(begin)
            lines = output.read().strip().splitlines()
            tail = " | ".join(line.strip() for line in lines[-_TAIL:])
            raise UnavailableError(f"{words[0]} failed (log: {log}): {tail}")
    return answered
