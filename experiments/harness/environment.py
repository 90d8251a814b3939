"""Where a measurement was taken: the machine, the code and the client."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from experiments.harness import wrk
from experiments.harness.paths import REPOSITORY

_GIT_TIMEOUT = 30.0  # seconds


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ("git", *arguments),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def commit() -> str | None:
    """The commit of the code measured, with "+changes" where files differ; None outside git."""
    name = _git("rev-parse", "--short=10", "HEAD")
    if name is None:
        return None
    changed = _git("status", "--porcelain", "--", "subsrv", "experiments")
    return f"{name}+changes" if changed else name


def _cpu_model() -> str:
    match = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return match[1] if match else platform.machine()


def describe() -> dict[str, Any]:
    """The metadata of a results file, load average at this moment included."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "host": platform.node(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu_model": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "client": wrk.version(),
    }
