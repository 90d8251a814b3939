"""The floor under every ratio: a responder in C that parses nothing, compiled on the spot."""

import email.utils
import os
import shutil
import subprocess
from pathlib import Path

from experiments.harness.configuration import Configuration, Facts
from experiments.harness.interpreters import Interpreters
from experiments.harness.load import Load
from experiments.harness.paths import BUILD, EXPERIMENTS
from experiments.harness.server import Command
from experiments.harness.verify import HELLO
from subsrv.bench.launch import LaunchError

_TIMEOUT = 60.0  # seconds


class FloorError(LaunchError):
    """There is no compiler, or it refuses the source."""


def build(folder: Path) -> Path:
    """Compile the floor into `folder` with $CC or cc; returns its path. Raises FloorError."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise FloorError(f"no C compiler ({compiler}) here: ratios to the floor are n/a")
    executable = folder / "floor"
    done = subprocess.run(
        (compiler, "-O2", "-o", str(executable), str(EXPERIMENTS / "floor.c")),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
    if done.returncode != 0:
        raise FloorError(f"{compiler} refuses floor.c: {done.stderr.strip()}")
    return executable


def words(executable: Path, response: bytes) -> tuple[str, ...]:
    """The command that answers every request with these bytes; they go into a file beside it."""
    answer = executable.with_name("response")
    answer.write_bytes(response)
    return (str(executable), str(answer))


def hello() -> bytes:
    """A response with the heads and the body that subsrv's own hello has."""
    head = (
        "HTTP/1.1 200 OK",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(HELLO)}",
        f"date: {email.utils.formatdate(usegmt=True)}",
        "server: subsrv",
    )
    return "\r\n".join((*head, "", "")).encode() + HELLO


def configuration(label: str, load: Load, facts: Facts) -> Configuration:
    """The floor under a load."""

    def command(_: Interpreters) -> Command:
        BUILD.mkdir(exist_ok=True)
        return Command(words=words(build(BUILD), hello()))

    return Configuration(label=label, command=command, load=load, facts=facts)
