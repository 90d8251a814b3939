"""The sending end of a port; see `receiving` for the whole.

Messages are coalesced. A sender in a loop that sends one message after another gathers them until
the turn of its loop is over (or BATCH of them are there); a message that comes after a pause goes
at once. What a full socket does not take stays with the sender, and goes in as few packets as
possible.
"""

import asyncio
import collections
import contextlib
import errno
import select
import socket
import threading
import time
from typing import Any, Self

from subsrv.isolate import messages
from subsrv.isolate.errors import PortClosedError, PortFullError
from subsrv.isolate.memory import Lender
from subsrv.isolate.messages import Parcel
from subsrv.isolate.state import current

# Messages in a packet: enough to make the system's share of each small.
BATCH = 256

# Seconds. Messages of one sender that follow each other faster than a round trip can be are a
# stream, and are coalesced.
_STREAM = 20e-6

# Bytes at which a packet of several messages is long enough.
_FULL = 65536

#: The longest packet in bytes: a message that needs more goes by memory of its own, which costs
#: several times as much. Every system lets a buffer be made that holds two.
PACKET = 196_608

#: Bytes that are received at once: what stands around a parcel's pickle is not in its limit.
ROOM = PACKET + 64

# A long message counts for a part of its length, as bytes that nobody looks at, up to a packet: a
# few of the longest fill a port.
_PADDING = memoryview(bytes(PACKET))
_UNDER_WAY = 16
_FRAME = 64

#: The buffer of a socket, as one asks for it: the kernel makes it twice that.
BUFFER = 212_992

#: The kind of socket that a port is.
FAMILY = (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0)


