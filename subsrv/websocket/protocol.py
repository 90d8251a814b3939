"""One WebSocket's frames: bytes in, events out; messages to bytes.

    protocol.feed(data)
    while (event := protocol.next()) is not None: ...

Events are whole messages, as str or bytes, `Ping` and `Close`. Memory is bounded by the largest
message that is allowed, also while it is inflated and in however many fragments it comes.

Nearly every frame is a whole message below 64 KiB that has come in one piece: those are read here.
Everything else is wsproto's, frame by frame: fragments, control frames, long ones, those that come
bit by bit, and whatever is wrong.
"""

import zlib
from typing import Any, NamedTuple, cast

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from subsrv.websocket.deflate import Agreement, Deflater, Inflater
from subsrv.websocket.masking import LONG, unmask

# Fragments are joined so many at a time: those of a byte cost ten times their size while they wait.
_JOINED = 4096

# RFC 6455 section 5.2. First bytes of a whole message: text or binary, FIN set; with RSV1 where it
# may be compressed.
_WHOLE = frozenset((0x81, 0x82))
_WHOLE_OR_DEFLATED = _WHOLE | {0xC1, 0xC2}
_TEXT, _DEFLATED = 0x01, 0x40
# The second byte has the mask bit, always set by a client, and the length, or how long that is.
_MASKED, _TWO_BYTES = 0x80, 0xFE
_SHORT = 126  # lengths below it fit there, and must stand there
_MEDIUM = 65536  # below it they take two bytes more, from here on eight
_HEAD = 6  # with the mask's four bytes
_LONGEST_HEAD = 14


class Ping(NamedTuple):
    """The client wants a pong with this."""

    payload: bytes


class Close(NamedTuple):
    """The client has closed; 1005 if it gave no code."""

    code: int
    reason: str


