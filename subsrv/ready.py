"""What is told once every worker accepts."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

# What "gil" says in the ready line where the workers do have one.
_GIL = {
    "interp": "per-interpreter",
    "nogil": "shared",
    "thread": "shared",
    "process": "per-process",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyInfo:
    """What serves, and where, once every worker accepts."""

    urls: tuple[str, ...]
    mode: str
    workers: int
    pid: int
    python: str
    gil: str

    def __str__(self) -> str:
        return (
            f"ready {' '.join(self.urls)} mode={self.mode} workers={self.workers} "
            f"pid={self.pid} python={self.python} gil={self.gil}"
        )

    @classmethod
    def of(cls, urls: Iterable[str], *, mode: str, workers: int, gil: bool) -> Self:
        """Of this process; `gil` says whether any of its workers has one."""
        return cls(
            urls=tuple(urls),
            mode=mode,
            workers=workers,
            pid=os.getpid(),
            python=platform.python_version(),
            gil=_GIL[mode] if gil else "off",
        )
