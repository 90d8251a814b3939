"""A supervisor over fake workers: a program, and the fixture's side of it."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import guard

from subsrv import backends, crew, hang, logs
from subsrv.config import Config
from subsrv.errors import SubsrvError
from subsrv.ready import ReadyInfo
from subsrv.supervisor import Supervisor

ENTRY = "fake_worker:run_worker"
FREE_THREADED = not sys._is_gil_enabled()

# Every kind of worker that this Python has. A GIL build refuses nogil, which has its own test.
IN_PROCESS: list[dict[str, Any]] = [{"mode": "interp"}, {"mode": "thread"}]
if FREE_THREADED:
    IN_PROCESS.append({"mode": "nogil"})
PROCESSES: list[dict[str, Any]] = [
    {"mode": "process", "start_method": "spawn"},
    {"mode": "process", "start_method": "fork"},
]
MODES = IN_PROCESS + PROCESSES


def mode_name(mode: dict[str, Any]) -> str:
    return "-".join(mode.values())


class FakeServer:
    """The program in a process of its own, ready when it is entered, killed when it is left."""

    def __init__(
        self,
        *,
        faults: dict[str, Any] | None = None,
        margin: float = 3.0,
        step: float = 1.0,
        env: dict[str, str] | None = None,
        **config: Any,
    ) -> None:
        config = {"workers": 1, "bind": ["127.0.0.1:0"], **config}
        command = [
            sys.executable,
            __file__,
            json.dumps({"margin": margin, "step": step, "config": config}),
        ]
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[int(text[5:]) for text in config["bind"] if text.startswith("fd://")],
            env={
                **os.environ,
                "PYTHONPATH": path,
                "FAULTS": json.dumps(faults or {}),
                **(env or {}),
            },
            encoding="utf-8",
        )
        guard.watch(self.process.pid)
        self.log = ""
        self.ready = ""
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for connection in self._held:
            connection.close()
        children = self.children()
        self.process.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with self.process:
            pass
        guard.forget(self.process.pid)

    def wait_ready(self) -> Self:
        """Until the ready line, which "" is if the server ended instead."""
        assert self.process.stdout
        self.ready = self.process.stdout.readline()
        return self

    def wait_log(self, pattern: str) -> str:
        """Until a line of the log matches."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.log += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log}")

    def connect(self) -> socket.socket:
        """To its first address."""
        url = self.ready.split()[1]
        if url.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            self._held.append(connection)
            connection.connect(url.removeprefix("unix:"))
        else:
            host, port = url.removeprefix("http://").rsplit(":", 1)
            connection = socket.create_connection((host.strip("[]"), int(port)))
            self._held.append(connection)
        return connection

    def tell(self, word: str) -> socket.socket:
        """Send one command over a connection of its own."""
        connection = self.connect()
        connection.sendall(word.encode())
        return connection

    def ask(self, word: str) -> str:
        """Send one command; the first line of the answer. Its worker stays busy: see release."""
        return self.tell(word).makefile().readline()

    def who(self) -> dict[str, int]:
        """The identity of one worker, which is free again."""
        identity: dict[str, int] = json.loads(self.ask("who"))
        self._held.pop().close()
        return identity

    def all_workers(self, count: int) -> list[dict[str, int]]:
        """The identities of `count` workers, each kept busy so that another one answers next."""
        answers = [json.loads(self.ask("who")) for _ in range(count)]
        for _ in answers:
            self._held.pop().close()
        return answers

    def children(self) -> list[int]:
        """The pids of its child processes."""
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError):
            return [
                int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
        return []

    def signal_until_gone(self, number: signal.Signals) -> None:
        """Send a signal again and again, ten times a second, until the server ends."""
        for _ in range(100):
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
                return
        raise AssertionError(f"it ignores {number.name}")

    def finish(self, *signals: signal.Signals) -> int:
        """Send the signals, wait for the end, keep the rest of the log; the exit status."""
        for number in signals:
            self.process.send_signal(number)
        assert self.process.stderr
        self.log += self.process.stderr.read()
        return self.process.wait()


def wait_gone(pids: list[int]) -> None:
    """Until none of these processes runs (they need not be children of this one)."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            assert select.select([fd], [], [], 30)[0], f"{pid} still runs"
        finally:
            os.close(fd)


def _announce(info: ReadyInfo) -> None:
    print(info, flush=True)


def main() -> int:
    """The program."""
    given = json.loads(sys.argv[1])
    crew.MARGIN, hang._STEP = given["margin"], given["step"]
    config = Config(**{**given["config"], "bind": tuple(given["config"]["bind"])})
    logs.configure(config.log_level)
    backend = backends.create(config, entry=ENTRY)
    try:
        return Supervisor(config, on_ready=_announce, backend=backend).run()
    except SubsrvError as error:
        print(f"subsrv: {error}\n{error.detail}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main())
