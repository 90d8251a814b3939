"""The interpreters under test: which there are, and exactly what each one is."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from experiments.harness.paths import REPOSITORY

_GIL = "3.14"
_FREE_THREADED = "t"  # the newest free-threaded build that can be had

_PROBE_TIMEOUT = 60.0  # seconds
_MAKE_TIMEOUT = 900.0  # seconds: the free-threaded build may have to be compiled

_WHERE = "import sys; print(sys.executable)"

_PROBE = """
import json, platform, sys, sysconfig
from importlib import metadata

def installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

packages = ("flask", "django", "starlette", "interpreters-pep-734")
options = (sysconfig.get_config_var("CONFIG_ARGS") or "").replace("'", "").split()
jit = getattr(sys, "_jit", None)
print(json.dumps({
    "version": platform.python_version(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "compiler": platform.python_compiler(),
    "build": " ".join(platform.python_build()),
    "configure": [o for o in options if o.startswith("--") and "/" not in o],
    "jit": bool(jit and jit.is_enabled()),
    "switch_interval": sys.getswitchinterval(),
    "packages": {name: version for name in packages if (version := installed(name))},
}))
"""


class InterpreterError(Exception):
    """An interpreter that is needed cannot be had, or does not run."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter: how to run it, and the facts about its build that go into results."""

    path: str
    facts: dict[str, Any]

    @property
    def free_threaded(self) -> bool:
        """Whether it is a build that can run without the GIL."""
        return bool(self.facts["free_threaded"])

    @property
    def name(self) -> str:
        """Its exact version, with a "t" where it is free-threaded: 3.14.10, 3.13.5t."""
        return f"{self.facts['version']}{'t' if self.free_threaded else ''}"


def probe(path: str) -> Interpreter:
    """Ask an interpreter what it is. InterpreterError where it does not run."""
    try:
        done = subprocess.run(
            (path, "-I", "-c", _PROBE),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InterpreterError(f"{path} does not run: {error}") from error
    if done.returncode != 0:
        raise InterpreterError(f"{path} does not run: {done.stderr.strip()}")
    return Interpreter(path, json.loads(done.stdout))


@dataclass(slots=True)
class Interpreters:
    """Finds interpreters by leg ("3.14", "3.13t", "t"): those given, then the repository's own."""

    given: dict[str, str] = field(default_factory=dict)
    _chosen: dict[bool, Interpreter] = field(default_factory=dict)

    @classmethod
    def parse(cls, options: Iterable[str]) -> "Interpreters":
        """Read `--python` options, LEG=PATH or PATH alone, whose leg is then asked of it."""
        given = {}
        for option in options:
            leg, separator, path = option.partition("=")
            if not separator:
                path, found = option, probe(option)
                leg = ".".join(found.facts["version"].split(".")[:2])
                leg += "t" if found.free_threaded else ""
            given[leg] = path
        return cls(given)

    def choose(self, *, free_threaded: bool) -> Interpreter:
        """The interpreter of this kind to measure: the one given, the one running this, or another.

        InterpreterError where none can be had.
        """
        if free_threaded not in self._chosen:
            paths = [path for leg, path in self.given.items() if leg.endswith("t") == free_threaded]
            if not paths and free_threaded == bool(sysconfig.get_config_var("Py_GIL_DISABLED")):
                paths = [sys.executable]
            found = probe(paths[0] if paths else _find(_FREE_THREADED if free_threaded else _GIL))
            if found.free_threaded != free_threaded:
                raise InterpreterError(f"{found.path} is {found.name}, not what its leg says")
            self._chosen[free_threaded] = found
        return self._chosen[free_threaded]

    def for_mode(self, mode: str) -> Interpreter:
        """The interpreter on which a mode is at home. InterpreterError where it cannot be had."""
        return self.choose(free_threaded=mode == "nogil")

    def facts(self, modes: Iterable[str]) -> dict[str, Any]:
        """What the interpreters are that these modes ran on, for those that were had."""
        kinds = {mode: mode == "nogil" for mode in modes}
        return {
            mode: {"name": self._chosen[kind].name, **self._chosen[kind].facts}
            for mode, kind in kinds.items()
            if kind in self._chosen
        }


def _find(leg: str) -> str:
    """Path of a leg's development environment, made now if need be: it has the frameworks, too."""
    try:
        done = subprocess.run(
            (sys.executable, "-m", "tools.run", "--dev", leg, "-c", _WHERE),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MAKE_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(f"no interpreter for {leg}: making it took too long") from error
    if done.returncode != 0:
        raise InterpreterError(f"no interpreter for {leg}: {done.stderr.strip()}")
    return done.stdout.strip()
