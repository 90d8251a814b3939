"""A server that is to be broken: its process, and its log as it comes."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from experiments.harness.paths import REPOSITORY
from subsrv.bench.launch import LaunchError

_READY = re.compile(r"^subsrv: ready http://(?P<address>\S+) ", re.MULTILINE)
_START = 30.0  # seconds to get ready
_END = 8.0  # and to end, of which the graceful time-out and the margin are the most


class Breakable:
    """A context manager; the end of the block kills what is left of it."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._words = words
        self._env = {**os.environ, **env}
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]
        self._changed = asyncio.Event()
        self.log = ""
        self.address: tuple[str, int]

    @property
    def ended(self) -> bool:
        """Whether its process is gone."""
        return self._process.returncode is not None

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal."""
        return self._process.returncode

    async def stop(self) -> int | None:
        """Ask it to drain: its exit status. None where it had to be killed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END):
                await self._process.wait()
        return self._process.returncode

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            cwd=REPOSITORY,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(_START):
                while (ready := _READY.search(self.log)) is None:
                    if self._reader.done():
                        raise LaunchError(f"the server did not start: {self.log}")
                    self._changed.clear()
                    await self._changed.wait()
        except BaseException:
            await self.__aexit__()
            raise
        parts = urlsplit(f"//{ready['address']}")
        assert parts.hostname is not None
        assert parts.port is not None
        self.address = parts.hostname, parts.port
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reader

    @property
    def pid(self) -> int:
        """Of the process at its root."""
        return self._process.pid

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.log += line.decode(errors="replace")
            self._changed.set()
        self._changed.set()
