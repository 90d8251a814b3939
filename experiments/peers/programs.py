"""The peers that are no Python packages: their programs, and what is made for them."""

import hashlib
import subprocess
from pathlib import Path

from experiments.harness import floor
from experiments.harness.paths import EXPERIMENTS, REPOSITORY, scrub
from experiments.peers.peer import MissingPeerError
from tools import programs
from tools.pythons.errors import UnavailableError

_TIMEOUT = 120.0  # seconds
_DART_SOURCE = EXPERIMENTS / "peers" / "server.dart"
_BUILD = REPOSITORY / "build" / "peers"

_NGINX = """\
daemon off;
worker_processes {workers};
error_log stderr warn;
pid {folder}/nginx.pid;
events {{
    worker_connections 8192;
}}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048 reuseport;
        location / {{
            default_type text/plain;
            return 200 "Hello, world!";
        }}
    }}
}}
"""

# As long as what the Python servers send.
_FLOOR_RESPONSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n"
    b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\nserver: floor\r\n\r\nHello, world!"
)


def ensure(name: str, folder: Path) -> tuple[Path, str]:
    """The program of a peer, made or fetched first where that is due, and its version.

    MissingPeerError where it cannot be had.
    """
    try:
        if name == "floor":
            return floor.build(folder), "of this repository"
        program = programs.ensure(name)
    except (floor.FloorError, UnavailableError) as error:
        raise MissingPeerError(scrub(str(error))) from error
    if name == "nginx":
        return program, _run(program, "-v").rpartition("/")[2]
    return _compiled(program, _DART_SOURCE)


def dart(source: Path) -> tuple[Path, str]:
    """A Dart program as a native one, made first where that is due, and Dart's version.

    MissingPeerError where there is no Dart.
    """
    try:
        return _compiled(programs.ensure("dart"), source)
    except UnavailableError as error:
        raise MissingPeerError(scrub(str(error))) from error


def nginx_configuration(folder: Path, *, port: int, workers: int) -> Path:
    """Write nginx's configuration into a folder; returns the file."""
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, port=port, workers=workers))
    return file


def floor_response(folder: Path) -> Path:
    """Write what the floor answers into a folder; returns the file."""
    file = folder / "response"
    file.write_bytes(_FLOOR_RESPONSE)
    return file


def _compiled(dart: Path, source: Path) -> tuple[Path, str]:
    """A native program: started at once, and at full speed from its start."""
    version = _run(dart, "--version").removeprefix("Dart SDK version: ").partition(" ")[0]
    digest = hashlib.sha256(version.encode() + source.read_bytes()).hexdigest()[:16]
    made = _BUILD / f"{source.stem}-{digest}"
    if not made.exists():
        _BUILD.mkdir(parents=True, exist_ok=True)
        partial = made.with_suffix(".part")
        _run(dart, "compile", "exe", str(source), "-o", str(partial))
        partial.rename(made)
    return made, version


def _run(program: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            (program, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingPeerError(f"{program.name} does not run: {scrub(str(error))}") from error
    if done.returncode != 0:
        raise MissingPeerError(f"{program.name} fails: {scrub(done.stdout.strip())}")
    return done.stdout.strip()
