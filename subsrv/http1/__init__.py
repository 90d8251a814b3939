"""HTTP/1.1 and 1.0 without I/O (RFC 9110, RFC 9112): bytes in, events out; responses to bytes.

Imports nothing of the server, so it can be tested, fuzzed and reused on its own.
"""

from subsrv.http1.errors import ProtocolError
from subsrv.http1.fields import Headers, ResponseError
from subsrv.http1.reader import End, Reader
from subsrv.http1.request import HeadParser, Limits, Request
from subsrv.http1.response import (
    CONTINUE,
    LAST_CHUNK,
    Encoder,
    Framing,
    Head,
    chunk,
)
from subsrv.http1.sections import (
    early_hints,
    switching_protocols,
    trailer_section,
    wants_trailers,
)

__all__ = [
    "CONTINUE",
    "LAST_CHUNK",
    "Encoder",
    "End",
    "Framing",
    "Head",
    "HeadParser",
    "Headers",
    "Limits",
    "ProtocolError",
    "Reader",
    "Request",
    "ResponseError",
    "chunk",
    "early_hints",
    "switching_protocols",
    "trailer_section",
    "wants_trailers",
]
