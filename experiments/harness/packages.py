"""Environments with the frameworks that the experiments serve, made with uv where missing."""

import importlib.util
import shutil
import subprocess
import sys

from experiments.harness.interpreters import Interpreter, InterpreterError
from experiments.harness.paths import EXPERIMENTS, REPOSITORY

_REQUIREMENTS = EXPERIMENTS / "requirements.txt"
_TIMEOUT = 300.0  # seconds for each of uv's steps


def pinned() -> list[str]:
    """The requirements, as they are pinned."""
    lines = _REQUIREMENTS.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def with_packages(interpreter: Interpreter) -> Interpreter:
    """The same interpreter in an environment that has the pinned packages.

    It is kept under .venvs and made anew when the requirements or the interpreter change.
    InterpreterError where it cannot be made.
    """
    folder = REPOSITORY / ".venvs" / f"experiments-{interpreter.name}"
    stamp = folder / "made-from.txt"
    wanted = f"{interpreter.path}\n{_REQUIREMENTS.read_text()}"
    python = str(folder / "bin" / "python")
    if not stamp.exists() or stamp.read_text() != wanted:
        _uv("venv", "--quiet", "--clear", "--python", interpreter.path, str(folder))
        _uv("pip", "install", "--quiet", "--python", python, "-r", str(_REQUIREMENTS))
        stamp.write_text(wanted)
    return Interpreter(python, interpreter.facts)


def _uv(*arguments: str) -> None:
    if found := shutil.which("uv"):
        uv: tuple[str, ...] = (found,)
    elif importlib.util.find_spec("uv"):
        uv = (sys.executable, "-m", "uv")
    else:
        raise InterpreterError("uv is not installed: python3 -m pip install uv")
    try:
        done = subprocess.run((*uv, *arguments), capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(f"uv {arguments[0]} took too long") from error
    if done.returncode != 0:
        raise InterpreterError(f"uv {arguments[0]}: {done.stderr.strip()}")
