"""The peers' own Python environment, beside those of the repository, one for each interpreter.

A package that an interpreter cannot have does not spoil the others: each peer's packages are
installed by themselves, and why that failed is kept.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.harness.paths import REPOSITORY, scrub
from experiments.peers.peer import MissingPeerError
from tools.pythons import cache, find, request, uv
from tools.pythons.command import run
from tools.pythons.errors import UnavailableError

CONSTRAINTS = REPOSITORY / "requirements" / "constraints-peers.txt"

# What decides the content of an environment; it is renewed when one of them changes.
_SOURCES = (CONSTRAINTS, Path(__file__), REPOSITORY / "pyproject.toml")

# What is served, beside those that serve. Applications of their own may miss one and be reported.
_APPLICATIONS = (("flask",), ("django",), ("starlette",))

_TIMEOUT = 300.0  # seconds, for a few tens of packages
_QUERY_TIMEOUT = 60.0
_VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name.lower().replace("_", "-"): d.version for d in distributions()}))
"""
_WHERE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@dataclass(frozen=True, slots=True)
class PeersPython:
    """The environment: its interpreter, the versions in it, and what could not be installed."""

    path: str
    versions: dict[str, str]
    #: Reasons by the packages asked for together, joined by spaces.
    missing: dict[str, str]

    def need(self, packages: tuple[str, ...]) -> None:
        """MissingPeerError, with the installer's words, unless all the packages are there."""
        reason = self.missing.get(" ".join(packages))
        if reason is not None:
            raise MissingPeerError(reason)


def ensure(leg: str, wanted: Iterable[tuple[str, ...]]) -> PeersPython:
    """The environment of a leg ("3.14", "t"), with the packages of each peer that it can have.

    MissingPeerError where there is no such interpreter, or no environment can be made.
    """
    sets = sorted({*wanted, *_APPLICATIONS})
    folder = REPOSITORY / ".venvs" / f"{leg}-peers"
    mark = folder / "complete.json"
    try:
        with cache.lock(folder.with_name(f"{folder.name}.lock")):
            interpreter, _ = find.find(request.parse(leg))
            digest = _digest(sets, interpreter.facts())
            if mark.exists() and (facts := json.loads(mark.read_text())).pop("digest") == digest:
                return PeersPython(**facts)
            shutil.rmtree(folder, ignore_errors=True)
            made = _make(folder, interpreter.path, sets)
            cache.write(mark, json.dumps({"digest": digest, **asdict(made)}, indent=1))
    except (UnavailableError, ValueError) as error:
        raise MissingPeerError(f"no environment for the peers: {scrub(str(error))}") from error
    return made


def _make(folder: Path, base: Path, sets: list[tuple[str, ...]]) -> PeersPython:
    cache.say(f"{folder.name}: making the environment")
    python = folder / "bin" / "python"
    _uv("venv", "--no-project", "--python", base, folder)
    # For subsrv itself, which is measured on the same interpreter as the others.
    _uv("pip", "install", "--python", python, "--requirements", "pyproject.toml")
    missing = {}
    options = ("--compile-bytecode", "--only-binary", ":all:", "--constraints", CONSTRAINTS)
    for packages in sets:
        try:
            _uv("pip", "install", "--python", python, *options, *packages)
        except UnavailableError as error:
            missing[" ".join(packages)] = scrub(str(error))
    Path(_ask(python, _WHERE).strip(), "checkout.pth").write_text(f"{REPOSITORY}\n")
    return PeersPython(str(python), json.loads(_ask(python, _VERSIONS)), missing)


def _ask(python: Path, code: str) -> str:
    done = subprocess.run(
        (python, "-I", "-c", code),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_QUERY_TIMEOUT,
        check=True,
    )
    return done.stdout


def _digest(sets: list[tuple[str, ...]], facts: dict[str, object]) -> str:
    digest = hashlib.sha256(json.dumps([str(REPOSITORY), sets, facts]).encode())
    for path in _SOURCES:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _uv(*words: str | Path) -> None:
    log = cache.root() / "logs" / "peers"
    run([uv.executable(), *words], log=log, timeout=_TIMEOUT, cwd=REPOSITORY)
