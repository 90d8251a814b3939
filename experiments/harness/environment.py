"""Where a measurement was taken: the machine, the code and the client."""

import datetime
import os
import platform
import subprocess

from experiments.harness.cpus import Split
from experiments.harness.paths import REPOSITORY
from subsrv.bench.machine import cpu_model

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


def commit() -> str:
    """The commit measured, with "+changes" where files differ.

    For a copy on another machine EXPERIMENTS_COMMIT says it; "unknown" where nothing does.
    """
    if told := os.environ.get("EXPERIMENTS_COMMIT"):
        return told
    name = _git("rev-parse", "--short=10", "HEAD")
    if name is None:
        return "unknown"
    changed = _git("status", "--porcelain", "--", "subsrv", "experiments")
    return f"{name}+changes" if changed else name


def describe(split: Split) -> dict[str, str | int | float]:
    """The metadata that all runs of a study share, under pyperf's names where it has one."""
    return {
        "begun": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "subsrv_commit": commit(),
        "hostname": platform.node(),
        "platform": platform.platform(),
        "kernel": platform.release(),
        "cpu_model_name": cpu_model(),
        "cpu_count": os.cpu_count() or 1,
        **split.metadata(),
    }
