"""A PostgreSQL of the distribution's, on a port and in a folder of its own, while a test runs."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from contract.serving import PATIENCE

#: Who may do everything in it.
USER = "tester"

# Seconds, for making the cluster and for what apt-get may take.
_MAKING, _INSTALLING = 30.0, 120.0

# It refuses to be run by root.
_UNPRIVILEGED = "postgres"


@dataclass(frozen=True)
class Postgres:
    """A server that accepts connections."""

    port: int

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"


@contextlib.contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """Start it, and leave nothing of it."""
    owner: dict[str, Any] = {"cwd": "/"}
    if os.getuid() == 0:
        owner |= {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="subsrv-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _UNPRIVILEGED, _UNPRIVILEGED)
        make: list[Path | str] = [programs / "initdb", "--pgdata", folder / "data"]
        make += [f"--username={USER}", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(make, check=True, capture_output=True, timeout=_MAKING, **owner)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with _Process([programs / "postgres", "-D", folder / "data", *words], owner):
            yield Postgres(port)
    finally:
        shutil.rmtree(folder)


class _Process:
    """Ready when entered; ended, and its connections with it, when left."""

    def __init__(self, command: list[Path | str], owner: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **owner
        )
        self._log = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._log += line
                if "ready to accept connections" in line:
                    self._ready.set()

    def __enter__(self) -> None:
        if not self._ready.wait(PATIENCE):
            self.__exit__()
            raise AssertionError(f"PostgreSQL did not get ready\n{self._log}")

    def __exit__(self, *_: object) -> None:
        # Its fast shutdown; SIGTERM's waits for clients.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(PATIENCE)


def find_or_install() -> Path:
    """The folder of its programs; where they cannot be had, skip the module and say why.

    To be called while pytest collects: a test may not take as long as an installation.
    """
    found = _find()
    if found is None and os.environ.get("CI") == "true" and os.getuid() == 0:
        _install()
        found = _find()
    if found is None:
        _skip("initdb is neither on PATH nor in /usr/lib/postgresql/*/bin")
    return found


def _skip(reason: str) -> NoReturn:
    pytest.skip(f"no PostgreSQL: {reason}", allow_module_level=True)


def _find() -> Path | None:
    # Debian has them on no PATH.
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    numbered = sorted(folders, key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0))
    return numbered[-1].parent if numbered else None


def _install() -> None:
    if not shutil.which("apt-get"):
        return
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another leg may be at it.
    patient = ("apt-get", "--quiet", "-o", f"DPkg::Lock::Timeout={_INSTALLING:.0f}")
    for words in (("update",), ("install", "--yes", "--no-install-recommends", "postgresql")):
        done = subprocess.run(
            [*patient, *words], env=env, capture_output=True, text=True, timeout=2 * _INSTALLING
        )
        if done.returncode:
            _skip(f"apt-get {words[0]} failed: {''.join(done.stderr.strip().splitlines()[-1:])}")
