"""Servers that the experiments compare with, from Debian's packages in a folder of the cache.

``python3 -m tools.programs nginx`` prints the path of the program, and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.pythons import cache, debian
from tools.pythons.errors import UnavailableError

_SUITE = "sid"


@dataclass(frozen=True)
class Program:
    """A program as Debian packages it.

    Attributes:
        path: where the package has it.
        others: what it starts, also to be made to run from the cache.
        installed: whether one on PATH will do; the newest release matters where it is not.
    """

    package: str
    path: str
    others: tuple[str, ...] = ()
    installed: bool = False


_DART = "usr/lib/dart/bin"

PROGRAMS = {
    # Whatever release: what it does here has been the same for years.
    "nginx": Program("nginx", "usr/sbin/nginx", installed=True),
    "dart": Program(
        "dart-sdk",
        f"{_DART}/dart",
        (f"{_DART}/dartvm", f"{_DART}/dartaotruntime", f"{_DART}/utils/gen_snapshot"),
    ),
}


def ensure(name: str) -> Path:
    """Return the path of one of PROGRAMS, unpacked into the cache first where that is due.

    Raises:
        UnavailableError: this machine cannot get it.
    """
    program = PROGRAMS[name]
    found = shutil.which(name) if program.installed else None
    if found:
        return Path(found)

    def build(work: Path, final: Path) -> Path:
        cache.say(f"{name}: unpacking it from the packages of Debian {_SUITE}")
        prefix = debian.unpack([program.package], suite=_SUITE, work=work)
        programs = [program.path, *program.others]
        debian.relocate(prefix, final, programs, log=work / "log")
        return prefix

    return cache.ensure(f"program-{name}", build, lambda final, log: {}) / program.path


def main(argv: Sequence[str] | None = None) -> int:
    """Print where a program is; exit status 1 when it cannot be had."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.programs", description=__doc__)
    parser.add_argument("name", choices=sorted(PROGRAMS))
    try:
        print(ensure(parser.parse_args(argv).name))
    except UnavailableError as error:
        cache.say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
