"""Packages of the machine's own distribution, installed for everyone on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import cache
from .command import run
from .errors import UnavailableError

#: Seconds.
_APT_TIMEOUT = 600.0


def install(packages: Sequence[str], *, log: Path) -> None:
    """Install what is missing of the named Debian packages, with the machine's own apt.

    Raises:
        UnavailableError: this is no Debian system, or needs an administrator, or apt failed.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        raise UnavailableError(f"no apt here; needed (Debian's names): {' '.join(packages)}")
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise UnavailableError(f"an administrator must first: apt-get install {' '.join(missing)}")
    cache.say(f"installing the machine's packages {' '.join(missing)}")
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    # Another apt of the machine, such as its daily upgrade, may hold the lock for a while.
    command += ["-o", "DPkg::Lock::Timeout=120"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(command, log=log, timeout=_APT_TIMEOUT, env=quiet)
    except UnavailableError:
        # Lists that are old, or were never fetched (container images come without).
        run(["apt-get", "update"], log=log, timeout=_APT_TIMEOUT)
        run(command, log=log, timeout=_APT_TIMEOUT, env=quiet)


def _installed(package: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout == "installed"
