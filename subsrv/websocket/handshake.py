"""The opening handshake, from the server's side (RFC 6455 section 4.2)."""

import base64
import hashlib
import re
from typing import NamedTuple

from subsrv.http1 import Headers, Request
from subsrv.websocket import deflate

# RFC 6455 section 4.1: sixteen bytes in base64, whose last four bits are nobody's.
_key = re.compile(rb"[0-9A-Za-z+/]{22}==")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"

_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++")


class HandshakeError(Exception):
    """The request is no handshake that can be answered with 101: what to answer instead."""

    def __init__(self, status: int, reason: str, headers: Headers = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class Offer(NamedTuple):
    """What a client asks for."""

    accept: bytes
    """The value that proves that its handshake was understood."""
    subprotocols: tuple[str, ...]
    """In the order of its preference."""
    deflate: deflate.Agreement | None
    """The first of its offers to compress that can be taken up."""


def read(request: Request, *, compress: bool) -> Offer:
    """What a request for a WebSocket offers. HandshakeError if it is not right in every point.

    That it says so in Upgrade and Connection, and is HTTP/1.1, has been seen already.
    """
    keys: list[bytes] = []
    versions: list[bytes] = []
    protocols: list[bytes] = []
    extensions: list[bytes] = []
    for name, value in request.headers:
        if name == b"sec-websocket-key":
            keys.append(value)
        elif name == b"sec-websocket-version":
            versions.append(value)
        elif name == b"sec-websocket-protocol":
            protocols.append(value)
        elif name == b"sec-websocket-extensions":
            extensions.append(value)
    if request.method != "GET":
        raise HandshakeError(400, "a WebSocket begins with a GET")
    if request.has_body:
        raise HandshakeError(400, "a WebSocket's handshake has no body")
    if versions != [_VERSION]:
        # RFC 6455 section 4.4, and RFC 9110 section 15.5.22, which wants Upgrade with it.
        raise HandshakeError(
            426,
            "the WebSocket version must be 13",
            [("sec-websocket-version", "13"), ("upgrade", "websocket")],
        )
    if len(keys) != 1 or _key.fullmatch(keys[0]) is None:
        raise HandshakeError(400, "the Sec-WebSocket-Key is not one key of sixteen bytes")
    offers = deflate.offers(b",".join(extensions)) if extensions else []
    if offers is None:
        raise HandshakeError(400, "the Sec-WebSocket-Extensions are malformed")
    return Offer(
        accept=base64.b64encode(hashlib.sha1(keys[0] + _GUID, usedforsecurity=False).digest()),
        subprotocols=_subprotocols(protocols),
        deflate=deflate.agree(offers) if compress else None,
    )


def _subprotocols(values: list[bytes]) -> tuple[str, ...]:
    names = [name.strip(" \t") for value in values for name in value.decode("latin-1").split(",")]
    names = [name for name in names if name]  # RFC 9110 section 5.6.1: empty members do not count
    if len(set(names)) < len(names) or not all(map(_token.fullmatch, names)):
        raise HandshakeError(400, "the Sec-WebSocket-Protocol is not a list of different tokens")
    return tuple(names)


def answer(offer: Offer, subprotocol: str | None) -> list[tuple[bytes, bytes]]:
    """The fields of the 101 that are the handshake's. ValueError for a subprotocol not offered."""
    fields = [(b"sec-websocket-accept", offer.accept)]
    if subprotocol is not None:
        if subprotocol not in offer.subprotocols:
            raise ValueError(f"the client has not offered the subprotocol {subprotocol!r}")
        fields.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
    if offer.deflate is not None:
        fields.append((b"sec-websocket-extensions", offer.deflate.answer()))
    return fields
