"""A server under test: any command that prints "NAME: ready http://HOST:PORT …" when it accepts."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from subsrv.errors import SubsrvError

_READY = re.compile(r"^\S+: ready (?P<url>http://\S+)(?P<rest>.*)$")
_REASON = re.compile(r"^\S+: error: (?P<reason>.*)$")
_START_TIMEOUT = 60.0  # seconds: a framework imported by several interpreters takes a few
_STOP_TIMEOUT = 15.0
_KEPT_LINES = 200


class LaunchError(SubsrvError):
    """The server did not start, or did not stop cleanly; the detail is its own last words."""


def command(app: str, *, mode: str, workers: int, options: Sequence[str] = ()) -> tuple[str, ...]:
    """The command that serves `app` with this Python's subsrv on a free port of loopback."""
    served = ("--mode", mode, "--workers", str(workers), "--bind", "127.0.0.1:0", *options, app)
    return (sys.executable, "-m", "subsrv", *served)


class Server:
    """A running server and its process group. A context manager: leaving it stops the server.

    Attributes:
      url: where it listens.
      ready: the name=value words of its ready line.
      seconds_to_ready: from its launch to its ready line.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        cpus: Collection[int] | None = None,
        start_timeout: float = _START_TIMEOUT,
    ) -> None:
        """Start it, on these CPUs alone if they are given; LaunchError if it is not ready in time.

        An interrupt while it starts ends it.
        """
        self.command = tuple(command)
        self.url = ""
        self.ready: dict[str, str] = {}
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._settled = threading.Event()
        begin = time.monotonic()
        try:
            # A session of its own: its members are what is measured, and killed in the end.
            self._process = subprocess.Popen(
                self.command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise LaunchError(f"the server cannot be run: {error}") from error
        # Reads to the end of the pipe, which comes at the latest when the group is killed.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            if cpus is not None:
                # It has barely begun: all that it will start inherits this.
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(self._process.pid, cpus)
            settled = self._settled.wait(start_timeout)
        except BaseException:
            self.kill()
            raise
        self.seconds_to_ready = time.monotonic() - begin
        if not self.url:
            status = self._wait(1.0) if settled else None
            self.kill()
            self._fail("not ready", status, self.seconds_to_ready)

    @property
    def pid(self) -> int:
        """The process at the root of the server's tree."""
        return self._process.pid

    def log(self) -> str:
        """The last lines that the server wrote to standard error."""
        return "\n".join(self._lines)

    def stop(self) -> None:
        """Let the server drain and wait for it; LaunchError if it does not end with status 0."""
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._wait(_STOP_TIMEOUT)
        finally:  # an interrupt must not leave it behind, either
            self.kill()
        if status != 0:
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
