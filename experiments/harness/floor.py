"""The floor under every ratio: a responder in C that parses nothing, compiled on the spot."""

import os
import shutil
import subprocess
from pathlib import Path

from experiments.harness.paths import EXPERIMENTS

_TIMEOUT = 60.0  # seconds


class FloorError(Exception):
    """There is no compiler, or it refuses the source."""


def build(folder: Path) -> Path:
    """Compile the floor into `folder` with $CC or cc; returns its path. Raises FloorError."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise FloorError(f"no C compiler ({compiler}) here: ratios to the floor are n/a")
    executable = folder / "floor"
    done = subprocess.run(
        (compiler, "-O2", "-o", str(executable), str(EXPERIMENTS / "floor.c")),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
    if done.returncode != 0:
        raise FloorError(f"{compiler} refuses floor.c: {done.stderr.strip()}")
    return executable


def command(executable: Path, response: bytes) -> tuple[str, ...]:
    """The command that answers every request with these bytes; they go into a file beside it."""
    answer = executable.with_name("response")
    answer.write_bytes(response)
    return (str(executable), str(answer))
