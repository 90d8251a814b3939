"""The interpreters under test: which there are, and exactly what each one is."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.harness.paths import REPOSITORY, scrub

#: A build with a GIL: the one that runs the study, else 3.14.
GIL = "gil"
#: The free-threaded build that runs the study, else the newest that can be had.
FREE_THREADED = "t"
#: After a version or "t": with a GIL, built as a free-threaded build of that version is where it
#: is built from source, from the same source with the same flags.
FROM_SOURCE = "-source"

_DEFAULT_GIL = "3.14"

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

packages = ("flask", "django", "starlette", "interpreters-pep-734", "pyperf")
options = (sysconfig.get_config_var("CONFIG_ARGS") or "").replace("'", "").split()
jit = getattr(sys, "_jit", None)
print(json.dumps({
    "version": platform.python_version(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "compiler": platform.python_compiler(),
    "configure": [o for o in options if o.startswith("--") and "/" not in o],
    "jit": bool(jit and jit.is_enabled()),
    "jit_available": bool(jit and jit.is_available()),
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

    @property
    def build(self) -> str:
        """A short name for exactly this build with these packages."""
        digest = hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()
        return f"{self.name}/{digest[:6]}"

    @property
    def metadata(self) -> dict[str, str | int | float]:
        """What of it goes into each run's metadata; the rest stands once, under `build`."""
        return {
            "python_implementation": "cpython",
            "python_version": self.name,
            "python_build": self.build,
            "jit": "on" if self.facts["jit"] else "off",
        }


def probe(path: str, env: Mapping[str, str] | None = None) -> Interpreter:
    """Ask an interpreter what it is. InterpreterError where it does not run."""
    try:
        done = subprocess.run(
            # Not -I, which would not heed PYTHON_JIT.
            (path, "-c", _PROBE),
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InterpreterError(scrub(f"{path} does not run: {error}")) from error
    if done.returncode != 0:
        raise InterpreterError(scrub(f"{path} does not run: {done.stderr.strip()}"))
    return Interpreter(path, json.loads(done.stdout))


@dataclass(slots=True)
class Interpreters:
    """Finds interpreters by leg: those given, then the one that runs this, then the repository's.

    A leg is GIL, FREE_THREADED, a version such as "3.13" or "3.13t", "3.13-source", or "t-source",
    which is of the version of the free-threaded build.
    """

    given: dict[str, str] = field(default_factory=dict)
    _found: dict[tuple[str, tuple[tuple[str, str], ...]], Interpreter | InterpreterError] = field(
        default_factory=dict
    )

    @classmethod
    def parse(cls, options: Iterable[str]) -> "Interpreters":
        """Read `--python` options, LEG=PATH or PATH alone, whose leg is then asked of it."""
        given = {}
        for option in options:
            leg, separator, path = option.partition("=")
            if not separator:
                path = option
                leg = _leg(probe(option))
            given[leg] = path
        return cls(given)

    def get(self, leg: str, env: Mapping[str, str] | None = None) -> Interpreter:
        """The interpreter of a leg, as it is under these variables. InterpreterError if none."""
        key = (leg, tuple(sorted((env or {}).items())))
        if key not in self._found:
            try:
                self._found[key] = self._find(leg, env)
            except InterpreterError as error:
                # Kept too: making one may take minutes, and would fail again.
                self._found[key] = error
        found = self._found[key]
        if isinstance(found, InterpreterError):
            raise found
        return found

    def builds(self) -> dict[str, dict[str, Any]]:
        """All that is known of each build that was found so far."""
        found = (each for each in self._found.values() if isinstance(each, Interpreter))
        return {each.build: each.facts for each in found}

    def _find(self, leg: str, env: Mapping[str, str] | None) -> Interpreter:
        found = probe(self._path(leg), env)
        wanted = self._version(leg)
        fits = {GIL: not found.free_threaded, FREE_THREADED: found.free_threaded}
        if not fits.get(wanted, wanted == _leg(found)):
            raise InterpreterError(scrub(f"{found.path} is {found.name}, not what its leg says"))
        return found

    def _version(self, leg: str) -> str:
        """What a leg that is built from source is of; every other leg as it is."""
        wanted = leg.removesuffix(FROM_SOURCE)
        if wanted == FREE_THREADED and wanted != leg:
            wanted = _leg(self.get(FREE_THREADED)).removesuffix("t")
        return wanted

    def _path(self, leg: str) -> str:
        if leg in self.given:
            return self.given[leg]
        if leg.endswith(FROM_SOURCE):
            return _run("tools.pythons", self._version(leg), "--from", "source")
        running_is_free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
        if leg in (GIL, FREE_THREADED):
            free = leg == FREE_THREADED
            paths = [path for name, path in self.given.items() if name.endswith("t") == free]
            if paths or free == running_is_free:
                return (*paths, sys.executable)[0]
        leg = _DEFAULT_GIL if leg == GIL else leg
        return _run("tools.run", "--dev", leg, "-c", _WHERE)


def _leg(interpreter: Interpreter) -> str:
    """The leg of an interpreter, by its version: "3.14", "3.13t"."""
    version = ".".join(interpreter.facts["version"].split(".")[:2])
    return f"{version}{'t' if interpreter.free_threaded else ''}"


def _run(tool: str, *words: str) -> str:
    """The path that a tool of the repository prints, having made what is there if need be."""
    try:
        done = subprocess.run(
            (sys.executable, "-m", tool, *words),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MAKE_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(f"{' '.join(words)}: making it took too long") from error
    if done.returncode != 0:
        raise InterpreterError(scrub(f"{' '.join(words)}: {done.stderr.strip()}"))
    return done.stdout.strip()
