"""Ports: many senders, one receiver, and a Unix socket between them.

The socket keeps packets whole (SOCK_SEQPACKET), so many senders share it without a lock between
them, and it is the wake-up as well: whoever waits, waits for its descriptor, in a loop or in poll.
Both ends see the other's end as the kernel does, also when an isolate dies.
"""

import asyncio
import collections
import contextlib
import socket
import struct
from typing import Any, Self

from subsrv.isolate import messages
from subsrv.isolate.errors import NotSendableError, PortClosedError
from subsrv.isolate.memory import Borrower
from subsrv.isolate.sending import BUFFER, FAMILY, ROOM, SendPort, drop
from subsrv.isolate.state import current

_ANCILLARY = socket.CMSG_SPACE(4 * (messages.MAX_DESCRIPTORS + 2))
_CODED = (list, messages.Parcel)
_TIMEVAL = struct.Struct("@ll")


# Where packets are received: whoever waits or unpacks has taken one meanwhile.
_spare: list[bytearray] = []
_SPARE = 4


class ReceivePort:
    """The receiving end of a port; `send_port` is its first sender.

    A receiver sees the end of the port when all its senders are closed, `send_port` too: who hands
    that on and wants to see the end closes it. Made for one receiver: a thread, or tasks of one
    loop.

    Args:
      buffer: about how many bytes of messages may be under way before senders wait (a short
        packet counts for the kernel's own 0.7 KB, one longer than 192 KB for a sixteenth of
        itself); None for 400 KB.
      unbounded: senders never wait; what the kernel does not take, they keep.
    """

    def __init__(self, *, buffer: int | None = None, unbounded: bool = False) -> None:
        ours, theirs = socket.socketpair(*FAMILY)
        size = BUFFER if buffer is None else max(buffer // 2, 1)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        self._init(ours)
        self.send_port = SendPort(theirs, unbounded=unbounded)

    def _init(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.settimeout(None)  # whatever socket.setdefaulttimeout says
        self._ready: collections.deque[Any] = collections.deque()
        self._borrower = Borrower()
        self._bound: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching = False
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()
        self._owner = current()
        self._owner.own(self)

    @classmethod
    def adopt(cls, fd: int) -> "ReceivePort":
        """A port without a sender of its own, at a descriptor that it takes over."""
        port = cls.__new__(cls)
        port._init(socket.socket(*FAMILY, fileno=fd))
        return port

    async def receive(self) -> Any:
        """The next message.

        PortClosedError at the end, NotReceivableError for a message that does not decode here.
        """
        ready = self._ready
        while True:
            if self._owner.paused:
                await self._owner.resumed()
            if ready or self._pull():
                return messages.decode(ready.popleft(), self._borrower)
            await self._arrival()

    def receive_sync(self, *, timeout: float | None = None) -> Any:
        """As `receive`, for a thread without a loop. TimeoutError after `timeout` seconds."""
        owner = self._owner
        if timeout != self._bound:
            self._bind(timeout)
        if owner.paused or owner.stopping:
            owner.wait_while_paused()
        if self._ready or self._pull(socket.MSG_DONTWAIT if timeout == 0 else 0):
            item = self._ready.popleft()
            # What came as it is needs no call.
            return messages.decode(item, self._borrower) if type(item) in _CODED else item
        raise TimeoutError("nothing came in time")

    def _bind(self, timeout: float | None) -> None:
        """Let the kernel end a wait: one call where poll and another would be two."""
        # Zero would be for ever.
        micros = 0 if timeout is None else max(int(timeout * 1e6), 1)
        with contextlib.suppress(OSError):  # closed: receiving says it
            value = _TIMEVAL.pack(*divmod(micros, 1_000_000))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
            self._bound = timeout

    def receive_nowait(self) -> Any:
        """The next message if there is one. BlockingIOError if not."""
        if self._owner.paused or not (self._ready or self._pull()):
            raise BlockingIOError("no message")
        return messages.decode(self._ready.popleft(), self._borrower)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._sock.fileno() < 0

    def close(self) -> None:
        """Close the port: its senders get PortClosedError, and whoever waits here, too."""
        if self.closed:
            return
        self._unwatch()
        self._sock.close()
        drop(self._ready)
        self._borrower.close()
        if (send_port := getattr(self, "send_port", None)) is not None:
            send_port.close()
        self._wake(len(self._waiting))

    def interrupt(self) -> None:
        """Wake a thread that waits here: its isolate shall end, and no message counts any more."""
        self.shutdown()

    def abandon(self) -> None:
        """Close it; see SendPort.abandon."""
        self.close()

    def fileno(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._sock.fileno()

    def detach(self) -> int:
        """Give up the descriptor, unclosed, but not the sender. Nothing may have been received."""
        return self._sock.detach()

    def leave_loop(self) -> None:
        """Be free for another loop, or for a thread; called in the loop that has received."""
        self._unwatch()

    def shutdown(self) -> None:
        """Make both sides see the end, also a thread that waits here now."""
        with contextlib.suppress(OSError):  # closed already
            self._sock.shutdown(socket.SHUT_RDWR)

    def _pull(self, flags: int = socket.MSG_DONTWAIT) -> bool:
        """Take a packet from the kernel, if there is one. PortClosedError at the end."""
        try:
            buffer = _spare.pop()
        except IndexError:
            buffer = bytearray(ROOM)
        try:
            size, ancillary, _, _ = self._sock.recvmsg_into([buffer], _ANCILLARY, flags)
        except BlockingIOError:
            _keep(buffer)
            return False
        except OSError as error:
            size, ancillary = 0, []
            if not self.closed and not isinstance(error, ConnectionError):
                raise
        if not size:
            self._owner.check()  # it may be the end of the isolate, see `interrupt`
            raise PortClosedError("the port is closed" if self.closed else "all senders are closed")
        self._ready.extend(messages.unpack(buffer, ancillary))
        _keep(buffer)
        return True

    async def _arrival(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._unwatch()
            self._loop = loop
        if not self._watching:
            loop.add_reader(self._sock.fileno(), self._on_readable)
            self._watching = True
        future = loop.create_future()
        self._waiting.append(future)
        try:
            await future
        except BaseException:
            # Woken and cancelled at once: the message is for the next who waits.
            if future.done() and not future.cancelled() and self._ready:
                self._wake(1)
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(future)

    def _on_readable(self) -> None:
        if not self._waiting:
            # Nobody wants it now: let the socket fill, and the senders wait.
            self._unwatch()
            return
        try:
            if not self._ready and not self._pull():
                return
        except PortClosedError:
            self._unwatch()
            self._wake(len(self._waiting))
        else:
            self._wake(len(self._ready))

    def _wake(self, count: int) -> None:
        waiting = self._waiting
        while count > 0 and waiting:
            future = waiting.popleft()
            if not future.done():
                count -= 1
                future.set_result(None)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            assert self._loop is not None
            if not self._loop.is_closed():
                self._loop.remove_reader(self._sock.fileno())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except PortClosedError:
            raise StopAsyncIteration from None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self.receive_sync()
        except PortClosedError:
            raise StopIteration from None

    def __reduce__(self) -> Any:
        raise NotSendableError("a ReceivePort stays where it was made: send its send_port")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if (sock := getattr(self, "_sock", None)) is not None:
            sock.close()


def _keep(buffer: bytearray) -> None:
    if len(_spare) < _SPARE:
        _spare.append(buffer)
