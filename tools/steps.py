"""Steps of the matrix, several at a time: each step's output stays together, and all of it ends.

One thread and one selector, so that an interrupt finds every step where it can be ended.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.environment import ROOT, Environment

#: Seconds for one step. pytest ends a test that hangs long before that; this ends what pytest
#: cannot, such as a server that outlived its test and holds the output open. A leg takes some
#: three minutes alone, and longer beside others on a machine that is busy anyway.
_TIMEOUT = 900.0

#: Seconds from the first, polite signal to the last: pytest stops the servers of its tests
#: meanwhile, which are sessions of their own, out of reach from here.
_GRACE = 15.0


@dataclass(frozen=True)
class Step:
    """A command line of Python in one of the environments."""

    name: str
    made: Environment
    words: Sequence[str]

    @property
    def title(self) -> str:
        """The step and its interpreter."""
        return f"{self.name} on {self.made.interpreter.version}"


@dataclass(frozen=True)
class Result:
    """How one step of the matrix ended; ``said`` is the last line of its output."""

    step: str
    passed: bool
    said: str
    seconds: float


def run(todo: Sequence[Step], *, jobs: int) -> tuple[list[Result], int]:
    """Run the steps, begun in this order, up to ``jobs`` at a time.

    A single job's output is passed on as it comes. Of more, each is kept until its step ends.

    Returns:
        The results in the same order; and the signal that interrupted it, 0 for none.
    """
    results: dict[str, Result] = {}
    waiting = list(todo)
    running: list[_Running] = []
    signalled = 0
    with _stop_signals() as stop, selectors.DefaultSelector() as selector:
        selector.register(stop, selectors.EVENT_READ)
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(_Running(waiting.pop(0), stream=jobs == 1))
                    selector.register(running[-1].output, selectors.EVENT_READ, running[-1])
                due = min(each.deadline for each in running) - time.monotonic()
                for key, _ in selector.select(max(due, 0.0)):
                    if key.fileobj is stop:
                        signalled = stop.recv(1)[0]
                        _say("---- interrupted: the steps are ending; once more ends them at once")
                        for step in waiting:
                            results[step.name] = Result(step.name, False, "not run", 0.0)
                        waiting.clear()
                        for each in running:
                            each.end("interrupted")
                    else:
                        key.data.read()
                for each in running:
                    if each.deadline <= time.monotonic():
                        each.end(f"took longer than {_TIMEOUT:g} s")
                for each in [each for each in running if each.over]:
                    selector.unregister(each.output)
                    running.remove(each)
                    results[each.step.name] = each.result()
        finally:
            for each in running:
                each.kill()
    return [results[step.name] for step in todo], signalled


class _Running:
    """A step under way."""

    def __init__(self, step: Step, *, stream: bool) -> None:
        self.step = step
        self._stream = stream
        self._heard = bytearray()
        self._fault = ""
        self._begin = time.monotonic()
        #: time.monotonic() at which to end it.
        self.deadline = self._begin + _TIMEOUT
        #: Whether nothing more is expected of it.
        self.over = False
        _say(f"\n==== {step.title} ====" if stream else f"---- {step.title}: started")
        self._process = subprocess.Popen(
            [str(step.made.python), *step.words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A process group of its own, so that what a test may have left running ends with it.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout

    def read(self) -> None:
        """Take what it says."""
        chunk = os.read(self.output.fileno(), 1 << 16)
        self._heard += chunk
        self.over = self.over or not chunk
        if self._stream:
            _pass_on(chunk)

    def end(self, reason: str) -> None:
        """Ask it to end; asked a second time, or too late, it is ended."""
        if self._fault:
            self.kill()
            # Without waiting for the end of the output: what left its group may still hold that.
            self.over = True
        else:
            self._fault = reason
            self._signal(signal.SIGINT)
            self.deadline = time.monotonic() + _GRACE

    def kill(self) -> None:
        """End it and what it left running, at once."""
        self._signal(signal.SIGKILL)

    def result(self) -> Result:
        """Say how it ended, once it is over."""
        try:
            status = self._process.wait(max(self.deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:  # it has closed its output, and goes on
            self._fault = self._fault or f"took longer than {_TIMEOUT:g} s"
            self.kill()
            status = self._process.wait()
        self.kill()
        self.output.close()
        seconds = time.monotonic() - self._begin
        if not self._stream:
            _say(f"\n==== {self.step.title}: ended after {seconds:.0f} s ====")
            _pass_on(self._heard if self._heard.endswith(b"\n") else self._heard + b"\n")
        lines = [line.strip("= ") for line in self._heard.decode(errors="replace").splitlines()]
        said = self._fault or next(filter(None, reversed(lines)), "")
        return Result(self.step.name, status == 0 and not self._fault, said, seconds)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@contextlib.contextmanager
def _stop_signals() -> Iterator[socket.socket]:
    """A socket from which the numbers of signals that are to end it all can be read."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        wakeup_fd = signal.set_wakeup_fd(writer.fileno())
        # SIGINT even where a shell has it ignored: else the steps, too, would start so.
        stopping = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup does
            stopping.append(signal.SIGHUP)
        handlers = {number: signal.signal(number, lambda *_: None) for number in stopping}
        try:
            yield reader
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup_fd)


def _say(line: str) -> None:
    print(line, flush=True)


def _pass_on(output: bytes | bytearray) -> None:
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()
