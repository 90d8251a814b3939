"""A running peer: known to be ready because it answers, since peers have no ready line."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Self

from experiments.harness.paths import REPOSITORY, scrub

_START_TIMEOUT = 30.0  # seconds
_STOP_TIMEOUT = 10.0
_ANSWER_TIMEOUT = 5.0
_PAUSE = 0.01
_KEPT = 4000  # characters of what a peer printed last


class PeerError(Exception):
    """A peer that did not start or ended by itself; the text has its own last words."""


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PeerServer:
    """A peer's process tree. A context manager: leaving it ends the peer.

    Attributes:
      url: where it listens.
      seconds_to_ready: from its launch to its first answer.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        path: str = "/",
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        start_timeout: float = _START_TIMEOUT,
    ) -> None:
        """Start it in the repository's folder; PeerError if no answer comes within seconds."""
        self.command = tuple(command)
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"
        self._path = path
        self._stop_signal = stop_signal
        # A file, so that a peer that prints much never waits for a reader.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by kill)
        begin = time.monotonic()
        try:
            # A session of its own: its members are what is measured, and killed in the end.
            self._process = subprocess.Popen(
                self.command,
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._output.close()
            raise PeerError(f"cannot be run: {scrub(str(error))}") from error
        try:
            self._await_answer(begin + start_timeout)
        except BaseException:
            self.kill()
            raise
        self.seconds_to_ready = time.monotonic() - begin

    @property
    def pid(self) -> int:
        """The process at the root of the peer's tree."""
        return self._process.pid

    def log(self) -> str:
        """The last that the peer printed, fit to be published."""
        if self._output.closed:
            return ""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _KEPT))
        return scrub(self._output.read().decode(errors="replace").strip())

    def check_alive(self) -> None:
        """PeerError if the process at its root has ended."""
        if self._process.poll() is not None:
            raise PeerError(f"ended with status {self._process.returncode}: {self._words()}")

    def stop(self) -> None:
        """Ask it to end, and end it by force where that takes too long."""
        self._process.send_signal(self._stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """End the whole process group at once. Safe to call twice."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()

    def _await_answer(self, deadline: float) -> None:
        """Until any HTTP response comes: a listener may belong to a parent without workers."""
        trouble: Exception | None = None
        while time.monotonic() < deadline:
            self.check_alive()
            connection = http.client.HTTPConnection(*self.address, timeout=_ANSWER_TIMEOUT)
            try:
                connection.request("GET", self._path, headers={"Connection": "close"})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException) as error:
                trouble = error
                time.sleep(_PAUSE)
            else:
                return
            finally:
                connection.close()
        raise PeerError(f"no answer in time ({trouble!r}): {self._words()}")

    def _words(self) -> str:
        return self.log() or "(it said nothing)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.stop()
        else:
            error.add_note(f"the peer's log: {self.log()}")
            self.kill()
