"""The PROXY protocol, versions 1 and 2: before all else, a proxy says whom a connection is from.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt; sections are of that text. It must not
be guessed whether it is spoken (section 2.): where it is on, every connection begins with it.
"""

import re
import socket
from typing import NamedTuple

from subsrv.arrival import Arrival
from subsrv.exchange import Address

# The longest line of version 1, with its CR LF (section 2.1).
_LINE = 107

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = len(_SIGNATURE) + 4  # with version and command, family and protocol, and length
# Version 2 allows 64 KiB, most of it for what nobody sends; nginx takes as much as this.
_MOST = 4096

_port = rb"(0|[1-9]\d{0,4})"
_line = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*+)?|(TCP4|TCP6) (\S++) (\S++) %b %b)\r\n" % (_port, _port)
)
_FAMILIES = {
    b"TCP4": socket.AF_INET,
    b"TCP6": socket.AF_INET6,
    0x11: socket.AF_INET,
    0x21: socket.AF_INET6,
}
_UNIX_STREAM = 0x31
_UNIX_SIZE = 216
_UNSPECIFIED = 0x00


class ProxyError(Exception):
    """What came is no header of the PROXY protocol."""


class Header(NamedTuple):
    """A whole header: how long it is, and the ends of the connection that the proxy has."""

    size: int
    #: The connection is the proxy's own, or it does not know: the socket's ends are the true ones.
    local: bool
    client: Address | None
    server: Address | None


def parse(data: bytes) -> Header | None:
    """The header that `data` begins with; None if more bytes are needed. ProxyError."""
    if data.startswith(_SIGNATURE[: len(data)]):
        return _binary(data)
    if not b"PROXY ".startswith(data[:6]):
        raise ProxyError("neither version 1 nor version 2")
    end = data.find(b"\r\n", 0, _LINE) + 2
    if end < 2:
        if len(data) >= _LINE:
            raise ProxyError("the line is too long")
        return None
    match = _line.fullmatch(data, 0, end)
    if match is None:
        raise ProxyError("the line is malformed")
    kind, source, destination, source_port, destination_port = match.groups()
    if kind is None:
        return Header(end, True, None, None)
    family = _FAMILIES[kind]
    return Header(
        end,
        False,
        _checked(family, source, int(source_port)),
        _checked(family, destination, int(destination_port)),
    )


def _checked(family: socket.AddressFamily, text: bytes, port: int) -> Address:
    try:
        host = socket.inet_ntop(family, socket.inet_pton(family, text.decode("ascii")))
    except (OSError, ValueError):
        raise ProxyError("an address is none") from None
    if port > 65535:
        raise ProxyError("a port is none")
    return host, port


def _binary(data: bytes) -> Header | None:
    """Version 2 (section 2.2)."""
    if len(data) < _FIXED:
        return None
    command, kind = data[12], data[13]
    size = _FIXED + int.from_bytes(data[14:16])
    if command not in (0x20, 0x21):
        raise ProxyError("an unknown version or command")
    if size > _MOST:
        raise ProxyError("the header is too long")
    if len(data) < size:
        return None
    if command == 0x20 or kind == _UNSPECIFIED:
        return Header(size, True, None, None)
    if kind == _UNIX_STREAM:
        if size < _FIXED + _UNIX_SIZE:
            raise ProxyError("the addresses are cut short")
        return Header(size, False, None, None)
    family = _FAMILIES.get(kind)
    if family is None:
        raise ProxyError("neither TCP nor a Unix stream")
    length = 4 if family is socket.AF_INET else 16
    if size < _FIXED + 2 * length + 4:
        raise ProxyError("the addresses are cut short")
    source, destination = data[16 : 16 + length], data[16 + length : 16 + 2 * length]
    ports = data[16 + 2 * length : 20 + 2 * length]
    return Header(
        size,
        False,
        (socket.inet_ntop(family, source), int.from_bytes(ports[:2])),
        (socket.inet_ntop(family, destination), int.from_bytes(ports[2:])),
    )


class Preamble(Arrival):
    """A connection of a trusted proxy, until it has said whom it is for.

    Not a byte more is read than is the header's: what follows is TLS's or HTTP's.
    """

    __slots__ = ("_header",)

    _header: bytes

    def _step(self, mask: int) -> None:
        before = self._header if self._begun else b""
        data = self._sock.recv(_MOST, socket.MSG_PEEK)
        if not data:
            self._shared.bad_proxy_headers += 1
            self.close()
            return
        self._begun = True
        try:
            header = parse(before + data)
        except ProxyError:
            self._shared.bad_proxy_headers += 1
            self.close()
            return
        if header is None:
            self._header = before + self._sock.recv(len(data))
            return
        self._sock.recv(header.size - len(before))
        if not header.local:
            self._client, self._server = header.client, header.server
        self._let_in(self._sock)

    def _timed_out(self) -> None:
        self._shared.timed_out_proxy += 1
