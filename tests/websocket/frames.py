"""What a client sends, frame by frame, right or wrong; made here, so that wsproto is not its own
judge."""

import zlib

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 section 5.7's


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    size: bytes | None = None,
) -> bytes:
    """A client's frame. `size` is what stands for its length, where that is to be odd."""
    length = len(payload)
    mask_bit = 0x80 if masked else 0
    if size is None:
        if length < 126:
            size = bytes([length])
        elif length < 65536:
            size = b"\x7e" + length.to_bytes(2)
        else:
            size = b"\x7f" + length.to_bytes(8)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode, mask_bit | size[0]]) + size[1:]
    return head + (_MASK + mask(payload) if masked else payload)


def mask(payload: bytes) -> bytes:
    """RFC 6455 section 5.3."""
    key = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def text(payload: str) -> bytes:
    """A whole text message."""
    return frame(TEXT, payload.encode())


def closing(code: int, reason: bytes = b"") -> bytes:
    """A close."""
    return frame(CLOSE, code.to_bytes(2) + reason)


def fragments(opcode: int, *payloads: bytes, rsv: int = 0) -> list[bytes]:
    """A message in so many frames."""
    last = len(payloads) - 1
    return [
        frame(CONT if n else opcode, payload, fin=n == last, rsv=0 if n else rsv)
        for n, payload in enumerate(payloads)
    ]


def deflated(payload: bytes, *, bits: int = 12) -> bytes:
    """A message compressed on its own (RFC 7692 section 7.2.1)."""
    stream = zlib.compressobj(wbits=-bits)
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
