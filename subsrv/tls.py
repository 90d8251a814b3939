"""TLS under a connection: the handshake before it, and then a socket that it cannot tell apart.

OpenSSL works on memory here and never sees the descriptor, so what is read, what is sent and what
waits are ours to decide, and a turn costs one system call each way. A worker without certificates
does not import this.
"""

import socket
import ssl
from contextlib import suppress

from subsrv.arrival import Arrival, Next
from subsrv.certificates import Certificates, Context
from subsrv.exchange import Address
from subsrv.reactor import IN, OUT
from subsrv.shared import Shared
from subsrv.tls_session import Session

# What one record can hold, so that a read never leaves a part of one behind.
_RECORD = 16384

# Encrypted at a time; what of it the socket does not take waits in memory twice.
_SLICE = 65536

# What may wait to be sent beside that: answers to a client's requests for new keys. One that asks
# for more without reading them means no good.
_CHATTER = 65536

_HANDSHAKE = 0x16  # a record's type, and so the first byte of all who speak TLS


class TLSSocket:
    """What a connection needs of a socket, with TLS in between. Owns the socket below.

    Made when the handshake is over; `recv` raises BlockingIOError where there is not a whole
    record yet, and ssl.SSLError, an OSError, for what cannot be one.
    """

    def __init__(
        self,
        sock: socket.socket,
        ssl_object: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        session: Session,
    ) -> None:
        self._sock = sock
        self._ssl = ssl_object
        self._incoming = incoming
        self._outgoing = outgoing
        self._wire: memoryview | bytes = b""  # encrypted, and not taken by the socket
        # With how many bytes in it `send` will be called again, for they were not reported taken.
        self._sealed = 0
        self._ended = False  # the client sends no more, or nothing that can be read
        self._fault: OSError | None = None
        self.tls = session

    def fileno(self) -> int:
        """The descriptor of the socket below."""
        return self._sock.fileno()

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """Of the socket below."""
        return self._sock.getsockopt(level, option, size)

    def recv(self, size: int) -> bytes:
        """See socket.recv. All that has come is decrypted, so nothing waits that epoll knows not.

        That may be somewhat more than `size`: the beginning of a record has come before.
        """
        if self._ended:
            if self._fault is not None:
                raise self._fault
            return b""
        incoming = self._incoming
        if not incoming.pending:  # or it came with the handshake's last message
            data = self._sock.recv(size)
            if not data:
                # Without close_notify. HTTP tells a whole request from one that is cut short.
                self._ended = True
                return b""
            incoming.write(data)
        plain = self._decrypt()
        if self._outgoing.pending:
            self._answer()
        if plain is None:
            raise BlockingIOError
        return plain

    def _decrypt(self) -> bytes | None:
        """What there is in whole records; None where there is none, b"" at the end."""
        read, incoming = self._ssl.read, self._incoming
        pieces: list[bytes] = []
        try:
            while data := read(_RECORD):
                pieces.append(data)
                if not incoming.pending:
                    break
            else:
                self._end()
        except ssl.SSLWantReadError:
            if not pieces:
                return None
        except ssl.SSLZeroReturnError:  # as above, where we have said so, too
            self._end()
        except ssl.SSLError as error:
            self.tls.silent = True
            self._end(error)
            if not pieces:
                self._answer()  # the alert
                raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _end(self, fault: OSError | None = None) -> None:
        """The client has said that nothing more will come, or makes no sense any more.

        It may well wait now for us to close, with the connection open below TLS. So that epoll
        tells of this end like of any other, whenever the connection looks, the kernel is told.
        """
        self._ended = True
        self._fault = fault
        with suppress(OSError):  # the client is gone: that, too, epoll tells
            self._sock.shutdown(socket.SHUT_RD)

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """See socket.send. As with OpenSSL, what is sent next must begin with what was not taken.

        Bytes count as taken when they have left, encrypted; but for those, all of `data` is.
        """
        size, done = len(data), self._sealed
        while True:
            if self._wire and not self._push():
                # Encrypted is never shorter than plain: no more than this can still be here.
                self._sealed = kept = min(done, len(self._wire))
                if done == kept:
                    raise BlockingIOError
                return done - kept
            if done == size:
                self._sealed = 0
                return size
            piece = data if size <= _SLICE and not done else memoryview(data)[done : done + _SLICE]
            done += self._ssl.write(piece)
            self._wire = self._outgoing.read()

    def _push(self) -> bool:
        """Send what is encrypted; whether all of it has left."""
        wire = self._wire
        try:
            sent = self._sock.send(wire)
        except (BlockingIOError, InterruptedError):
            return False
        if sent == len(wire):
            self._wire = b""
            return True
        self._wire = memoryview(wire)[sent:]
        return False

    def _answer(self) -> None:
        """Send what OpenSSL itself has to say, behind what waits. Raises OSError."""
        self._wire = bytes(self._wire) + self._outgoing.read()
        if not self._push() and len(self._wire) > _SLICE + _CHATTER:
            raise ConnectionAbortedError("the client asks and asks, and does not read")

    def shutdown(self, _how: int) -> None:
        """Say that nothing more will be sent: close_notify, and the same to the kernel."""
        self._say_goodbye()
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Say goodbye unless something is missing, and close."""
        self._say_goodbye()
        self._sock.close()

    def _say_goodbye(self) -> None:
        if self.tls.silent or self._wire:
            return
        self.tls.silent = True  # once is enough
        with suppress(ssl.SSLError):  # the client has not said so yet: nobody waits for that
            self._ssl.unwrap()
        self._wire = self._outgoing.read()
        with suppress(OSError):
            self._push()


class Handshake(Arrival):
    """A client that has connected, until both have agreed on keys."""

    __slots__ = ("_incoming", "_outgoing", "_ssl", "_wire")

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        client: Address | None,
        server: Address | None,
        *,
        then: Next,
        certificates: Certificates,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = certificates.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._wire = b""
        super().__init__(shared, sock, client, server, then=then)

    def _step(self, mask: int) -> None:
        if mask & OUT:
            self._flush()
            if not mask & ~OUT:
                return
        data = self._sock.recv(_RECORD)
        if not data:
            self._shared.failed_handshakes += 1
            self.close()
            return
        if not self._begun:
            self._begun = True
            if data[0] != _HANDSHAKE and data[:1].isalpha():
                # Somebody speaks HTTP to the port of https, most likely.
                self._refuse_plain()
                return
        self._incoming.write(data)
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._shared.failed_handshakes += 1
            self._flush()  # the alert that says why
            self._turn_away()
        else:
            self._finish()

    def _finish(self) -> None:
        self._shared.handshakes += 1
        context = self._ssl.context  # perhaps another than at first: that of the name asked for
        session = Session(self._ssl, context.own if isinstance(context, Context) else None)
        sock = TLSSocket(self._sock, self._ssl, self._incoming, self._outgoing, session)
        sock._wire = self._wire
        sock._answer()
        connection = self._let_in(sock)
        if self._incoming.pending and self._sock.fileno() >= 0:
            # The first request has come along with the end of the handshake.
            connection.on_event(IN)

    def _flush(self) -> None:
        waited = self._wire != b""
        self._wire += self._outgoing.read()
        if self._wire:
            with suppress(BlockingIOError, InterruptedError):
                self._wire = self._wire[self._sock.send(self._wire) :]
            if waited or self._wire:
                self._reactor.rewatch(self._fd, IN | (OUT if self._wire else 0))

    def _refuse_plain(self) -> None:
        self._shared.failed_handshakes += 1
        connection = self._let_in(self._sock)
        connection.refuse(400, "this is a port for https, and this is http")

    def _timed_out(self) -> None:
        self._shared.timed_out_handshake += 1
