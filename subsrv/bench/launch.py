"""A server under test: any command that says when it accepts, or where it will.

subsrv prints "NAME: ready http://HOST:PORT …". For others the command says the address, which is
tried until it answers.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from subsrv.bench.machine import pinned
from subsrv.errors import SubsrvError

_READY = re.compile(r"^\S+: ready (?P<url>http://\S+)(?P<rest>.*)$")
_REASON = re.compile(r"^\S+: error: (?P<reason>.*)$")
_START_TIMEOUT = 60.0  # seconds: a framework imported by several interpreters takes a few
_STOP_TIMEOUT = 15.0
_KEPT_LINES = 200
_TRY_EVERY = 0.005  # seconds, to connect to a server that does not say when it accepts


class LaunchError(SubsrvError):
    """The server did not start, or did not stop cleanly; the detail is its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a server is run.

    Attributes:
      words: the program and its arguments.
      url: where it will listen; empty for a server that prints a ready line.
      env: variables to add to the environment.
      stop: the signal that ends it.
      statuses: the exit statuses that end a drain; None where how it ends does not matter.
    """

    words: tuple[str, ...]
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    statuses: tuple[int, ...] | None = (0,)


def command(
    app: str,
    *,
    mode: str,
    workers: int,
    options: Sequence[str] = (),
    python: str = sys.executable,
) -> tuple[str, ...]:
    """The words that serve `app` with subsrv on a free port of loopback."""
    served = ("--mode", mode, "--workers", str(workers), "--bind", "127.0.0.1:0", *options, app)
    return (python, "-m", "subsrv", *served)


class Server:
    """A running server and its process group. A context manager: leaving it stops the server.

    Attributes:
      url: where it listens.
      ready: the name=value words of its ready line, where it prints one.
      launched: when it was, by time.monotonic().
      seconds_to_ready: from then to its ready line, or until it accepted.
    """

    def __init__(
        self,
        command: Command | tuple[str, ...],
        *,
        cwd: Path | None = None,
        cpus: Collection[int] | None = None,
        start_timeout: float = _START_TIMEOUT,
        own_session: bool = True,
    ) -> None:
        """Start it, on these CPUs alone if they are given; LaunchError if it is not ready in time.

        An interrupt while it starts ends it. Of a server in the caller's session, only the tree
        is measured; in one of its own, Linux may share out CPUs between the sessions first.
        """
        self.command = command if isinstance(command, Command) else Command(words=command)
        self.url = ""
        self.ready: dict[str, str] = {}
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._settled = threading.Event()
        self.launched = time.monotonic()
        try:
            # Its group is killed in the end; a session's members are what is measured.
            with pinned(cpus):
                self._process = subprocess.Popen(
                    self.command.words,
                    cwd=cwd,
                    env={**_environment(), **self.command.env},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=own_session,
                    process_group=None if own_session else 0,
                    text=True,
                    errors="replace",
                )
        except OSError as error:
            raise LaunchError(f"the server cannot be run: {error}") from error
        # Reads to the end of the pipe, which comes at the latest when the group is killed.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            if self.command.url:
                settled = self._try_to_connect(start_timeout)
            else:
                settled = self._settled.wait(start_timeout)
        except BaseException:
            self.kill()
            raise
        self.seconds_to_ready = time.monotonic() - self.launched
        if not self.url:
            status = self._wait(1.0) if settled else None
            self.kill()
            self._fail("not ready", status, self.seconds_to_ready)

    @property
    def pid(self) -> int:
        """The process at the root of the server's tree."""
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its URL."""
        return _address(self.url)

    def log(self) -> str:
        """The last lines that the server wrote to standard error."""
        return "\n".join(self._lines)

    def stop(self) -> None:
        """Let the server drain and wait for it; LaunchError if it ends with a wrong status."""
        begin = time.monotonic()
        self._process.send_signal(self.command.stop)
        try:
            status = self._wait(_STOP_TIMEOUT)
        finally:  # an interrupt must not leave it behind, either
            self.kill()
        wanted = self.command.statuses
        if wanted is not None and status not in wanted:
            self._fail("not stopped cleanly", status, time.monotonic() - begin)

    def kill(self) -> None:
        """End the whole process group at once. Safe to call twice."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line.rstrip("\n"))
            if not self.url and (match := _READY.match(line)):
                words = match["rest"].split()
                self.ready = dict(word.split("=", 1) for word in words if "=" in word)
                self.url = match["url"]
                self._settled.set()
        self._settled.set()

    def _try_to_connect(self, timeout: float) -> bool:
        """Whether it accepts in time, or has ended; sets the URL if it accepts."""
        while time.monotonic() < self.launched + timeout:
            if self._process.poll() is not None:
                return True
            with (
                contextlib.suppress(OSError),
                socket.create_connection(_address(self.command.url), timeout=timeout) as connection,
            ):
                # While nobody listens, the kernel may give an attempt this very port, and connect
                # it to itself.
                if connection.getsockname() != connection.getpeername():
                    self.url = self.command.url
                    return True
            time.sleep(_TRY_EVERY)
        return False

    def _wait(self, timeout: float) -> int | None:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def _fail(self, what: str, status: int | None, seconds: float) -> None:
        # The reason that it gives itself, where it gives one.
        for line in self._lines:
            if match := _REASON.match(line):
                raise LaunchError(match["reason"], detail=self.log())
        how = "still running" if status is None else f"exit status {status}"
        last = self._lines[-1] if self._lines else "(it said nothing)"
        raise LaunchError(f"{what} after {seconds:.1f} s, {how}: {last}", detail=self.log())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.stop()
        else:
            self.kill()
            error.add_note(f"the server's log: {self.log()}")


def _environment() -> dict[str, str]:
    """This process's, but that bytecode is kept.

    Else each launch would compile anew, and have the start-up and the memory of the compiler.
    """
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
