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
#: five minutes beside two others, and three times as long where the machine's host is busy.
_TIMEOUT = 1500.0

#: Seconds from the first, polite signal to the last: pytest stops the servers of its tests
#: meanwhile, which are sessions of their own, out of reach from here.
_GRACE = 15.0


@dataclass(frozen=True)
class Step:
    """A command line of Python in one of the environments."""

    name: str
    made: Environment
    words: Sequence[str]


@dataclass(frozen=True)
class Result:
    """How one step of the matrix ended; ``said`` is the last line of its output."""

    step: str
    passed: bool
    said: str
    seconds: float


def run(todo: Sequence[Step], *, jobs: int) -> tuple[list[Result], int]:
    """Run the steps, begun in this order, up to ``jobs`` at a time.

    Their output comes in this order, too, as if they ran one after the other: the first that is
    not over is seen live, and what the later ones say is kept until it is their turn.

    Returns:
        The results in the same order; and the signal that interrupted it, 0 for none.
    """
    waiting = list(todo)
    running: list[_Running] = []
    unseen: list[_Running] = []
    results: list[Result] = []
    signalled = 0
    with _stop_signals() as stop, selectors.DefaultSelector() as selector:
        selector.register(stop, selectors.EVENT_READ)
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    begun = _Running(waiting.pop(0))
                    running.append(begun)
                    unseen.append(begun)
                    selector.register(begun.output, selectors.EVENT_READ, begun)
                due = min(each.deadline for each in running) - time.monotonic()
                for key, _ in selector.select(max(due, 0.0)):
                    if key.fileobj is stop:
                        signalled = stop.recv(1)[0]
                        waiting.clear()
                        _say(
                            "\n---- interrupted: the steps are ending; once more ends them at once"
                        )
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
                    each.close()
                while unseen and (result := unseen[0].show()):
                    results.append(result)
                    unseen.pop(0)
        finally:
            for each in running:
                each.kill()
    results += [Result(step.name, False, "not run", 0.0) for step in todo[len(results) :]]
    return results, signalled


class _Running:
    """A step under way."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._heard = bytearray()
        self._shown: int | None = None
        self._fault = ""
        self._result: Result | None = None
        self._begin = time.monotonic()
        #: time.monotonic() at which to end it.
        self.deadline = self._begin + _TIMEOUT
        #: Whether nothing more is expected of it.
        self.over = False
        self._process = subprocess.Popen(
            [str(step.made.python), *step.words],
            cwd=ROOT,
            # Hundreds of servers start in a leg, and several isolates in each: all would compile
            # every module again.
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
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

    def show(self) -> Result | None:
        """Pass on what it has said since it was last shown; return the result, if it has ended."""
        if self._shown is None:
            ago = time.monotonic() - self._begin
            begun = f", begun {ago:.0f} s ago" if ago >= 1 else ""
            _say(f"\n==== {self._step.name} on {self._step.made.interpreter.version}{begun} ====")
            self._shown = 0
        # As bytes: what the step could print, this need not be able to encode.
        sys.stdout.buffer.write(self._heard[self._shown :])
        sys.stdout.buffer.flush()
        self._shown = len(self._heard)
        if self._result is not None:
            newline = "" if self._heard.endswith(b"\n") or not self._heard else "\n"
            _say(f"{newline}---- {self._step.name} ended after {self._result.seconds:.0f} s")
        return self._result

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

    def close(self) -> None:
        """Note how it ended, once it is over, and leave nothing of it."""
        try:
            status = self._process.wait(max(self.deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:  # it has closed its output, and goes on
            self._fault = self._fault or f"took longer than {_TIMEOUT:g} s"
            self.kill()
            status = self._process.wait()
        self.kill()
        self.output.close()
        lines = [line.strip("= ") for line in self._heard.decode(errors="replace").splitlines()]
        said = self._fault or next(filter(None, reversed(lines)), "")
        passed = status == 0 and not self._fault
        self._result = Result(self._step.name, passed, said, time.monotonic() - self._begin)

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
