"""Runs one trial in a process of its own, to its end, its crash, or the end of its time."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import Any

from subsrv.check import watch

_PACKET = 1 << 20
_LAST_WORDS = 3.0  # seconds for faulthandler to say where it hangs
_LONGEST = 20_000  # characters of output that are kept, from the end: stacks are long


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a trial.

    Attributes:
      events: what it reported, in order.
      status: its exit status, or the negative number of the signal that killed it.
      timed_out: it hung, and was killed.
      output: the end of what it wrote.
    """

    events: tuple[dict[str, Any], ...]
    status: int
    timed_out: bool
    output: str

    @property
    def phase(self) -> str:
        """How far it came."""
        names = [event["name"] for event in self.events if event["event"] == "phase"]
        return names[-1] if names else "begin"

    @property
    def over(self) -> bool:
        """It ended by itself and in good order."""
        return self.status == 0 and not self.timed_out and self.phase == "exit"


def run(python: str, order: dict[str, Any], *, timeout: float) -> Outcome:
    """Have `python` carry out the order (see trial.py). OSError if it cannot be run."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    events: list[dict[str, Any]] = []
    with ours, tempfile.TemporaryFile() as output:
        with theirs:
            process = subprocess.Popen(
                [python, "-m", "subsrv.check.trial"],
                env={**os.environ, watch.DESCRIPTOR: str(theirs.fileno())},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        reader = threading.Thread(target=_read, args=(ours, events), name="trial")
        reader.start()
        try:
            timed_out = _await(process, json.dumps(order).encode(), timeout)
        finally:
            # What it started goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RD)  # what has arrived is still read
            reader.join()
        output.seek(0)
        said = output.read().decode(errors="replace")
    return Outcome(
        events=tuple(events),
        status=process.returncode,
        timed_out=timed_out,
        output=said[-_LONGEST:],
    )


def _await(process: subprocess.Popen[bytes], order: bytes, timeout: float) -> bool:
    """Give the order and wait for the end; True if the time was over first."""
    try:
        process.communicate(order, timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_WORDS)
        return True
    return False


def _read(channel: socket.socket, events: list[dict[str, Any]]) -> None:
    with contextlib.suppress(ConnectionResetError):
        while packet := channel.recv(_PACKET):
            events.append(json.loads(packet))
