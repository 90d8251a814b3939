"""A case's bytes to a server, and what came back: raw, and read as far as it can be read."""

import json
import socket
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int]

_CONNECT = 5.0
# Nothing is kept of an answer that does not end.
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One final response. `seen` is what the application says has reached it."""

    status: int
    seen: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a server did with a case.

    Attributes:
      raw: what it sent.
      closed: it closed or reset the connection, and did not wait for more.
      interim: statuses of informational responses.
      garbled: where its answers stop to be HTTP/1.
    """

    raw: bytes
    closed: bool
    interim: tuple[int, ...]
    answers: tuple[Answer, ...]
    garbled: bool


def observe(
    address: Address, data: bytes, *, patience: float, answers: int | None = None
) -> Observed:
    """Send the bytes, and listen until the server closes or has said nothing for some seconds.

    With `answers`, not longer than until there are so many.
    """
    received = bytearray()
    closed = False
    with socket.create_connection(address, _CONNECT) as sock:
        sock.settimeout(patience)
        try:
            sock.sendall(data)
        except TimeoutError:
            pass  # it does not read, and may have answered already
        except OSError:
            closed = True
        try:
            while len(received) < _MOST and (piece := sock.recv(65536)):
                received += piece
                if answers and len(read(bytes(received), closed=False).answers) >= answers:
                    break
            else:
                closed = True
        except TimeoutError:
            pass
        except OSError:
            closed = True
    return read(bytes(received), closed=closed)


class _GarbledError(Exception):
    pass


class _PartialError(Exception):
    pass


def read(raw: bytes, *, closed: bool) -> Observed:
    """Read a server's bytes as responses."""
    interim: list[int] = []
    answers: list[Answer] = []
    rest, garbled = raw, False
    while rest:
        try:
            status, fields, rest = _head(rest)
            if status < 200:
                interim.append(status)
                if status == 101:
                    break
                continue
            told = fields.get("x-seen")
            if told is not None and "CONNECT" in told:
                rest = b""  # a tunnel, whatever is in it
            head_only = told is not None or status in (204, 304)
            body, rest = (b"", rest) if head_only else _body(fields, rest, closed=closed)
        except _GarbledError:
            garbled = True
            break
        except _PartialError as error:
            # An error cut short is one; an answer cut short is none.
            garbled = not (error.args and error.args[0] >= 400)
            if not garbled:
                answers.append(Answer(error.args[0], None))
            break
        answers.append(Answer(status, _seen(told.encode() if told is not None else body)))
    return Observed(raw, closed, tuple(interim), tuple(answers), garbled)


def _head(data: bytes) -> tuple[int, dict[str, str], bytes]:
    head, end, rest = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    version, _, after = line.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not after[:3].isdigit():
        raise _GarbledError
    if not end:
        raise _PartialError(int(after[:3]))
    fields: dict[str, str] = {":status": after[:3].decode()}
    for field in lines:
        name, colon, value = field.partition(b":")
        if not colon:
            raise _GarbledError
        fields[name.decode("latin-1").lower()] = value.strip(b" \t").decode("latin-1")
    return int(after[:3]), fields, rest


def _body(fields: dict[str, str], data: bytes, *, closed: bool) -> tuple[bytes, bytes]:
    status = int(fields[":status"])
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            line, end, data = data.partition(b"\r\n")
            if not end:
                raise _PartialError(status)
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise _GarbledError from None
            if len(data) < size + 2:
                raise _PartialError(status)
            body, data = body + data[:size], data[size + 2 :]
            if not size:
                return body, data
    if "content-length" in fields:
        length = int(fields["content-length"])
        if len(data) < length:
            raise _PartialError(status)
        return data[:length], data[length:]
    if closed:
        return data, b""
    raise _PartialError(status)


def _seen(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "method" in found else None
