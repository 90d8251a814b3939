"""Route: CPython built from the source that Debian ships, with or without the GIL.

What is built is CPython's own release, without Debian's patches: those rearrange where packages
are installed, which a build in a folder of its own has no use for.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import cache, machine, made
from .apt import Apt
from .command import run
from .errors import UnavailableError
from .interpreter import Interpreter
from .request import Request

#: The suite whose source package is built, for each version that Debian's archive has the
#: source of.
_SUITES = {"3.13": "trixie"}

# libzstd is of no use before 3.14.
_BUILD_PACKAGES = [
    "build-essential",
    "pkg-config",
    "libbz2-dev",
    "libffi-dev",
    "liblzma-dev",
    "libncurses-dev",
    "libreadline-dev",
    "libsqlite3-dev",
    "libssl-dev",
    "libzstd-dev",
    "uuid-dev",
    "zlib1g-dev",
]

#: Seconds. Three minutes on two cores without PGO; PGO runs the test suite in between.
_BUILD_TIMEOUT = 2 * 3600.0


def build_free_threaded(request: Request) -> Interpreter:
    """Build the interpreter if it is a free-threaded one: the others come ready-made.

    Raises:
        UnavailableError: as ``make``, and for a build with the GIL.
    """
    if not request.free_threaded:
        raise UnavailableError("builds with the GIL are made from source only with --from source")
    return make(request)


def make(request: Request, *, pgo: bool = False) -> Interpreter:
    """Build the interpreter, unless the cache has it, with equal flags but for the GIL.

    Args:
        pgo: with profile-guided and link-time optimisation, as published figures need it.

    Raises:
        UnavailableError: the source or what building needs cannot be had, or the build failed.
    """
    suite = _SUITES.get(request.version)
    if suite is None:
        raise UnavailableError(f"source known only of {', '.join(_SUITES)}")
    options = ["--without-ensurepip", "--disable-test-modules"]
    options += ["--disable-gil"] if request.free_threaded else []
    options += ["--enable-optimizations", "--with-lto"] if pgo else []

    def build(work: Path, final: Path) -> Path:
        log = work / "log"
        machine.install(_BUILD_PACKAGES, log=log)
        source = work / "source"
        if not source.exists():
            _fetch(request, suite, work, source, log=log)
        minutes = "half an hour" if pgo else "a few minutes"
        cache.say(f"{request}: building it from source, {minutes}; progress in {log}")
        if not (source / "Makefile").exists():
            command = ["./configure", "--quiet", f"--prefix={final}", *options]
            run(command, log=log, timeout=_BUILD_TIMEOUT, cwd=source)
        processors = str(len(os.sched_getaffinity(0)))
        run(["make", "-s", "-j", processors], log=log, timeout=_BUILD_TIMEOUT, cwd=source)
        root = work / "root"
        shutil.rmtree(root, ignore_errors=True)
        command = ["make", "-s", "install", f"DESTDIR={root}"]
        run(command, log=log, timeout=_BUILD_TIMEOUT, cwd=source)
        return root / final.relative_to("/")

    return made.make(
        f"source-{request}{'-pgo' if pgo else ''}",
        request,
        build,
        python=f"bin/python{request}",
        origin=f"built from the source in Debian {suite}{', with PGO' if pgo else ''}",
    )


def _fetch(request: Request, suite: str, work: Path, source: Path, *, log: Path) -> None:
    cache.say(f"{request}: fetching the source from Debian {suite}")
    files = Apt(work / "apt", suite, log).download_source(f"python{request.version}")
    (archive,) = files.glob("*.orig.tar.?z")  # its signature lies beside it
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    command = ["tar", "-x", "--strip-components=1", "-C", str(unpacked), "-f", str(archive)]
    run(command, log=log, timeout=_BUILD_TIMEOUT)
    unpacked.rename(source)