class SendPort:
    """The sending end of a port. Copies of it, made by sending it, are senders of their own.

    Messages of one SendPort arrive in the order in which they were sent. The object may be used by
    several threads of an isolate, and by one loop.
    """

    def __init__(self, sock: socket.socket, *, unbounded: bool) -> None:
        self._sock = sock
        sock.settimeout(None)  # whatever socket.setdefaulttimeout says
        self._unbounded = unbounded
        # The longest packet: one longer than the kernel's buffer never fits.
        self._limit = min(PACKET, sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2)
        self._lender = Lender()
        self._lock = threading.Lock()
        self._pending: list[Any] = []
        # Bytes of a message in the last packet.
        self._average = 1
        self._last = 0.0
        # The loop that will flush when its turn is over.
        self._turn: asyncio.AbstractEventLoop | None = None
        self._writable: asyncio.Future[None] | None = None
        self._flusher: threading.Thread | None = None
        self._closing = False
        self._owner = current()
        self._owner.own(self)

    async def send(self, message: Any) -> None:
        """Send a message; wait while the port is full, unless it is unbounded.

        The message leaves at the end of the loop's turn at the latest. NotSendableError,
        PortClosedError.
        """
        item = messages.encode(message, self._limit, self._lender)
        if messages.is_bulky(item):
            # Gathering saves it nothing, and its memory is free the sooner for the next.
            self._pending.append(item)
        elif self._turn is not None and not self._turn.is_closed():
            self._pending.append(item)
            if len(self._pending) < BATCH:
                return
        else:
            now = time.monotonic()
            closely, self._last = now - self._last < _STREAM, now
            if closely:
                self._pending.append(item)
                self._turn = asyncio.get_running_loop()
                self._turn.call_soon(self._end_turn)
                return
            if self._at_once(item):
                return
            self._pending.append(item)
        if not self._flush() and not self._overflow():
            await self._drained()

    def send_nowait(self, message: Any) -> None:
        """Send a message at once. PortFullError where it would have to wait: it is not sent then.

        Transferables in it have moved in any case.
        """
        single = [messages.encode(message, self._limit, self._lender)]
        with self._lock:
            sent = self._send_all(self._pending) and self._send_all(single)
            if not sent and self._unbounded:
                self._pending.extend(single)
        if not sent and not self._overflow():
            drop(single)
            raise PortFullError("the port is full")

    def send_sync(self, message: Any, *, timeout: float | None = None) -> None:
        """Send a message at once; block while the port is full. TimeoutError after `timeout`.

        After a TimeoutError the message stays with the sender, and goes with the next.
        """
        item = messages.encode(message, self._limit, self._lender)
        if self._at_once(item):
            return
        self._pending.append(item)
        if not self._flush() and not self._overflow():
            self.flush_sync(timeout=timeout)

    def send_many(self, batch: list[Any], *, timeout: float | None = None) -> None:
        """Send all of these messages, in few packets; block while the port is full."""
        encoded = [messages.encode(message, self._limit, self._lender) for message in batch]
        self._pending.extend(encoded)
        if not self._flush() and not self._overflow():
            self.flush_sync(timeout=timeout)

    async def flush(self) -> None:
        """Wait until the kernel has all messages."""
        if not self._flush():
            await self._drained()

    def flush_sync(self, *, timeout: float | None = None) -> None:
        """Block until the kernel has all messages. TimeoutError after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._flush():
            _wait(self._sock, self._owner.stop_fd, deadline)
            self._owner.check()

    def copy(self) -> "SendPort":
        """Another sender to the same port."""
        self._check_open()
        return SendPort(self._sock.dup(), unbounded=self._unbounded)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing or self._sock.fileno() < 0

    def close(self) -> None:
        """Give up this sender; what it still holds goes first, by a thread if that takes time."""
        if self.closed:
            return
        self._unwatch()
        with contextlib.suppress(PortClosedError):
            sent = self._flush()
            self._closing = True
            if not sent or self._flusher is not None:
                self._start_flusher()
                return
        self._closing = True
        self._end()

    def interrupt(self) -> None:
        """Nothing: who waits here waits for the isolate's end, too."""

    def abandon(self) -> None:
        """Close it at once, with whatever waits in it, and without its lock.

        An isolate that was killed may have been so anywhere, holding any lock.
        """
        self._closing = True
        self._sock.close()
        drop(self._pending)
        self._lender.close()

    def _end(self) -> None:
        with self._lock:
            drop(self._pending)
            self._sock.close()
        self._lender.close()

    def _unwatch(self) -> None:
        future, self._writable = self._writable, None
        if future is not None and not future.get_loop().is_closed():
            future.get_loop().remove_writer(self._sock.fileno())
            if not future.done():
                future.set_result(None)

    def fileno(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._sock.fileno()

    def detach(self) -> int:
        """Give up the descriptor, unclosed. Nothing may be waiting in this sender."""
        return self._sock.detach()

    def _check_open(self) -> None:
        if self._sock.fileno() < 0:
            raise PortClosedError("this SendPort is closed")

    def _end_turn(self) -> None:
        self._turn = None
        with contextlib.suppress(PortClosedError):  # the next send says so
            if not self._flush() and not self._overflow():
                self._watch(asyncio.get_running_loop())

    def _at_once(self, item: Any) -> bool:
        """Send an element alone: the short way, if nothing is before it or against it."""
        kind = type(item)
        with self._lock:
            if self._pending:
                return False
            try:
                if kind is Parcel:
                    self._send_parcel(item)
                elif (kind is bytes or kind is list) and (parts := messages.pack_long(item)):
                    if sum(map(len, parts)) > self._limit:
                        return False
                    self._sock.sendmsg(parts, (), socket.MSG_DONTWAIT)
                elif len(packet := messages.pack([item])) > self._limit:
                    return False
                else:
                    self._sock.send(packet, socket.MSG_DONTWAIT)
            except OSError:
                return False
        return True

    def _flush(self) -> bool:
        with self._lock:
            return self._send_all(self._pending)

    def _send_all(self, pending: list[Any]) -> bool:
        """Send these elements and remove them; False if the socket is full before the end."""
        try:
            while pending:
                self._send_some(pending)
            self._check_open()
        except BlockingIOError:
            return False
        except OSError as error:
            # EBADF: closed here. What cannot be sent now never can.
            drop(pending)
            if isinstance(error, ConnectionError) or error.errno == errno.EBADF:
                raise PortClosedError("the port is closed") from error
            raise
        return True

    def _send_some(self, pending: list[Any]) -> None:
        """Send one packet from the front of `pending`.

        Elements leave it first, and come back if they were not sent: whatever exception is raised
        in this thread meanwhile (Killed, say), nothing is sent twice.
        """
        first = pending[0]
        if type(first) is Parcel:
            del pending[0]
            try:
                self._send_parcel(first)
            except OSError:
                pending.insert(0, first)
                raise
            return
        items, parts = [first], messages.pack_long(first)
        if parts is None:
            items, parts = self._gathered(pending)
        if sum(map(len, parts)) > self._limit:
            pending[0] = messages.long_parcel(first, self._lender)
            return
        del pending[: len(items)]
        try:
            self._sock.sendmsg(parts, (), socket.MSG_DONTWAIT)
        except OSError:
            pending[:0] = items
            raise

    def _gathered(self, pending: list[Any]) -> tuple[list[Any], tuple[bytes, ...]]:
        """As many elements as fit in a packet (or one that does not), and the packet."""
        while True:
            items = pending[: min(BATCH, max(_FULL // self._average, 1))]
            for index, item in enumerate(items):
                if type(item) is Parcel:
                    del items[index:]
                    break
            packet = messages.pack(items)
            self._average = len(packet) // len(items) + 1
            if len(packet) <= self._limit or len(items) == 1:
                return items, (packet,)

    def _send_parcel(self, parcel: Parcel) -> None:
        packet: list[bytes | memoryview] = [messages.wrap(parcel)]
        memory, fds = parcel.memory, parcel.fds
        if memory is not None:
            fds = [*memory.fds, *fds]
            if not memory.kept:
                packet.append(_PADDING[: min(memory.size // _UNDER_WAY, self._limit - _FRAME)])
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, _ints(fds))
        # Once it is sent the memory is the receiver's, whatever is raised here then.
        parcel.memory = None
        try:
            self._sock.sendmsg(packet, [rights], socket.MSG_DONTWAIT)
        except OSError:
            parcel.memory = memory
            raise
        parcel.drop()

    async def _drained(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._flush():
            await asyncio.shield(self._watch(loop))

    def _watch(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        """Flush when the socket takes more; the future is done then."""
        if self._writable is None or self._writable.get_loop() is not loop:
            self._writable = loop.create_future()
            loop.add_writer(self._sock.fileno(), self._on_writable)
        return self._writable

    def _on_writable(self) -> None:
        with contextlib.suppress(PortClosedError):  # whoever waits finds out
            if not self._flush():
                return
        self._unwatch()

    def _overflow(self) -> bool:
        """For an unbounded port: leave what is pending to a thread."""
        if self._unbounded:
            self._start_flusher()
        return self._unbounded

    def _start_flusher(self) -> None:
        """Have a thread send what is pending, and end. It also closes a port that is closing."""
        with self._lock:
            if self._flusher is None:
                self._flusher = threading.Thread(target=self._flush_all, name="port-flusher")
                self._flusher.start()

    def _flush_all(self) -> None:
        owner = self._owner
        with contextlib.suppress(PortClosedError):
            while not owner.stopping:
                with self._lock:
                    if self._send_all(self._pending):
                        self._flusher = None
                        break
                _wait(self._sock, owner.stop_fd, None)
        if self._closing:
            self._end()

    def __reduce__(self) -> Any:
        cargo = messages.outgoing("SendPort")
        self._check_open()
        return _arrived_port, (cargo.add(self._sock.fileno()), self._unbounded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A reply port in a message need not be closed by hand.
        if (sock := getattr(self, "_sock", None)) is not None:
            sock.close()


def drop(items: "list[Any] | collections.deque[Any]") -> None:
    """Forget elements that nobody will get."""
    for item in items:
        if type(item) is Parcel:
            item.drop()
    items.clear()


def _ints(fds: list[int]) -> bytes:
    return b"".join(fd.to_bytes(4, "little") for fd in fds)


def adopt_sender(fd: int, *, unbounded: bool = False) -> SendPort:
    """A SendPort at a descriptor that it takes over."""
    return SendPort(socket.socket(*FAMILY, fileno=fd), unbounded=unbounded)


def _arrived_port(place: int, unbounded: bool) -> SendPort:
    return adopt_sender(messages.arrived(place), unbounded=unbounded)


def _wait(sock: socket.socket, stop_fd: int, deadline: float | None) -> None:
    """Block until the socket takes more, the isolate shall end, or (TimeoutError) the deadline."""
    poll = select.poll()
    if sock.fileno() < 0:
        return
    poll.register(sock, select.POLLOUT)
    if stop_fd >= 0:
        poll.register(stop_fd, select.POLLIN)
    if deadline is None:
        poll.poll()
    elif (left := deadline - time.monotonic()) <= 0 or not poll.poll(left * 1000):
        raise TimeoutError("the port stayed full")
