"""Groups: the isolates of one program that have joined under a name, workers of a server say.

Whoever joins listens at an abstract Unix address and looks for the others in /proc/net/unix, in
this order: so of two who join at once, at least one finds the other. A newcomer sends its port to
each member that it finds, and each sends its own back. A member that has gone is found out by its
closed port.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import struct
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol, Self

from subsrv.isolate.errors import IsolateError, NotReceivableError, PortClosedError
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.sending import FAMILY, SendPort, adopt_sender
from subsrv.isolate.state import current

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

# Seconds. A member that does not turn its loop for so long is not waited for; it is heard and
# spoken to as soon as it does.
_PATIENCE = 2.0


class Replica(Protocol):
    """What all members have a copy of."""

    def state(self) -> Any:
        """All of it, as a message."""

    def merge(self, state: Any) -> None:
        """Learn what another knows, all of it or a part."""


class Group:
    """What `broadcast` says, every other member receives. Used in one loop.

    As an async context manager it joins and leaves. Messages are as those of ports; those of one
    member arrive in order. A member that does not receive holds back those who broadcast.
    """

    def __init__(self, name: str, *, replica: Replica | None = None) -> None:
        if not name or "/" in name or len(name) > 40:
            raise IsolateError(f"{name!r} is no name for a group: 1 to 40 characters without /")
        self._prefix = f"subsrv/{current().program}/{name}/"
        self._replica = replica
        #: The name of this member among the others.
        self.token = secrets.token_hex(8)
        self._members: dict[str, SendPort] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._expected: dict[str, asyncio.Future[None]] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._inbox = ReceivePort()
        self._messages: asyncio.Queue[Any] = asyncio.Queue(1)
        self._listener = socket.socket(*FAMILY)
        self._listener.bind("\0" + self._prefix + self.token)
        self._listener.listen(128)
        self._listener.setblocking(False)
        loop.add_reader(self._listener, self._on_newcomer)
        self._reading = loop.create_task(self._read())
        for token in self._others():
            self._knock(token)
        if self._expected:
            await asyncio.wait(self._expected.values(), timeout=_PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        tasks = [self._reading, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._inbox.close()
        for port in self._members.values():
            port.close()
        self._members.clear()

    @property
    def size(self) -> int:
        """How many members are known, this one included."""
        return len(self._members) + 1

    async def broadcast(self, message: Any) -> None:
        """Send to all other members; those that have gone are forgotten."""
        await self._send_all(("say", message))

    async def tell(self, state: Any) -> None:
        """Send to the replicas of all other members."""
        await self._send_all(("state", self.token, state))

    async def _send_all(self, message: tuple[Any, ...]) -> None:
        for token, port in list(self._members.items()):
            try:
                await port.send(message)
            except PortClosedError:
                self._members.pop(token, None)
                port.close()

    async def receive(self) -> Any:
        """The next message of another member."""
        message = await self._messages.get()
        if isinstance(message, NotReceivableError):
            raise message
        return message[0]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self.receive()

    def _others(self) -> list[str]:
        found = []
        for line in Path("/proc/net/unix").read_text(errors="replace").splitlines():
            _, at, name = line.partition(f" @{self._prefix}")
            # An accepted connection has the address of its listener, too.
            if at and name != self.token and name not in found:
                found.append(name)
        return found

    def _knock(self, token: str) -> None:
        """Send the own port to a member."""
        door = socket.socket(*FAMILY)
        door.setblocking(False)
        try:
            door.connect("\0" + self._prefix + token)
        except OSError:  # gone, or so far behind that its backlog is full
            door.close()
            return
        self._expected[token] = asyncio.get_running_loop().create_future()
        with adopt_sender(door.detach()) as port:
            port.send_nowait(("hi", self.token, self._inbox.send_port))

    def _on_newcomer(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        if uid != os.getuid():  # another user: messages are pickles, and would run its code
            sock.close()
            return
        self._start(self._greet(ReceivePort.adopt(sock.detach())))

    def _start(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _greet(self, door: ReceivePort) -> None:
        with door:
            try:
                _, token, port = await door.receive()
                await port.send(("hi", self.token, self._inbox.send_port))
                await port.flush()
            except (PortClosedError, NotReceivableError):
                return
            self._meet(token, port)

    def _meet(self, token: str, port: SendPort) -> None:
        if token in self._members:
            port.close()
        else:
            self._members[token] = port
            if self._replica is not None:
                # Now that it hears of every change: what came before, it hears of so. The other
                # does the same, as either may know what nobody else does.
                self._start(self._introduce(port, self._replica))
        if self._replica is None:
            self._met(token)

    async def _introduce(self, port: SendPort, replica: Replica) -> None:
        with contextlib.suppress(PortClosedError):
            await port.send(("state", self.token, replica.state()))

    def _met(self, token: str) -> None:
        expected = self._expected.pop(token, None)
        if expected is not None and not expected.done():
            expected.set_result(None)

    async def _read(self) -> None:
        while True:
            try:
                message = await self._inbox.receive()
            except NotReceivableError as error:
                await self._messages.put(error)
                continue
            if message[0] == "hi":
                self._meet(*message[1:])
            elif message[0] == "state":
                if self._replica is not None:
                    self._replica.merge(message[2])
                self._met(message[1])
            else:
                await self._messages.put(message[1:])
