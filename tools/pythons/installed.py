"""Route: an interpreter that is installed already."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import UnavailableError
from .interpreter import Interpreter, verify
from .request import Request


def find(request: Request) -> Interpreter:
    """Return the first installed interpreter that fits: PATH, then pyenv's, then uv's.

    Raises:
        UnavailableError: none fits; the text names each that was run.
    """
    reasons = []
    for path, origin in _candidates(request):
        if not path.exists():
            continue
        try:
            return verify(path, request, origin=origin)
        except UnavailableError as error:
            reasons.append(str(error))
    raise UnavailableError("; ".join(reasons) or "none on PATH, in pyenv's or in uv's folder")


def _candidates(request: Request) -> Iterator[tuple[Path, str]]:
    for name in dict.fromkeys((f"python{request}", f"python{request.version}", "python3")):
        found = shutil.which(name)
        if found:
            yield Path(found), "PATH"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for folder in _newest_first(pyenv.glob(f"{request.version}*")):
        yield folder / "bin" / f"python{request}", "pyenv"
    for folder in _newest_first(_uv_folder().glob(f"cpython-{request.version}*")):
        yield folder / "bin" / f"python{request}", "uv"


def _uv_folder() -> Path:
    configured = os.environ.get("UV_PYTHON_INSTALL_DIR")
    if configured:
        return Path(configured)
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "uv" / "python"


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    def patch(folder: Path) -> int:
        found = re.search(r"[0-9]\.[0-9]+\.([0-9]+)", folder.name)
        return int(found[1]) if found else -1

    return sorted(folders, key=patch, reverse=True)
