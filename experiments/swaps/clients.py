"""Clients that check every byte while the server's workers are replaced."""

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass, field

type Address = tuple[str, int]

_HEAD = re.compile(rb"HTTP/1\.1 200 [^\r]*\r\n(?:[^\r]+\r\n)*?content-length: (\d+)\r\n", re.I)
_CLOSE = b"\r\nconnection: close\r\n"
_PATIENCE = 30.0  # seconds for one request; what takes longer is lost
# By kind of client: how many, and the most seconds between two requests. The longest is less than
# an old worker waits for one.
KINDS = {"steady": (4, 0.002), "short": (2, 0.002), "pausing": (4, 1.5)}

#: The application, of which each swap makes a version. Its answer is told from all others.
APP = """\
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    body = b"{version} " + scope["raw_path"] * len(scope["raw_path"])
    headers = [(b"content-length", b"%d" % len(body))]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


class WrongError(Exception):
    """An answer that is not what it should be, or none."""


@dataclass(slots=True)
class Outcome:
    """What the clients saw. Anything in `wrong` is a request that was lost, or worse."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)


class Clients:
    """Clients of one server, until told to stop. `seed` makes their pauses."""

    def __init__(self, address: Address, *, seed: int) -> None:
        self._address = address
        self._random = random.Random(seed)
        self._stop = asyncio.Event()
        self._paths = 0
        #: The oldest version that a new connection may meet.
        self.least = 1
        self.outcome = Outcome()

    def stop(self) -> None:
        """Let each of them finish what it has begun."""
        self._stop.set()

    async def run(self) -> None:
        """All of them, until `stop`."""
        async with asyncio.TaskGroup() as group:
            for kind, (count, _) in KINDS.items():
                for _ in range(count):
                    group.create_task(self._repeat(kind))

    async def _repeat(self, kind: str) -> None:
        while not self._stop.is_set():
            try:
                await self._connection(kind)
                if kind == "short":
                    await self._pause(kind)
            except (OSError, EOFError, WrongError, TimeoutError) as error:
                self.outcome.wrong.append(f"{kind}: {error!r}")
                if len(self.outcome.wrong) > 100:  # enough is known
                    return

    async def _connection(self, kind: str) -> None:
        """One connection, to the end that the server or the kind of client sets."""
        least = self.least
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(*self._address)
        try:
            while not self._stop.is_set():
                async with asyncio.timeout(_PATIENCE):
                    version, closing = await self._exchange(reader, writer)
                if version < least:
                    raise WrongError(f"version {version} on a connection made after {least}")
                self.outcome.versions.add(version)
                self.outcome.done[kind] += 1
                if closing:
                    if await reader.read(1):
                        raise WrongError("more than the last answer")
                    return
                if kind == "short":
                    return
                await self._pause(kind)
        finally:
            writer.close()

    async def _pause(self, kind: str) -> None:
        _, most = KINDS[kind]
        await asyncio.sleep(self._random.uniform(0.0, most))

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[int, bool]:
        """One request and its answer: the version, and whether it was the last."""
        self._paths += 1
        path = b"/%d" % self._paths
        writer.write(b"GET %b HTTP/1.1\r\nHost: swaps\r\n\r\n" % path)
        head = await reader.readuntil(b"\r\n\r\n")
        match = _HEAD.match(head)
        if match is None:
            raise WrongError(head)
        version, space, rest = (await reader.readexactly(int(match[1]))).partition(b" ")
        if not space or rest != path * len(path):
            raise WrongError(version + space + rest)
        return int(version), _CLOSE in head.lower()
