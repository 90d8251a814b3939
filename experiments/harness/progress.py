"""How far a long run is, on standard error."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

_QUIET = 10.0  # seconds between lines where the output is not a terminal


_BAR = 24  # characters


class Progress:
    """Tells which step begins and the time left: what the steps should take, and took so far."""

    def __init__(self, seconds: Sequence[float], stream: TextIO = sys.stderr) -> None:
        """`seconds` are what each of the steps is expected to take."""
        self._seconds = seconds
        self._stream = stream
        self._done = 0
        self._begin = time.monotonic()
        self._shown = float("-inf")

    def step(self, what: str) -> None:
        """Say what begins now."""
        now = time.monotonic()
        behind, ahead = sum(self._seconds[: self._done]), sum(self._seconds[self._done :])
        left = ahead * ((now - self._begin) / behind if behind else 1.0)
        shown = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"
        full = int(_BAR * behind / (behind + ahead))
        bar = f"{'#' * full}{'.' * (_BAR - full)}"
        self._done += 1
        line = f"[{bar}] {self._done}/{len(self._seconds)}, {shown} left, {what}"
        if self._stream.isatty():
            print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
        elif now - self._shown >= _QUIET:
            self._shown = now
            print(line, file=self._stream, flush=True)

    def end(self) -> None:
        """Leave the line free for what is printed next."""
        if self._stream.isatty():
            print("\r\033[K", end="", file=self._stream, flush=True)