class WebSocketError(Exception):
    """The client has broken the protocol, or a limit: the code and the reason to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _not_text() -> WebSocketError:
    # The codec's own words speak of places within a piece, which are none in the message.
    return WebSocketError(CloseReason.INVALID_FRAME_PAYLOAD_DATA, "a text is not UTF-8")


class Protocol:
    """See the module. It reads nothing more after a Close or a WebSocketError."""

    def __init__(self, *, max_size: int, deflate: Agreement | None) -> None:
        self._payloads = _Payloads(max_size, deflate)
        self._frames = FrameProtocol(client=False, extensions=[self._payloads])
        self._most = max_size
        self._whole = _WHOLE if deflate is None else _WHOLE_OR_DEFLATED
        # What has been fed and, from the position on, not been read; what wsproto was given of it.
        self._data = b""
        self._position = 0
        self._given = 0
        self._over = False
        self._deflater = Deflater(deflate) if deflate is not None else None
        # Of a message that is not whole, str or bytes; and the last of them, yet to be joined.
        self._pieces: list[Any] = []
        self._small: list[Any] = []

    def feed(self, data: bytes) -> None:
        """Add what the client sent."""
        self._data = self._data[self._position :] + data if self._data else data
        self._position = 0

    def next(self) -> str | bytes | Ping | Close | None:
        """The next event, None if it needs more bytes, WebSocketError if they are wrong."""
        idle = self._given == self._payloads.read  # wsproto is not within a frame
        if self._over or (idle and not self._data):
            return None
        try:
            message = self._next_whole() if idle else None
            return message if message is not None else self._next()
        except UnicodeDecodeError:
            self._over = True
            raise _not_text() from None
        except ParseFailed as error:
            self._over = True
            if isinstance(error.__context__, UnicodeDecodeError):
                raise _not_text() from None
            raise WebSocketError(int(error.code), str(error)) from None

    def _next_whole(self) -> str | bytes | None:
        """The next message if it is one frame that is all here. ParseFailed, UnicodeDecodeError.

        None for all else, whatever it is, and then nothing has been read.
        """
        payloads = self._payloads
        data, start = self._data, self._position
        have = len(data) - start
        if have < _HEAD or payloads.unfinished:
            return None
        first, size, begin = data[start], data[start + 1], start + _HEAD
        if size == _TWO_BYTES:
            begin += 2
            size = int.from_bytes(data[start + 2 : start + 4])
            if size < _SHORT:
                return None
        else:
            size -= _MASKED
            if not 0 <= size < _SHORT:
                return None
        end = begin + size
        if end > len(data) or size > self._most or first not in self._whole:
            return None
        if size < LONG:
            # Section 5.3: each byte by one of the mask's four in turn; here all as one number.
            mask = data[begin - 4 : begin] * (size // 4 + 1)
            number = int.from_bytes(data[begin:end]) ^ int.from_bytes(mask[:size])
            payload = number.to_bytes(size)
        else:
            payload = unmask(data[begin:end], data[begin - 4 : begin])
        self._read_to(end)
        if first & _DEFLATED:
            payload = payloads.inflated(payload)
        return payload.decode() if first & _TEXT else payload

    def _next(self) -> str | bytes | Ping | Close | None:
        """The next event by wsproto. ParseFailed."""
        while True:
            for frame in self._frames.received_frames():
                opcode = frame.opcode
                if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
                    message = self._message(frame.payload, frame.message_finished)
                    if message is not None:
                        return message
                elif opcode is Opcode.PING:
                    return Ping(cast(bytes, frame.payload))
                elif opcode is Opcode.CLOSE:
                    self._over = True
                    code, reason = cast(tuple[int, str], frame.payload)
                    return Close(int(code), reason)
            # It gets no more than the frame that it has begun, or a head: so what follows can be
            # read here again.
            wanted = self._payloads.due - self._given
            start = self._position
            piece = self._data[start : start + (wanted if wanted > 0 else _LONGEST_HEAD)]
            if not piece:
                return None
            self._read_to(start + len(piece))
            self._given += len(piece)
            self._frames.receive_bytes(piece)

    def _read_to(self, end: int) -> None:
        """What has been fed is read up to here. One that idles keeps nothing of it."""
        if end == len(self._data):
            self._data = b""
            end = 0
        self._position = end

    def send(self, message: str | bytes) -> bytes:
        """The bytes of a message, which is one frame always: that is little to do without wsproto,
        and takes a tenth of the time. TypeError for what is neither str nor like bytes.
        """
        if isinstance(message, str):
            first, data = 0x81, message.encode()
        else:
            first, data = 0x82, b"".join((message,))
        if self._deflater is not None and data:
            first |= 0x40
            data = self._deflater.message(data)
        size = len(data)
        if size < 126:
            return bytes((first, size)) + data
        if size < 65536:
            return bytes((first, 126)) + size.to_bytes(2) + data
        return bytes((first, 127)) + size.to_bytes(8) + data

    def ping(self) -> bytes:
        """The bytes of a ping."""
        return bytes(self._frames.ping())

    def pong(self, payload: bytes) -> bytes:
        """The bytes of the answer to a ping."""
        return bytes(self._frames.pong(payload))

    def close(self, code: int, reason: str = "") -> bytes:
        """The bytes of a close: without the code where it is none that may be sent."""
        if code in (CloseReason.NO_STATUS_RCVD, CloseReason.ABNORMAL_CLOSURE):
            return bytes(self._frames.close())
        return bytes(self._frames.close(code, reason))

    def _message(self, payload: Any, whole: bool) -> str | bytes | None:
        """What has come of a message, once that is whole."""
        small, pieces = self._small, self._pieces
        if not (whole and not small and not pieces):
            if payload:
                small.append(payload)
            if whole or len(small) >= _JOINED:
                pieces.append(type(payload)().join(small))
                self._small = []
            if not whole:
                return None
            self._pieces = []
            payload = type(payload)().join(pieces)
        found: str | bytes = payload
        return found


class _Payloads(Extension):
    """Bounds the size of messages, and inflates them where that is agreed on."""

    name = "payloads"

    def __init__(self, most: int, agreement: Agreement | None) -> None:
        self._most = most
        self._inflater = Inflater(agreement) if agreement is not None else None
        self._control = False  # the current frame is none of a message
        #: A message has begun, and fragments of it are to follow.
        self.unfinished = False
        #: Bytes of all frames that are over; and with the one under way, once its head is known.
        self.read = self.due = 0
        self._inflates = False  # the current message is compressed
        self._size = 0  # of what has come of it, inflated

    def enabled(self) -> bool:
        """See Extension."""
        return True

    def offer(self) -> bool:
        """See Extension."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> RsvBits:
        """See Extension. Only the first frame of a message says that it is compressed."""
        self._control = opcode.iscontrol()
        begins = not self._control and opcode is not Opcode.CONTINUATION
        more = 0 if payload_length < _SHORT else 2 if payload_length < _MEDIUM else 8
        self.due = self.read + _HEAD + more + payload_length
        if not self._control and begins is self.unfinished:
            # wsproto finds out, too, but after the payload, which may be wrong for other reasons.
            raise ParseFailed(
                "a message begins within another" if begins else "there is nothing to continue"
            )
        if begins:
            self._size = 0
            self._inflates = rsv.rsv1
        if not self._control and not self._inflates:
            self._bound(self._size + payload_length)
        return RsvBits(begins and self._inflater is not None, False, False)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes:
        """See Extension."""
        if self._control:
            return data
        if self._inflates:
            data = self._inflate(data, ends=False)
        self._size += len(data)
        self._bound(self._size)
        return data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | None:
        """See Extension."""
        self.read = self.due
        if self._control:
            return None
        self.unfinished = not fin
        if not self._inflates or not fin:
            return None
        data = self._inflate(b"", ends=True)
        self._bound(self._size + len(data))
        return data

    def inflated(self, data: bytes) -> bytes:
        """A whole message that came compressed in one frame. ParseFailed."""
        self._size = 0
        found = self._inflate(data, ends=False)
        self._size = len(found)
        self._bound(self._size)
        found += self._inflate(b"", ends=True)
        self._bound(len(found))
        return found

    def _inflate(self, data: bytes, *, ends: bool) -> bytes:
        assert self._inflater is not None
        # One byte more than there may be tells that there are too many.
        most = self._most - self._size + 1
        try:
            return self._inflater.end(most) if ends else self._inflater.piece(data, most)
        except zlib.error:
            reason = "the message cannot be inflated"
            raise ParseFailed(reason, CloseReason.INVALID_FRAME_PAYLOAD_DATA) from None

    def _bound(self, size: int) -> None:
        if size > self._most:
            reason = f"a message must not be larger than {self._most} bytes"
            raise ParseFailed(reason, CloseReason.MESSAGE_TOO_BIG)
