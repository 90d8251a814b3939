"""The environments in ``.venvs``: for each interpreter one for serving and one for development.

An environment sees the checkout by a path file, which takes no build; ``subsrv`` is what is in
the working tree at any moment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.pythons import cache, find, request, uv
from tools.pythons.command import answer, run
from tools.pythons.interpreter import Interpreter

ROOT = Path(__file__).resolve().parents[1]

#: Where ruff and mypy run.
LINT_LEG = "3.14"

_CONSTRAINTS = "requirements/constraints-dev.txt"

#: What decides the content of an environment; it is renewed when one of them changes.
_SOURCES = ("pyproject.toml", _CONSTRAINTS, "tools/environment.py")

#: Seconds, for installing a few tens of packages.
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the interpreter it was made from."""

    folder: Path
    interpreter: Interpreter

    @property
    def python(self) -> Path:
        """The environment's own interpreter."""
        return self.folder / "bin" / "python"


def ensure(leg: str, *, dev: bool) -> Environment:
    """Return the environment for an interpreter request, made or renewed where that is due.

    One that is complete costs a file's reading: no interpreter is looked for.

    Raises:
        UnavailableError: the interpreter or a package cannot be had.
        ValueError: the leg is no interpreter request.
    """
    requests = request.parse(leg)
    complete = _complete(_folder(leg, dev=dev))
    if complete is not None:
        return complete
    interpreter, passed_over = find.find(requests)
    for line in passed_over:
        cache.say(line)
    return make(leg, interpreter, dev=dev)


def make(leg: str, interpreter: Interpreter, *, dev: bool) -> Environment:
    """Return the leg's environment, on exactly this interpreter.

    With ``dev`` it holds the pinned development dependencies, otherwise the runtime's and
    whatever its user installed into it.

    Raises:
        UnavailableError: a package cannot be had.
    """
    folder = _folder(leg, dev=dev)
    with cache.lock(folder.with_name(f"{folder.name}.lock")):
        complete = _complete(folder)
        if complete is not None and complete.interpreter == interpreter:
            return complete
        cache.say(f"{folder.name}: making the environment")
        environment = Environment(folder, interpreter)
        _fill(environment, leg, dev=dev)
        facts = {"digest": _digest(), **interpreter.facts()}
        cache.write(_mark(folder), json.dumps(facts, indent=1))
    return environment


def install(environment: Environment, packages: Sequence[str]) -> None:
    """Add packages to an environment.

    Raises:
        UnavailableError: one cannot be installed.
    """
    _uv(environment.folder, "pip", "install", "--python", environment.python, *packages)


def _fill(environment: Environment, leg: str, *, dev: bool) -> None:
    folder = environment.folder
    _mark(folder).unlink(missing_ok=True)
    _log(folder).unlink(missing_ok=True)
    # A development environment is made anew, so that it holds what is pinned and nothing else;
    # one for serving keeps what its user installed.
    existing = "--clear" if dev else "--allow-existing"
    interpreter = environment.interpreter.path
    _uv(folder, "venv", "--no-project", "--python", interpreter, existing, folder)
    # Compiled now: where PYTHONDONTWRITEBYTECODE is set it would never be, see pythons/made.py.
    wanted = ["--compile-bytecode", "--requirements", "pyproject.toml"]
    if dev:
        wanted += ["--constraints", _CONSTRAINTS, "--group", "dev"]
    if dev and leg == LINT_LEG:
        wanted += ["--group", "lint"]
    install(environment, wanted)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = answer([environment.python, "-I", "-c", code], log=_log(folder), timeout=_TIMEOUT)
    Path(packages.strip(), "checkout.pth").write_text(f"{ROOT}\n")


def _folder(leg: str, *, dev: bool) -> Path:
    return ROOT / ".venvs" / (f"{leg}-dev" if dev else leg)


def _mark(folder: Path) -> Path:
    return folder / "complete.json"


def _complete(folder: Path) -> Environment | None:
    try:
        facts = json.loads(_mark(folder).read_text())
    except FileNotFoundError:
        return None
    if facts.pop("digest") != _digest():
        return None
    environment = Environment(folder, Interpreter.from_facts(facts))
    # A link to the interpreter, which may have been removed since.
    return environment if environment.python.exists() else None


def _digest() -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for name in _SOURCES:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _uv(folder: Path, *words: str | Path) -> None:
    run([uv.executable(), *words], log=_log(folder), timeout=_TIMEOUT, cwd=ROOT)


def _log(folder: Path) -> Path:
    # One for each environment: several are made at once, in this checkout and in others.
    return folder.with_name(f"{folder.name}.log")
