"""Messages as bytes and descriptors.

A packet is one list in marshal's form, written and read by one call however many messages it
holds. Messages of the plain immutable types stand in it as they are; everything else stands as a
list of one element, its pickle. No plain message is a list, so the two cannot be confused.

marshal needs both ends to be the same CPython. They are: an isolate runs its parent's executable.

A message that carries descriptors (ports, transferables) or is too long for a packet has a packet
of its own, with the descriptors beside it: the kernel copies them for the receiver, whatever kind
of isolate that is, and closes them if nobody ever takes the packet. Long bytes, or a long pickle,
lie in memory that the first two descriptors stand for.
"""

import marshal
import os
import pickle
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

from subsrv.isolate.errors import IsolateError, NotReceivableError, NotSendableError
from subsrv.isolate.memory import Borrower, Lender, Memory

# The kernel takes at most 253 descriptors with a packet (SCM_MAX_FD); two may be the memory's.
MAX_DESCRIPTORS = 251

# The oldest form that has binary floats: newer ones look for repeated objects, which costs more
# than it saves in short messages.
_MARSHAL_VERSION = 2

#: What can lie in memory.
_BYTES, _PICKLE = "bytes", "pickle"

# Bytes from which on a message leaves at once: to gather such saves nothing.
_BULKY = 65536

# Bytes from which on a copy costs more than another buffer in the call.
_LONG = 8192

_EMPTY_BYTES = marshal.dumps([b""], _MARSHAL_VERSION)
_EMPTY_PICKLE = marshal.dumps([[b""]], _MARSHAL_VERSION)

_SCALARS = frozenset({int, str, bytes, float, bool, complex, type(None)})
_NUMBERS = _SCALARS - {str, bytes}


class Parcel(types.SimpleNamespace):
    """A message with descriptors, which are the parcel's own until it is sent or opened.

    `data` is its pickle; the size if the message is a Block alone; or what lies in memory, with its
    length and whether that has been sent before. The sender's parcel has the memory, too.
    """

    # Of a class that C makes, in one step: nobody is killed while half of it is there.
    data: bytes | int | tuple[str, int, bool]
    fds: list[int]
    memory: Memory | None = None

    def drop(self) -> None:
        """Close what is left of it."""
        memory, self.memory = self.memory, None
        if memory is not None:
            memory.free()
        while self.fds:
            if self.fds[-1] < 0:
                del self.fds[-1]
            else:
                os.close(self.fds.pop())

    def __del__(self) -> None:
        # Whoever had it was killed before it was sent.
        self.drop()


class Block:
    """Memory that a descriptor stands for: alone in a message it crosses without pickling."""

    #: Makes one of a descriptor and a size; the subclass that there is sets it.
    arrived: Callable[[int, int], Any]

    def leave(self) -> Parcel:
        """Give up the descriptor. IsolateError or BufferError if that cannot be."""
        raise NotImplementedError


class _Desk(threading.local):
    """What the message that this thread pickles or unpickles carries besides."""

    sending: "Outgoing | None" = None
    opening: Parcel | None = None


_desk = _Desk()


class Outgoing:
    """Collects what a message carries while it is pickled."""

    def __init__(self) -> None:
        self.parcel = Parcel(data=b"", fds=[])
        self.moved: list[Callable[[], None]] = []

    def add(self, fd: int) -> int:
        """Send a copy of `fd` along; return its place."""
        fds = self.parcel.fds
        if len(fds) == MAX_DESCRIPTORS:
            raise ValueError(f"more than {MAX_DESCRIPTORS} ports and transferables in a message")
        fds.append(os.dup(fd))
        return len(fds) - 1


def outgoing(what: str) -> Outgoing:
    """Where an object that is being pickled leaves its descriptors; TypeError if in no port."""
    if _desk.sending is None:
        raise TypeError(f"a {what} travels only in a message, or as an argument of spawn and run")
    return _desk.sending


def arrived(place: int) -> int:
    """Take over the descriptor at `place` of the message that is being unpickled."""
    parcel = _desk.opening
    if parcel is None:
        raise TypeError("descriptors arrive only by a port")
    fd, parcel.fds[place] = parcel.fds[place], -1
    return fd


def is_plain(message: object) -> bool:
    """Whether the message crosses without pickling.

    By exact type: subclasses would arrive as their base, and marshal makes bytes of bytearrays.
    """
    kind = type(message)
    if kind in _SCALARS:
        return True
    if kind is not tuple:
        return False
    assert isinstance(message, tuple)
    return _SCALARS.issuperset(map(type, message)) or all(map(is_plain, message))


