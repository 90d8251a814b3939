"""Route: CPython built from the source that Debian ships, with or without the GIL.

What is built is CPython's own release, without Debian's patches: those rearrange where packages
are installed, which a build in a folder of its own has no use for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
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

#: How long it takes, without and with PGO, which runs the test suite in between.
_DURATION = {False: "three minutes", True: "half an hour"}

#: Seconds for each step.
_TIMEOUT = 2 * 3600.0


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
    options = ["--without-ensurepip"]
    options += ["--disable-gil"] if request.free_threaded else []
    # The profile is taken from CPython's tests, which without their modules fail on 3.13t.
    options += ["--enable-optimizations", "--with-lto"] if pgo else ["--disable-test-modules"]

    def build(work: Path, final: Path) -> Path:
        log = work / "log"
        machine.install(_BUILD_PACKAGES, log=log)
        source = work / "source"
        interrupted = source.exists()
        if not interrupted:
            _fetch(request, suite, work, log=log)
        cache.say(f"{request}: building it, {_DURATION[pgo]} on two cores; progress in {log}")
        try:
            _compile(source, [*options, f"--prefix={final}"], log=log)
        except UnavailableError:
            if not interrupted:
                raise
            # Perhaps what was interrupted left half an object file, which make takes for whole.
            cache.say(f"{request}: what was interrupted cannot be continued; building it anew")
            shutil.rmtree(source)
            _fetch(request, suite, work, log=log)
            _compile(source, [*options, f"--prefix={final}"], log=log)
        root = work / "root"
        shutil.rmtree(root, ignore_errors=True)
        run(["make", "-s", "install", f"DESTDIR={root}"], log=log, timeout=_TIMEOUT, cwd=source)
        return root / final.relative_to("/")

    return made.make(
        f"source-{request}{'-pgo' if pgo else ''}",
        request,
        build,
        python=f"bin/python{request}",
        origin=f"built from the source in Debian {suite}{', with PGO' if pgo else ''}",
    )


def _fetch(request: Request, suite: str, work: Path, *, log: Path) -> None:
    """Unpack the source into the folder ``source`` of the working folder."""
    cache.say(f"{request}: fetching its source from Debian {suite}")
    files = Apt(work / "apt", suite, log).download_source(f"python{request.version}")
    (archive,) = files.glob("*.orig.tar.?z")  # its signature lies beside it
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    command = ["tar", "-x", "--strip-components=1", "-C", str(unpacked), "-f", str(archive)]
    run(command, log=log, timeout=_TIMEOUT)
    unpacked.rename(work / "source")


def _compile(source: Path, options: Sequence[str], *, log: Path) -> None:
    """Configure and make, from where an interrupted run stopped."""
    configured = source / "configured"
    if not configured.exists():
        run(["./configure", "--quiet", *options], log=log, timeout=_TIMEOUT, cwd=source)
        configured.touch()
    processors = len(os.sched_getaffinity(0))
    run(["make", "-s", f"-j{processors}"], log=log, timeout=_TIMEOUT, cwd=source)
