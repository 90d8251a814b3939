"""Programs from PyPI, each pinned and in a cache folder of its own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from . import cache
from .command import run

#: Seconds.
_INSTALL_TIMEOUT = 180.0


def program(name: str, version: str) -> Path:
    """Return the path of the program that the package of the same name brings.

    Raises:
        UnavailableError: pip is missing or cannot install it.
    """

    def build(work: Path, final: Path) -> Path:
        cache.say(f"{name} {version}: installing from PyPI")
        target = work / "target"
        shutil.rmtree(target, ignore_errors=True)
        # --target leaves the Python that runs this as it is, and is allowed where that Python is
        # managed by a distribution (PEP 668).
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        options += ["--target", str(target), f"{name}=={version}"]
        run(
            [sys.executable, "-m", "pip", "install", *options],
            log=work / "log",
            timeout=_INSTALL_TIMEOUT,
        )
        return target

    folder = cache.ensure(f"{name}-{version}", build, lambda final, log: {})
    return folder / "bin" / name