def encode(message: Any, limit: int, lender: Lender) -> Any:
    """The message as an element of a packet, or a Parcel. NotSendableError if pickling fails.

    Transferables in it have moved when this returns.
    """
    kind = type(message)
    if kind in _NUMBERS or (kind is tuple and _SCALARS.issuperset(map(type, message))):
        return message
    if kind is bytes:
        return (
            message
            if len(message) <= limit
            else _lent(_BYTES, message, Parcel(data=b"", fds=[]), lender)
        )
    if kind is str:
        # A longer one would be written twice: not in its packet's list is where it ends up.
        if len(message) <= limit:
            return message
    elif kind is tuple:
        try:
            if is_plain(message):
                return message
        except RecursionError:
            pass  # pickle will say it
    elif isinstance(message, Block):
        try:
            return message.leave()
        except (IsolateError, BufferError) as error:
            raise NotSendableError(f"cannot be sent: {error}") from error
    return _pickled(message, limit, lender)


def is_bulky(item: Any) -> bool:
    """Whether an element is long enough to make a packet by itself, or must."""
    kind = type(item)
    return kind is Parcel or (kind is bytes and len(item) >= _BULKY)


def pack(items: list[Any]) -> bytes:
    """A packet of these elements."""
    return marshal.dumps(items, _MARSHAL_VERSION)


def pack_long(item: Any) -> tuple[bytes, ...] | None:
    """The packet of one element with long bytes in it, without a copy of them; None of others."""
    data, empty = (item[0], _EMPTY_PICKLE) if type(item) is list else (item, _EMPTY_BYTES)
    if type(data) is not bytes or len(data) < _LONG:
        return None
    # What marshal writes of bytes ends with their length and themselves.
    return empty[:-4] + len(data).to_bytes(4, "little"), data


def wrap(parcel: Parcel) -> bytes:
    """The packet that goes with a parcel's descriptors."""
    return marshal.dumps([[parcel.data]], _MARSHAL_VERSION)


def long_parcel(message: Any, lender: Lender) -> Parcel:
    """A plain message (or a pickle in its list) that is too long for a packet, as a Parcel."""
    data = message[0] if type(message) is list else pickle.dumps(message, 5)
    return _lent(_PICKLE, data, Parcel(data=b"", fds=[]), lender)


def unpack(packet: bytearray, ancillary: Sequence[tuple[int, int, bytes]]) -> Sequence[Any]:
    """The elements of a packet: plain messages, pickles in lists, or one Parcel.

    marshal does not look at what stands behind it.
    """
    if ancillary:
        fds: list[int] = []
        for _, _, data in ancillary:
            fds += memoryview(data).cast("i")
        return (Parcel(data=marshal.loads(packet)[0][0], fds=fds),)
    items: list[Any] = marshal.loads(packet)
    return items


def decode(item: Any, borrower: Borrower) -> Any:
    """The message of an element. NotReceivableError if it cannot be unpickled."""
    if type(item) is list:
        return _unpickled(item[0])
    if type(item) is not Parcel:
        return item
    data = item.data
    if type(data) is int:
        return Block.arrived(item.fds.pop(), data)
    previous, _desk.opening = _desk.opening, item
    try:
        if type(data) is tuple:
            what, size, again = data
            fd, done, *item.fds = item.fds
            data = borrower.read(fd, done, size, again=again)
            if what == _BYTES:
                return data
        return _unpickled(data)
    finally:
        _desk.opening = previous
        item.drop()


def _pickled(message: Any, limit: int, lender: Lender) -> Any:
    cargo = Outgoing()
    parcel = cargo.parcel
    previous, _desk.sending = _desk.sending, cargo
    try:
        data = pickle.dumps(message, 5)
    except Exception as error:  # whatever the object's own methods raise
        parcel.drop()
        raise NotSendableError(f"cannot be sent: {error or type(error).__name__}") from error
    finally:
        _desk.sending = previous
    for move in cargo.moved:
        move()
    if len(data) > limit:
        return _lent(_PICKLE, data, parcel, lender)
    parcel.data = data
    return parcel if parcel.fds else [data]


def _lent(what: str, data: bytes, parcel: Parcel, lender: Lender) -> Parcel:
    memory = parcel.memory = lender.lend(data)
    parcel.data = (what, len(data), memory.again)
    return parcel


def _unpickled(data: Any) -> Any:
    try:
        return pickle.loads(data)
    except Exception as error:  # whatever the classes' own methods raise
        raise NotReceivableError(f"cannot be received: {type(error).__name__}: {error}") from error
