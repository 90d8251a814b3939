"""What the interpreters that this tool makes itself have in common."""

from __future__ import annotations

import re
from pathlib import Path

from . import cache
from .command import answer, run
from .errors import UnavailableError
from .interpreter import Interpreter, verify
from .request import Request

#: Seconds.
_COMPILE_TIMEOUT = 300.0


def find(request: Request) -> Interpreter:
    """Return what an earlier run made for the request.

    Raises:
        UnavailableError: nothing was, or it no longer works.
    """
    # Not a build from source with the GIL: that is a control for experiments.
    name = f"{'source' if request.free_threaded else 'debian'}-{request}"
    if cache.kept(name) is None:
        raise UnavailableError("none made yet")
    return _get(name, request)


def make(
    name: str, request: Request, build: cache.Build, *, python: str, origin: str
) -> Interpreter:
    """Return the named interpreter of the cache, made first by ``build`` if it is not there.

    Args:
        python: path of its executable below the folder that ``build`` makes.

    Raises:
        UnavailableError: it cannot be built, or what was built does not work.
    """

    def finish(final: Path, log: Path) -> dict[str, str]:
        _compile_library(verify(final / python, request, origin=origin), log=log)
        return {"python": python, "origin": origin}

    cache.ensure(name, build, finish)
    return _get(name, request)


def _get(name: str, request: Request) -> Interpreter:
    facts = cache.kept(name)
    assert facts is not None
    return verify(cache.root() / name / facts["python"], request, origin=facts["origin"])


def _compile_library(interpreter: Interpreter, *, log: Path) -> None:
    # Where PYTHONDONTWRITEBYTECODE is set, as in many container images, nothing else would ever
    # do it, and each start of an interpreter would compile whatever it imports.
    library = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    said = answer([interpreter.path, "-I", "-c", library], log=log, timeout=_COMPILE_TIMEOUT)
    folder = said.strip()
    # CPython's own tests, where they are installed, hold files that are broken on purpose.
    options = ["-q", "-j", "0", "-x", f"{re.escape(folder)}/test/"]
    run(
        [interpreter.path, "-I", "-m", "compileall", *options, folder],
        log=log,
        timeout=_COMPILE_TIMEOUT,
    )
