"""permessage-deflate (RFC 7692): what is agreed on, and its two streams.

wsproto has an extension of this name, too; but it inflates without bound, and reads offers loosely.
"""

import re
import zlib
from typing import NamedTuple

_NAME = "permessage-deflate"

# 4 KiB of history and, when compressing, 32 KiB in all for each connection, where zlib's defaults
# take 256 KiB. The same as in the library `websockets`.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5

# A block without content ends each message, less these last four bytes (RFC 7692 section 7.2.1).
_TAIL = b"\x00\x00\xff\xff"

# RFC 6455 section 9.1: extension-list. A value that is quoted must be a token all the same.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_between = re.compile(rb"[ \t,]*+")
_name = re.compile(rb"(" + _TOKEN + rb")[ \t]*+")
_parameter = re.compile(
    rb";[ \t]*+("
    + _TOKEN
    + rb")[ \t]*+(?:=[ \t]*+(?:("
    + _TOKEN
    + rb')|"('
    + _TOKEN
    + rb')")[ \t]*+)?+'
)

type Parameters = list[tuple[str, str | None]]


class Agreement(NamedTuple):
    """What client and server have agreed on."""

    server_max_window_bits: int = _WINDOW_BITS
    client_max_window_bits: int | None = None
    """None where the client has not said that it could be told to use less than 15."""
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False

    def answer(self) -> bytes:
        """The server's Sec-WebSocket-Extensions."""
        words = [_NAME]
        if self.server_no_context_takeover:
            words.append("server_no_context_takeover")
        if self.client_no_context_takeover:
            words.append("client_no_context_takeover")
        words.append(f"server_max_window_bits={self.server_max_window_bits}")
        if self.client_max_window_bits is not None:
            words.append(f"client_max_window_bits={self.client_max_window_bits}")
        return "; ".join(words).encode("ascii")


def offers(value: bytes) -> list[tuple[str, Parameters]] | None:
    """The extensions of a Sec-WebSocket-Extensions, by name; None if it is malformed."""
    found: list[tuple[str, Parameters]] = []
    position = 0
    while True:
        between = _between.match(value, position)
        assert between is not None  # it matches nothing, too
        position = between.end()
        if position == len(value):
            return found
        name = _name.match(value, position)
        if name is None:
            return None
        position = name.end()
        parameters: Parameters = []
        while parameter := _parameter.match(value, position):
            word, plain, quoted = parameter.groups()
            given = plain or quoted
            parameters.append((word.decode("ascii"), given.decode("ascii") if given else None))
            position = parameter.end()
        if value[position : position + 1] not in (b"", b","):
            return None
        found.append((name[1].decode("ascii"), parameters))


def agree(offered: list[tuple[str, Parameters]]) -> Agreement | None:
    """What to make of the first offer of permessage-deflate that can be taken up."""
    for name, parameters in offered:
        if name == _NAME and (agreement := _agree(parameters)) is not None:
            return agreement
    return None


def _agree(parameters: Parameters) -> Agreement | None:
    """RFC 7692 section 7.1: an offer with anything unknown, repeated or invalid is declined."""
    given = dict(parameters)
    if len(given) < len(parameters):
        return None
    server_bits, client_bits = _WINDOW_BITS, None
    for name, value in parameters:
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                return None
        elif name == "client_max_window_bits" and value is None:
            client_bits = _WINDOW_BITS
        elif name in ("server_max_window_bits", "client_max_window_bits"):
            if value is None or re.fullmatch(r"[89]|1[0-5]", value) is None:
                return None
            bits = min(int(value), _WINDOW_BITS)
            if name == "client_max_window_bits":
                # zlib inflates what 8 bits have deflated with 9.
                client_bits = bits
            elif bits == 8:
                return None  # it deflates with 9, whatever it is told
            else:
                server_bits = bits
        else:
            return None
    return Agreement(
        server_bits,
        client_bits,
        "server_no_context_takeover" in given,
        "client_no_context_takeover" in given,
    )


class Deflater:
    """Compresses the server's messages. Its memory is taken with the first."""

    def __init__(self, agreement: Agreement) -> None:
        self._bits = -agreement.server_max_window_bits
        self._forgets = agreement.server_no_context_takeover
        self._stream: zlib._Compress | None = None

    def message(self, data: bytes) -> bytes:
        """A whole message, compressed. Not for an empty one: zlib would give nothing at all."""
        stream = self._stream or zlib.compressobj(wbits=self._bits, memLevel=_MEMORY_LEVEL)
        self._stream = None if self._forgets else stream
        return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]


class Inflater:
    """Decompresses the client's messages, never beyond what it is allowed to."""

    def __init__(self, agreement: Agreement) -> None:
        self._bits = -max(agreement.client_max_window_bits or zlib.MAX_WBITS, 9)
        self._forgets = agreement.client_no_context_takeover
        self._stream: zlib._Decompress | None = None

    def piece(self, data: bytes, most: int) -> bytes:
        """What a piece of a message says: at most `most` bytes of it. zlib.error."""
        found: list[bytes] = []
        while True:
            stream = self._stream
            if stream is None:
                self._stream = stream = zlib.decompressobj(wbits=self._bits)
            piece = stream.decompress(data, most)
            found.append(piece)
            most -= len(piece)
            if not stream.eof or most <= 0:
                break
            # A block may say that it is the last (RFC 7692 section 7.2.3.4); others follow.
            self._stream = None
            data = stream.unused_data
            if not data:
                break
        return b"".join(found)

    def end(self, most: int) -> bytes:
        """What the end of a message still brings. zlib.error."""
        data = self.piece(_TAIL, most)
        if self._forgets:
            self._stream = None
        return data
