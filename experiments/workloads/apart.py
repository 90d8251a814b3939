"""Clients of our own that are modules, run as programs: as the loads that they put on share it."""

import json
import platform
import subprocess
import sys
from typing import Any

from experiments.harness.paths import REPOSITORY
from subsrv.bench.load import LoadError
from subsrv.bench.machine import pinned

_GRACE = 20.0  # seconds beyond the asked duration


def name(module: str) -> str:
    """The client is of this commit; its Python is that of the study."""
    return f"{module} on CPython {platform.python_version()}"


def report(
    module: str, *words: object, seconds: int, cpus: frozenset[int] | None
) -> dict[str, Any]:
    """What the client says, which is JSON, when it has run. LoadError if it says nothing."""
    with pinned(cpus):
        done = subprocess.run(
            (sys.executable, "-m", module, *map(str, words)),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=seconds + _GRACE,
        )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise LoadError(f"the client ended with status {done.returncode}: {last}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
