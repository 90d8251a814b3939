"""Route: an interpreter that uv downloads; and uv itself."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import cache, pip
from .command import answer, run
from .errors import UnavailableError
from .interpreter import Interpreter, verify
from .request import Request

#: The release used where no uv of this version or a newer one is on PATH. An older uv may not
#: know the newest interpreters.
PINNED = "0.13.9"

#: Seconds; a download is about 30 MB.
_DOWNLOAD_TIMEOUT = 300.0

#: Seconds for which a failed download is remembered.
_REMEMBERED = 24 * 3600.0


@functools.cache
def executable() -> Path:
    """Return uv's path, from PATH if new enough, else installed into the cache from PyPI.

    Raises:
        UnavailableError: it cannot be installed.
    """
    installed = shutil.which("uv")
    if installed and _version(installed) >= _numbers(PINNED):
        return Path(installed)
    return pip.program("uv", PINNED)


def download(request: Request) -> Interpreter:
    """Have uv download the interpreter into its own folder.

    Raises:
        UnavailableError: uv is not to be had, knows no such build, or could not download, now or
            within the last day.
    """
    remembered = _failure()
    if remembered is not None:
        raise UnavailableError(f"{remembered} (remembered for a day; --refresh tries again)")
    log = cache.root() / "logs" / f"uv-{request}"
    log.unlink(missing_ok=True)
    known = answer(
        [executable(), "python", "list", "--no-config", "--only-downloads", str(request)],
        log=log,
        timeout=_DOWNLOAD_TIMEOUT,
    )
    if not known.strip():
        raise UnavailableError("uv knows no such build")
    cache.say(f"{request}: asking uv to download it")
    try:
        # No retries: where the host is out of reach they would only delay the next route.
        run(
            [executable(), "python", "install", "--no-bin", str(request)],
            log=log,
            timeout=_DOWNLOAD_TIMEOUT,
            env={"UV_HTTP_RETRIES": "0"},
        )
    except UnavailableError as error:
        cache.write(_failure_file(), str(error))
        raise
    found = answer(
        [executable(), "python", "find", "--managed-python", "--no-project", str(request)],
        log=log,
        timeout=_DOWNLOAD_TIMEOUT,
    )
    python = Path(found.strip())
    # Through the link that uv moves at each upgrade: what was verified is what stays in use.
    return verify(python.parent.resolve() / python.name, request, origin="uv")


def forget() -> None:
    """Let the next request try to download again."""
    _failure_file().unlink(missing_ok=True)


def _failure() -> str | None:
    try:
        age = time.time() - _failure_file().stat().st_mtime
        return _failure_file().read_text() if age < _REMEMBERED else None
    except FileNotFoundError:
        return None


def _failure_file() -> Path:
    return cache.root() / "uv-cannot-download"


def _version(program: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()  # a shim of a version manager, or something else that is not uv
    found = re.match(r"uv ([0-9.]+)", done.stdout)
    return _numbers(found[1]) if found else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
