"""The server's own log: one line a message to standard error, or whatever --log-config says.

Interpreters share no logging configuration, so every worker calls `configure` for itself; in the
modes whose workers share it, only the first call counts.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from subsrv.errors import ConfigError

_RED, _YELLOW, _FAINT, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"

# What has been applied in this isolate.
_applied: str | None = None


def configure(level: str, path: str | None = None) -> None:
    """Set the level of the "subsrv" logger and give it its handler, once an isolate.

    With `path`, that file configures all of logging instead, and `level` holds only where it does
    not give the logger one. ConfigError for a file that cannot be applied.
    """
    global _applied
    logger = logging.getLogger("subsrv")
    if path is not None:
        if path != _applied:
            _apply(path)
            _applied = path
        if logger.level == logging.NOTSET:
            logger.setLevel(level.upper())
        return
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter(coloured=wants_colour(sys.stderr, os.environ)))
        logger.addHandler(handler)
        logger.propagate = False


def wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether it is a terminal, and nobody has asked for no colours (https://no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream is not None and stream.isatty()


class _Formatter(logging.Formatter):
    def __init__(self, *, coloured: bool) -> None:
        super().__init__("subsrv: %(message)s")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """The first line in the colour of its level: what follows is a traceback."""
        text = super().format(record)
        colour = _colour(record.levelno)
        if not self._coloured or not colour:
            return text
        first, newline, rest = text.partition("\n")
        return f"{colour}{first}{_PLAIN}{newline}{rest}"


def _colour(level: int) -> str:
    if level >= logging.ERROR:
        return _RED
    if level >= logging.WARNING:
        return _YELLOW
    return _FAINT if level < logging.INFO else ""


def _apply(path: str) -> None:
    # Imported here, as below: every isolate pays for what it imports.
    import logging.config
    from pathlib import Path

    try:
        if Path(path).suffix in _LOADERS:
            settings = _LOADERS[Path(path).suffix](Path(path).read_bytes())
            # Otherwise every logger that the file does not name would fall silent, ours too.
            settings = {"version": 1, "disable_existing_loggers": False, **settings}
            logging.config.dictConfig(settings)
        else:
            os.stat(path)  # the error of fileConfig would name the file once more
            logging.config.fileConfig(path, disable_existing_loggers=False, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"log-config {path}: {error.strerror or error}") from error
    # What logging.config has for mistakes in a file, and what the parsers have.
    except (ValueError, TypeError, AttributeError, ImportError, LookupError, RuntimeError) as error:
        reason = f"{error}: {error.__cause__}" if error.__cause__ else f"{error}"
        line = " ".join(reason.split()) or type(error).__name__
        raise ConfigError(f"log-config {path}: {line}") from error


def _json(data: bytes) -> Any:
    import json

    return json.loads(data)


def _toml(data: bytes) -> Any:
    import tomllib

    return tomllib.loads(data.decode("utf-8"))


def _yaml(data: bytes) -> Any:
    import importlib

    try:
        yaml: Any = importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise ImportError("reading YAML needs PyYAML (pip install pyyaml)") from None
    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


# For dictConfig; any other file is one for fileConfig.
_LOADERS: Mapping[str, Callable[[bytes], Any]] = {
    ".json": _json,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
