"""Which worker has served enough: by requests, by age, or by memory. One is replaced at a time."""

import logging
import math
import os
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from subsrv.config import Config
from subsrv.crew import Worker
from subsrv.errors import ConfigError

logger = logging.getLogger("subsrv")

# Seconds between two looks at memory, which cost a file of /proc for each process.
_LOOK = 5.0
# A worker's lifetime is this much shorter at the most, so that not all of them end together.
_SPREAD = 0.1
# Where workers share a process, its memory is theirs together. One that is younger than this, in
# seconds, is not the reason, and replacing it again would not help.
_YOUNG = 60.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Recycling:
    """Says which worker is to be replaced, and why."""

    def __init__(self, config: Config) -> None:
        self._lifetime = config.max_lifetime or math.inf
        self._rss = config.max_rss
        self._look_due = 0.0 if config.max_rss else math.inf
        self._not_before = 0.0
        self._warned = False

    def alarm(self, workers: Iterable[Worker]) -> float:
        """When to look again, by time.monotonic()."""
        ends = [self._end(worker) for worker in workers]
        if any(worker.spent for worker in workers):
            ends.append(0.0)
        return max(min([self._look_due, *ends]), self._not_before)

    def postpone(self, now: float, seconds: float) -> None:
        """Replace none for a while: the last attempt has failed."""
        self._not_before = now + seconds

    def chosen(self, workers: list[Worker], now: float) -> Worker | None:
        """The worker that is to be replaced now, with the reason in its `spent`; None if none is.

        `workers` are those that accept.
        """
        if now < self._not_before:
            return None
        for worker in workers:
            if not worker.spent and self._end(worker) <= now:
                worker.spent = f"it has served for {now - worker.since:.0f} s"
        if self._look_due <= now:
            self._look_due = now + _LOOK
            self._weigh(workers, now)
        return next((worker for worker in workers if worker.spent), None)

    def _end(self, worker: Worker) -> float:
        if worker.spread is None:
            worker.spread = random.uniform(0.0, _SPREAD)
        return worker.since + self._lifetime * (1.0 - worker.spread)

    def _weigh(self, workers: list[Worker], now: float) -> None:
        for worker in workers:
            assert worker.ready is not None
            pid = worker.ready["pid"]
            size = rss(pid)
            if size <= self._rss:
                continue
            if pid != os.getpid():
                worker.spent = f"it uses {size >> 20} MiB of memory"
                continue
            # One after the other, the oldest first: each takes what it held with it.
            oldest = min(workers, key=lambda each: each.since)
            if now - oldest.since >= _YOUNG:
                oldest.spent = f"the process uses {size >> 20} MiB of memory"
            elif not self._warned:
                self._warned = True
                logger.warning(
                    "the process uses %d MiB of memory, and its workers are new: "
                    "recycling them does not help",
                    size >> 20,
                )
            return


def rss(pid: int) -> int:
    """Bytes of memory that a process has resident; 0 if it is gone, or where /proc is not."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def check(config: Config) -> None:
    """ConfigError where recycling would do harm."""
    wanted = [
        name
        for name in ("max_requests", "max_lifetime", "max_rss")
        if getattr(config, name) and config.mode == "interp"
    ]
    if wanted and sys.version_info < (3, 14) and not config.force_recycling:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in wanted)
        raise ConfigError(
            f"{flags}: CPython 3.13 does not give back all memory of an interpreter that is "
            "closed, so recycling would make it worse; use 3.14, or --mode process, "
            "or --force-recycling"
        )
