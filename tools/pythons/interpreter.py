"""An interpreter that was run and found to be what was asked for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import UnavailableError
from .request import Request

_PROBE = Path(__file__).with_name("probe.py")

#: Seconds. A cold start that must compile its standard library takes a few.
_PROBE_TIMEOUT = 60.0


@dataclass(frozen=True)
class Interpreter:
    """A working interpreter: where it is, exactly what it is, and where it came from."""

    path: Path
    version: str
    free_threaded: bool
    origin: str

    def facts(self) -> dict[str, object]:
        """The fields as JSON knows them."""
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Interpreter:
        """The reverse of ``facts``."""
        return cls(**{**facts, "path": Path(facts["path"])})


def verify(path: Path, request: Request, *, origin: str) -> Interpreter:
    """Run the candidate and hold it against the request.

    The interpreter returned is the one behind a virtual environment or a shim, so it stays valid
    when those go.

    Raises:
        UnavailableError: it does not run, is something else, or lacks a module that is needed.
    """
    try:
        # -I: the caller's PYTHON* variables and current folder must not decide the verdict.
        done = subprocess.run(
            [str(path), "-I", str(_PROBE)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT,
        )
    except OSError as error:
        raise UnavailableError(f"{path}: does not start ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{path}: no answer within {_PROBE_TIMEOUT:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise UnavailableError(
            f"{path}: exit status {done.returncode} ({said[-1] if said else ''})"
        )
    try:
        facts = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise UnavailableError(f"{path}: answers with something other than its facts") from None
    _compare(path, facts, request)
    return Interpreter(
        path=Path(facts["executable"]),
        version=facts["version"],
        free_threaded=facts["free_threaded"],
        origin=origin,
    )


def _compare(path: Path, facts: dict[str, object], request: Request) -> None:
    if facts["implementation"] != "CPython":
        raise UnavailableError(f"{path}: is {facts['implementation']}, not CPython")
    if facts["feature"] != request.version:
        raise UnavailableError(f"{path}: is {facts['version']}")
    if facts["free_threaded"] != request.free_threaded:
        kind = "free-threaded" if facts["free_threaded"] else "a build with the GIL"
        raise UnavailableError(f"{path}: is {kind}")
    missing = facts["missing"]
    if missing:
        assert isinstance(missing, list)
        raise UnavailableError(f"{path}: {'; '.join(missing)}")
