"""A server for each framework and kind of worker, with a database of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from contract.modes import POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import APP_DIR, Server

# What each leg is there for. Processes, and threads in one worker, on one leg for the time it
# takes: they are as Python is without subsrv. How a process starts makes no difference.
EVERYWHERE = ("interp", "nogil")
KINDS = [mode for mode in POSSIBLE if mode.name in (*EVERYWHERE, "spawn", "thread")]


def modes(*without: str) -> list[object]:
    """Parameters for `mode`: these kinds of worker, as far as each leg has them.

    What does not run in interpreters runs in processes on every leg, so that each runs it.
    """
    everywhere = (*EVERYWHERE, "spawn") if "interp" in without else EVERYWHERE
    return [
        pytest.param(
            mode, id=mode.name, marks=() if mode.name in everywhere else (pytest.mark.once,)
        )
        for mode in KINDS
        if mode.name not in without
    ]


@pytest.fixture(scope="session", params=modes())
def mode(request: pytest.FixtureRequest) -> Mode:
    """A kind of worker."""
    found: Mode = request.param
    return found


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Django's tables and a user."""
    path = tmp_path_factory.mktemp("prepared") / "notes"
    code = "from frameworks.apps.site import project; project.prepare()"
    env = {**os.environ, "NOTES": str(path), "PYTHONPATH": str(APP_DIR)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
    return path


@pytest.fixture(scope="class")
def server(
    mode: Mode, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The application of the class; in two workers, or in one thread."""
    path = tmp_path_factory.mktemp("database") / "notes"
    if "site" in request.cls.APP[0]:
        shutil.copy(request.getfixturevalue("prepared"), path)
    workers = "1" if mode.name == "thread" else "2"
    flags = (*request.cls.APP, *mode.flags, "--workers", workers)
    with Server(*flags, env={"NOTES": str(path)}) as server:
        yield server
        if mode.name in request.cls.LEAVES:
            server.expect(request.cls.LEAVES[mode.name])


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client that keeps connections and cookies."""
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def probe() -> Iterator[Probe]:
    """Where the application under test calls in."""
    with Probe() as probe:
        yield probe
