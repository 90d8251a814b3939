"""The channel between the supervisor and one worker: framed messages over a socketpair.

One message is one line of JSON, an object with a "type". A descriptor crosses every boundary (an
interpreter's, a thread's, a process's), so the same channel serves every kind of worker, and it
can stand in any selector: nothing ever polls.

From the worker:
  ready   {interpreter, thread, pid, gil, python}       it accepts connections now, or is held
  failed  {status, message, detail}                     it could not start; it ends after this
  stats   {…counters}                                   the answer to "stats"
  gil     {module}                                      an extension module has turned it on
  spent   {reason}                                      it has served enough
  draining {}                                           it has stopped to accept
  stacks  {text}                                        the answer to "stacks"
  pong    {gil}                                         its loop turns
  gone    {}                                            its drain is over; it ends after this
  died    {message, detail}                             sent for it: an exception escaped it
To the worker:
  accept  {}                                            to one that is held: accept from now on
  stop    {timeout, parting, succeeded}                 drain within so many seconds, then end;
                                                        idle connections wait parting seconds for
                                                        one more request; another worker may have
                                                        its place. A second one can but hurry it
  reopen  {}                                            open log files anew
  ping    {}                                            asks for a "pong"
  certificates {}                                       read TLS's certificates anew
  stats   {}                                            asks for a snapshot of its counters
  stacks  {}                                            asks what it is doing
Over a second channel, which a thread of the worker's listens to (rescue.py):
  rescue  {attempt}                                     to it: the loop does not turn, do something
  stuck   {stack}                                       from it: where the loop is
"died" comes from the backend, which holds a second descriptor of the worker's end until nothing
of the worker is left: its isolate is closed when the channel is. A channel that closes without
"failed", "gone" or "died" is a worker that was killed. A worker whose channel closes has lost its
supervisor, and drains.
"""

import contextlib
import json
import socket
from typing import Any, NamedTuple

_CHUNK = 65536


class Message(NamedTuple):
    """One message: its type, and whatever else it carries."""

    type: str
    fields: dict[str, Any]


class Channel:
    """One end of the channel. Owns its socket; `close()` it or use it as a context manager."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._partial = b""

    @classmethod
    def adopt(cls, fd: int) -> "Channel":
        """Take over the descriptor `fd`, which this channel closes from now on."""
        return cls(socket.socket(fileno=fd))

    @classmethod
    def pair(cls) -> tuple["Channel", "Channel"]:
        """Two connected ends."""
        ours, theirs = socket.socketpair()
        return cls(ours), cls(theirs)

    def send(self, type_: str, **fields: Any) -> None:
        """Send one message; blocks while the peer's buffer is full. OSError if the peer is gone."""
        frame = json.dumps({"type": type_, **fields}).encode() + b"\n"
        self._sock.sendall(frame)

    def receive(self) -> list[Message]:
        """Wait for bytes, then return every whole message (perhaps none). EOFError at the end.

        BlockingIOError instead of the wait after `setblocking(False)`.
        """
        try:
            data = self._sock.recv(_CHUNK)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError("the control channel is closed")
        *frames, self._partial = (self._partial + data).split(b"\n")
        messages = []
        for frame in frames:
            fields = json.loads(frame)
            messages.append(Message(fields.pop("type"), fields))
        return messages

    def fileno(self) -> int:
        """The descriptor, for selectors and for handing this end to a worker."""
        return self._sock.fileno()

    def detach(self) -> int:
        """Give up the descriptor without closing it."""
        return self._sock.detach()

    def setblocking(self, flag: bool) -> None:
        """Whether `send` and `receive` wait, which they do at first."""
        self._sock.setblocking(flag)

    def shutdown(self) -> None:
        """Make the peer see the end, even while other descriptors of this end are open."""
        with contextlib.suppress(OSError):  # the peer is gone already
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this descriptor: the peer sees the end when it was the last of this end."""
        self._sock.close()

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
