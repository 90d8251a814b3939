"""A server under test: `python -m subsrv` as a person would start it, and all that it says."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import guard

#: Where the applications are: contract.apps.kit_asgi and the others.
APP_DIR = Path(__file__).parents[1]

# A bound for what takes milliseconds; only what hangs ever reaches it.
PATIENCE = 10.0

_READY = (
    r"^subsrv: ready (?P<urls>.*) mode=(?P<mode>\S+) workers=(?P<workers>\d+) "
    r"pid=(?P<pid>\d+) python=(?P<python>\S+) gil=(?P<gil>\S+)$"
)
# A traceback down to the line that names the exception; of a chain, the last.
_TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):\n(?:[ ].*\n|\n)*+(?P<last>.*+)"
    r"(?!\n\n(?:During handling|The above exception))",
    re.MULTILINE,
)
_TROUBLE = re.compile(
    r"^(?:Fatal Python error|Exception ignored|.*ResourceWarning|.*was never awaited"
    r"|Task (?:exception|was)|Exception in thread|subsrv: .*died).*",
    re.MULTILINE,
)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody announces, such as the state of a thread in /proc."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.003)


class Server:
    """A server on a free port of 127.0.0.1, ready when made.

    The end of the `with` block stops it as an operator would, and asserts that it drained, and
    that its log holds no trouble but what the test has met with `expect`.
    """

    def __init__(
        self,
        *args: str,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        await_ready: bool = True,
        wrapper: Sequence[str] = (),
    ) -> None:
        if not any(arg.startswith("--bind") for arg in args):
            args = (*args, "--bind", "127.0.0.1:0")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SUBSRV_")}
        # A leak of the server's is its log's business (see _TROUBLE).
        python = [sys.executable, "-X", "faulthandler", "-W", "always::ResourceWarning"]
        self.process = subprocess.Popen(
            [*wrapper, *python, "-m", "subsrv", "--app-dir", str(APP_DIR), *args],
            cwd=APP_DIR,  # without a pyproject.toml
            env={**clean, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self.args = args
        self.pid = self.process.pid
        guard.watch(self.pid)
        self.log = ""
        self._grown = threading.Condition()
        self._expected: list[re.Pattern[str]] = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"log of {self.pid}")
        self._reader.start()
        if await_ready:
            try:
                self.ready = self.wait_for(_READY)
            except BaseException:
                self.kill()
                raise

    @property
    def urls(self) -> list[str]:
        """What it is bound to, as the ready line says."""
        return self.ready["urls"].split()

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def address(self) -> tuple[str, int]:
        """Where the first of them is."""
        return address(self.url)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the log matches."""
        found = re.compile(pattern, re.MULTILINE)
        with self._grown:
            self._grown.wait_for(lambda: found.search(self.log) or self._ended, PATIENCE)
            match = found.search(self.log)
        if match is None:
            state = "ended" if self._ended else "did not say"
            raise AssertionError(
                f"the server {state}: no {found.pattern!r} in its log\n{self.tail}"
            )
        return match

    @property
    def tail(self) -> str:
        """The end of the log, for a message."""
        return self.log[-4000:]

    def expect(self, pattern: str) -> None:
        """Wait for an error that the test provokes, whose line or traceback ends thus."""
        self.wait_for(pattern)
        self._expected.append(re.compile(pattern))

    def send_signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit status. A server that hangs fails the test with the stacks of its threads."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGABRT)
            raise AssertionError(f"the server hangs\n{self.tail}") from None
        self._reader.join(PATIENCE)
        return status

    def stop(self) -> None:
        """Drain it, and check what it leaves behind."""
        self.send_signal()
        status = self.wait()
        assert status == 0, f"exit status {status}\n{self.tail}"
        self.assert_quiet()

    def assert_quiet(self) -> None:
        """Nothing in the log that no test expected."""
        trouble = [match["last"] for match in _TRACEBACK.finditer(self.log)]
        trouble += [match[0] for match in _TROUBLE.finditer(self.log)]
        unexpected = [
            line for line in trouble if not any(seen.search(line) for seen in self._expected)
        ]
        assert not unexpected, f"unexpected: {unexpected}\n{self.tail}"

    def kill(self, first: signal.Signals = signal.SIGKILL) -> None:
        """End it and whatever it started, by force; SIGABRT lets faulthandler speak first."""
        if first is not signal.SIGKILL:
            self._signal_group(first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        self._signal_group(signal.SIGKILL)
        self.process.wait(PATIENCE)
        guard.forget(self.pid)
        self._reader.join(PATIENCE)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                with self._grown:
                    self.log += line
                    self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        try:
            if error is None and self.process.poll() is None:
                self.stop()
        finally:
            self.kill()
            if error is not None:
                error.add_note(f"the server's log ended:\n{self.tail}")


def address(url: str) -> tuple[str, int]:
    """Host and port of SCHEME://HOST:PORT."""
    host, _, port = url.partition("://")[2].rpartition(":")
    return host.strip("[]"), int(port)


def refused(*args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit status and the words of a server that is not to get ready."""
    server = Server(*args, env=env, await_ready=False)
    try:
        return server.wait(), server.log
    finally:
        server.kill()
