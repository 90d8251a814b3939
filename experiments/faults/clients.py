"""Clients of a server that breaks: they count what they get, and never give up."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Self

type Address = tuple[str, int]

_HEAD = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*?content-length: (\d+)\r\n", re.I)
_PATIENCE = 2.0  # seconds; what takes longer is not answered
_PACE = 0.005  # seconds between two requests of one client


class Connection:
    """One keep-alive connection. OSError, EOFError and TimeoutError where it fails."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, address: Address) -> Self:
        """A new one."""
        async with asyncio.timeout(_PATIENCE):
            return cls(*await asyncio.open_connection(*address))

    async def get(self, path: str, patience: float = _PATIENCE) -> tuple[int, str]:
        """The status and the body of the answer."""
        self._writer.write(b"GET %b HTTP/1.1\r\nHost: faults\r\n\r\n" % path.encode())
        async with asyncio.timeout(patience):
            head = await self._reader.readuntil(b"\r\n\r\n")
            match = _HEAD.match(head)
            if match is None:
                raise EOFError(f"no answer: {head!r}")
            body = await self._reader.readexactly(int(match[2]))
        return int(match[1]), body.decode()

    async def fate(self, path: str, patience: float) -> str:
        """What becomes of one request: the status of its answer, "closed" or "no answer"."""
        try:
            status, _ = await self.get(path, patience)
        except TimeoutError:
            return "no answer"
        except (OSError, EOFError):
            return "closed"
        return str(status)

    def close(self) -> None:
        """End it."""
        self._writer.close()


@dataclass(slots=True)
class Seen:
    """What a client saw since `begun` (time.monotonic()); the gap is between two answers."""

    begun: float = field(default_factory=time.monotonic)
    answered: int = 0
    failed: int = 0
    longest: float = 0.0
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.begun

    def answer(self) -> None:
        """One has come."""
        now = time.monotonic()
        self.answered += 1
        self.longest = max(self.longest, now - self.last)
        self.last = now

    def end(self) -> None:
        """Nothing more will come: what is open counts, too."""
        self.longest = max(self.longest, time.monotonic() - self.last)


class Steady:
    """One connection without pause, and another one where it fails."""

    def __init__(self, address: Address, connection: Connection) -> None:
        self._address = address
        self._connection: Connection | None = connection
        self.seen = Seen()

    def close(self) -> None:
        """End its connection."""
        if self._connection is not None:
            self._connection.close()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if self._connection is None:
                    self._connection = await Connection.to(self._address)
                status, _ = await self._connection.get("/")
                if status != 200:
                    raise EOFError(f"status {status}")
                self.seen.answer()
            except (OSError, EOFError, TimeoutError):
                self.seen.failed += 1
                self.close()
                self._connection = None
            await asyncio.sleep(_PACE)


class Visitors:
    """A new connection each time, and who answered it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.seen = Seen()
        #: When each worker was met first, by time.monotonic().
        self.met: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                connection = await Connection.to(self._address)
                try:
                    status, who = await connection.get("/")
                finally:
                    connection.close()
                if status != 200:
                    raise EOFError(f"status {status}")
                self.seen.answer()
                self.met.setdefault(who, time.monotonic())
            except (OSError, EOFError, TimeoutError):
                self.seen.failed += 1
            await asyncio.sleep(_PACE)
