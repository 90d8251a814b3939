"""How far a long run is, on standard error."""

import sys
import time
from typing import TextIO

_QUIET = 10.0  # seconds between lines where the output is not a terminal


class Progress:
    """Counts `total` steps and tells the time left, judged by the steps so far."""

    def __init__(self, total: int, stream: TextIO = sys.stderr) -> None:
        self._total = total
        self._stream = stream
        self._done = 0
        self._begin = time.monotonic()
        self._shown = float("-inf")

    def step(self, what: str) -> None:
        """Say what begins now."""
        now = time.monotonic()
        left = ""
        if self._done:
            seconds = (now - self._begin) / self._done * (self._total - self._done)
            left = f", {seconds / 60:.0f} min left" if seconds > 90 else f", {seconds:.0f} s left"
        line = f"[{self._done + 1}/{self._total}] {what}{left}"
        self._done += 1
        if self._stream.isatty():
            print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
        elif now - self._shown >= _QUIET:
            self._shown = now
            print(line, file=self._stream, flush=True)

    def end(self) -> None:
        """Leave the line free for what is printed next."""
        if self._stream.isatty():
            print("\r\033[K", end="", file=self._stream, flush=True)
