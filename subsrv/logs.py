"""Logging to standard error: one handler on the "subsrv" logger, one line a message.

Interpreters share no logging configuration, so every worker calls `configure` for itself.
"""

import logging


def configure(level: str) -> None:
    """Set the level of the "subsrv" logger and give it its handler, once an isolate."""
    logger = logging.getLogger("subsrv")
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("subsrv: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
