"""What can go wrong, each with the exit status it earns.

The command line turns any of these into one line on standard error; nothing else chooses a status.
"""

import logging

logger = logging.getLogger("subsrv")


class SubsrvError(Exception):
    """A failure a person can act on: its text is one line; `detail`, if set, a traceback."""

    status = 1

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.detail = detail

    def log(self, consequence: str) -> None:
        """Log it where the server goes on, with what follows from it."""
        detail = f"\n{self.detail.rstrip()}" if self.detail else ""
        logger.error("%s; %s%s", self, consequence, detail)


class ConfigError(SubsrvError):
    """A bad option or configuration; the text holds every fault found, not only the first."""

    status = 2


class AppLoadError(SubsrvError):
    """The application cannot be loaded, or its lifespan startup failed."""

    status = 3


class WorkerStartError(SubsrvError):
    """A worker cannot start at all, for a reason that is not the application's."""

    status = 4


class HangError(SubsrvError):
    """Workers hang, more of them than may be left behind: only a new process helps."""

    status = 5
