"""Answers of an HTTP/1.1 server as a load client reads them: framing and status, no more.

Sans-IO. Strict about what a client must not guess: bytes beyond an answer, a length that is no
number, a chunk that does not end where it said.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

# An answer's head, and a line of its chunks, beyond which something else is wrong.
_MOST_HEAD = 64 << 10
_MOST_LINE = 16 << 10
# Heads that are remembered parsed; a server's differ in their Date.
_MOST_KNOWN = 256

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")
_DECIMAL = re.compile(rb"[0-9]{1,18}")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,15}")

_CHUNKED = -1  # instead of a length
_UNTIL_CLOSE = -2


class MalformedError(Exception):
    """What came is no answer, or not only one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer; `body` is kept only where the reader was told to."""

    status: int
    length: int
    keep_alive: bool
    body: bytes | None


class _Step(Enum):
    """What comes next."""

    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK_END = auto()
    TRAILER = auto()


class AnswerReader:
    """Reads one answer after another from one connection, each to one request."""

    def __init__(self, *, keep_body: bool = False) -> None:
        self._keep_body = keep_body
        self._known: dict[bytes, tuple[int, int, bool]] = {}
        self._reset()

    def _reset(self) -> None:
        self._step = _Step.HEAD
        self._pending = b""
        self._left = 0
        self._length = 0
        self._body: list[bytes] = []
        self.begun = False
        """Whether a part of an answer has come."""

    def feed(self, data: bytes, *, head_only: bool = False) -> Answer | None:
        """Take what came; the answer if it is whole now. `head_only`: it is one to HEAD.

        MalformedError if it cannot be understood, or if it is longer than it says.
        """
        self.begun = True
        if self._step is not _Step.HEAD:
            return self._more(data)
        if self._pending:
            data = self._pending + data
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _MOST_HEAD:
                    raise MalformedError(f"no end of its head in {len(data)} bytes")
                self._pending = data
                return None
            head = data[:end]
            known = self._known.get(head)
            if known is None:
                known = self._learn(head)
            self._status, framing, self._keep_alive = known
            end += 4
            if self._status >= 200:
                break
            data = data[end:]  # 100 and its like come before the answer (RFC 9110 15.2)
            self._pending = b""
        if head_only:
            framing = 0
        if framing == len(data) - end:  # the usual case: all of it at once
            body = data[end:] if self._keep_body else None
            self._pending = b""
            self.begun = False
            return Answer(self._status, framing, self._keep_alive, body)
        self._pending = b""
        self._step = _Step.CHUNK_SIZE if framing == _CHUNKED else _Step.BODY
        self._left = framing
        return self._more(data[end:])

    def end(self) -> Answer | None:
        """The connection has closed: the answer if that is its end; None if it is cut off."""
        if self._step is _Step.BODY and self._left == _UNTIL_CLOSE:
            return self._answer()
        return None

    def _learn(self, head: bytes) -> tuple[int, int, bool]:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[head] = known = _parse(head)
        return known

    def _answer(self) -> Answer:
        body = b"".join(self._body) if self._keep_body else None
        answer = Answer(self._status, self._length, self._keep_alive, body)
        self._reset()
        return answer

    def _more(self, data: bytes) -> Answer | None:
        if self._step is not _Step.BODY:
            return self._chunks(data)
        self._keep(data)
        if self._left == _UNTIL_CLOSE:
            return None
        self._left -= len(data)
        if self._left < 0:
            raise MalformedError(f"{-self._left} bytes more than its Content-Length")
        return None if self._left else self._answer()

    def _keep(self, data: bytes) -> None:
        self._length += len(data)
        if self._keep_body:
            self._body.append(data)

    def _chunks(self, data: bytes) -> Answer | None:
        """RFC 9112 7.1: chunks, each with its size before it, the last one empty, and trailers."""
        data = self._pending + data
        at = 0
        while True:
            if self._left > 0:
                part = data[at : at + self._left]
                self._keep(part)
                self._left -= len(part)
                at += len(part)
                if self._left:
                    break
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _MOST_LINE:
                    raise MalformedError("a chunk's line does not end")
                break
            line, at = data[at:end], end + 2
            if self._line(line):
                if at < len(data):
                    raise MalformedError(f"{len(data) - at} bytes more than its last chunk")
                return self._answer()
        self._pending = data[at:]
        return None

    def _line(self, line: bytes) -> bool:
        """Take a line between chunks; whether it is the answer's last."""
        match self._step:
            case _Step.CHUNK_SIZE:
                size = line.partition(b";")[0].rstrip(b" \t")
                if not _HEXADECIMAL.fullmatch(size):
                    raise MalformedError(f"a chunk of the size {size[:40]!r}")
                self._left = int(size, 16)
                self._step = _Step.CHUNK_END if self._left else _Step.TRAILER
            case _Step.CHUNK_END:
                if line:
                    raise MalformedError("a chunk is longer than it says")
                self._step = _Step.CHUNK_SIZE
            case _:
                return not line
        return False


def _parse(head: bytes) -> tuple[int, int, bool]:
    """Status, length of the body or how else it ends, and whether the connection stays."""
    line, *fields = head.split(b"\r\n")
    first = _STATUS_LINE.fullmatch(line)
    if first is None:
        raise MalformedError(f"a status line {line[:60]!r}")
    status = int(first[2])
    if status == 101:
        raise MalformedError("status 101 without being asked to switch protocols")
    keep_alive = first[1] == b"1"
    lengths: set[bytes] = set()
    coding = b""
    for field in fields:
        match = _FIELD.fullmatch(field)
        if match is None:
            raise MalformedError(f"a header line {field[:60]!r}")
        name, value = match[1].lower(), match[2]
        if name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            coding = value.lower()
        elif name == b"connection":
            options = {option.strip() for option in value.lower().split(b",")}
            keep_alive = (keep_alive or b"keep-alive" in options) and b"close" not in options
    if status < 200 or status in (204, 304):
        return status, 0, keep_alive
    if coding:
        if coding != b"chunked" or lengths:
            raise MalformedError(f"Transfer-Encoding {coding[:40]!r} with {len(lengths)} lengths")
        return status, _CHUNKED, keep_alive
    if not lengths:
        return status, _UNTIL_CLOSE, False
    if len(lengths) > 1 or not _DECIMAL.fullmatch(length := lengths.pop()):
        raise MalformedError("a Content-Length that is not one number")
    return status, int(length), keep_alive
