"""Clients that are good, bad, slow, deaf or gone, all at once."""

import asyncio
import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

type Address = tuple[str, int]

#: Seconds for one exchange, however slow: what takes longer is stuck. Above the server's time-outs.
_PATIENCE = 30.0
_STATUS_LINE = re.compile(rb"HTTP/1\.1 [0-9]{3} ")
_NEXT = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

# None of these is a request; each is refused, or the connection closed without an answer.
_BAD = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n" + _NEXT,
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + _NEXT,
    b"GET /\r\nHost: a\r\n\r\n" + _NEXT,
    b"GET / HTTP/1.1\nHost: a\n\n" + _NEXT,
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n" + _NEXT,
    b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n" + _NEXT,
    b"GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n" + _NEXT,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n" + _NEXT,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _NEXT,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + _NEXT,
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 40_000 + b"\r\n\r\n" + _NEXT,
)


@dataclass(slots=True)
class Outcome:
    """What the clients did and saw. Anything in `wrong` or `stuck` fails the soak."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


class Traffic:
    """Clients of one server, until told to stop. `seed` makes what they send."""

    def __init__(self, address: Address, *, seed: int) -> None:
        self._address = address
        self._random = random.Random(seed)
        self._stop = False
        self.outcome = Outcome()

    async def run(self, seconds: float) -> None:
        """All of them for so long, and to the end of what each has begun."""
        kinds: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "good": (12, self._good),
            "bad": (4, self._bad),
            "slow": (4, self._slow),
            "deaf": (2, self._deaf),
            "gone": (4, self._gone),
        }
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, setattr, self, "_stop", True)
        async with asyncio.TaskGroup() as group:
            for name, (count, act) in kinds.items():
                for _ in range(count):
                    group.create_task(self._repeat(name, act))

    async def _repeat(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        while not self._stop:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await act()
            except TimeoutError:
                self.outcome.stuck.append(name)
            except (OSError, EOFError, ValueError) as error:
                self.outcome.wrong.append(f"{name}: {error!r}")
            else:
                self.outcome.done[name] += 1

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self._address)

    async def _good(self) -> None:
        """A few requests on one connection, each answered to the byte."""
        reader, writer = await self._connect()
        try:
            for _ in range(self._random.randint(1, 20)):
                await self._exchange(reader, writer, pieces=1)
        finally:
            writer.close()

    async def _slow(self) -> None:
        """A request in pieces with pauses, none of them long enough for a time-out."""
        reader, writer = await self._connect()
        try:
            await self._exchange(reader, writer, pieces=self._random.randint(2, 12))
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, pieces: int
    ) -> None:
        path = f"/{self._random.getrandbits(40):x}"
        body = self._random.randbytes(self._random.choice((0, 0, 1, 1000, 70_000)))
        chunked = bool(body) and self._random.random() < 0.5
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\n"
        if chunked:
            half = len(body) // 2 or 1
            sent = b"".join(
                b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part
            )
            data = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + sent + b"0\r\n\r\n"
        else:
            data = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if pieces > 1:
                await asyncio.sleep(0.02)  # the client's slowness itself
        status, answer = await _response(reader)
        seen = json.loads(answer) if status == 200 else {}
        if (seen.get("path"), seen.get("body")) != (path, body.decode("latin-1")):
            raise ValueError(f"asked {data[:60]!r}, was given {status} {answer[:60]!r}")

    async def _bad(self) -> None:
        """Something that is no request, with a good one behind it that must not be answered."""
        reader, writer = await self._connect()
        try:
            data = self._random.choice(_BAD)
            writer.write(data)
            try:
                answer = await reader.read(-1)
            except ConnectionError:
                return  # closed so early that the rest met nobody
            if len(_STATUS_LINE.findall(answer)) > 1 or answer[9:10] not in (b"", b"4", b"5"):
                raise ValueError(f"{data[:60]!r} was answered {answer[:80]!r}")
        finally:
            writer.close()

    async def _deaf(self) -> None:
        """Requests whose answers are not read, and then the end."""
        reader, writer = await self._connect()
        del reader
        writer.write(_NEXT * self._random.randint(1, 2000))
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async def _gone(self) -> None:
        """A reset at some point of a request or of its answer."""
        reader, writer = await self._connect()
        data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789"
        writer.write(data[: self._random.randint(0, len(data))])
        await asyncio.sleep(self._random.choice((0, 0.005)))
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        del reader


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of a response with a Content-Length. EOFError if it is not whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
    return int(head[9:12]), await reader.readexactly(int(fields["content-length"]))
