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
) -> str:
    """Run a command to its end, add what it says to ``log``, and return that.

    Args:
        timeout: seconds, after which the command is killed.
        env: variables added to this process's own.

    Raises:
        UnavailableError: it does not start, fails or takes too long; with its last lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    with log.open("a+", errors="replace") as output:
        output.write(f"$ {' '.join(words)}\n")
        output.flush()
        begin = output.tell()
        try:
            # Into the file rather than a pipe: a person can follow a long build there.
            status = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
                timeout=timeout,
                # Lets the locks that this run holds pass to the child; see cache.lock.
                close_fds=False,
            ).returncode
        except OSError as error:
            raise UnavailableError(f"{words[0]} does not start ({error.strerror})") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"{words[0]} took longer than {timeout:.0f} s (log: {log})"
            ) from None
        output.seek(begin)
        said = output.read()
    if status != 0:
        tail = " | ".join(line.strip() for line in said.strip().splitlines()[-_TAIL:])
        raise UnavailableError(f"{words[0]} failed (log: {log}): {tail}")
    return said
