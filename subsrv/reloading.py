"""--reload: a watcher of the source files, whose word is as good as SIGHUP."""

import json
import logging
import os
import selectors
import subprocess
import sys
from collections.abc import Callable
from typing import Self

from subsrv.config import Config

logger = logging.getLogger("subsrv")


class Reloading:
    """The running watcher; a context manager. `changed` is called when a file has changed."""

    def __init__(
        self, config: Config, selector: selectors.BaseSelector, changed: Callable[[], None]
    ) -> None:
        folders = config.reload_dir or (config.app_dir,)
        settings = {
            "folders": [os.path.abspath(folder) for folder in folders],
            "include": config.reload_include,
            "exclude": config.reload_exclude,
        }
        # Where a file is written twice within a second, Python would take the first for the second.
        sys.dont_write_bytecode = True
        self._process = subprocess.Popen(
            [sys.executable, "-m", "subsrv.watching", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self._folders = folders
        self._told = b""
        self._selector = selector
        self._changed = changed
        selector.register(self._out, selectors.EVENT_READ, self._hear)

    def _hear(self) -> None:
        data = os.read(self._out.fileno(), 65536)
        if not data:
            self._selector.unregister(self._out)
            logger.error("source files are not watched any more")
            return
        *lines, self._told = (self._told + data).split(b"\n")
        for line in lines:
            word = json.loads(line)
            if word.startswith("by "):
                logger.info("watching the sources in %s %s", ", ".join(self._folders), word)
            else:
                logger.info("%s has changed", os.path.relpath(word))
                self._changed()

    def close(self) -> None:
        """End it."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
