"""The other side of the control address: one request, one answer."""

import http.client
import json
import os
import socket
from typing import Any

from subsrv import sockets
from subsrv.errors import SubsrvError

_PATIENCE = 10.0


class UnreachableError(SubsrvError):
    """Nobody answers at the control address."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(_PATIENCE)
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


def request(address: str, method: str, target: str) -> tuple[int, bytes]:
    """Status and body of the answer. UnreachableError where there is none."""
    parsed = sockets.parse(address)
    if isinstance(parsed, sockets.Unix):
        connection: http.client.HTTPConnection = _UnixConnection(parsed.path)
    elif isinstance(parsed, sockets.Tcp):
        connection = http.client.HTTPConnection(parsed.host, parsed.port, timeout=_PATIENCE)
    else:
        raise UnreachableError(f"{address} is no address to connect to")
    try:
        connection.request(method, target)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"no subsrv answers at {address}: {_reason(error)}") from error
    finally:
        connection.close()


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"  # as where a server has left its socket behind
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)


def status(address: str) -> dict[str, Any]:
    """The server's status; see view.py."""
    code, body = request(address, "GET", "/status")
    try:
        found = json.loads(body) if code == 200 else None
    except ValueError:
        found = None
    if not (isinstance(found, dict) and {"server", "workers", "places"} <= found.keys()):
        raise stranger(address)
    return found


def stranger(address: str) -> UnreachableError:
    """What answers there is something else: the server's public port, perhaps."""
    return UnreachableError(f"{address} is not where a subsrv takes commands: see its --control")
