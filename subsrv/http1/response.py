"""Responses to bytes: heads, their framing, and chunks."""

import re
import time
from collections.abc import Collection, Iterable
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

from subsrv.http1 import grammar
from subsrv.http1.fields import (
    LENGTH,
    LOW,
    SPECIAL_NAMES,
    FieldLines,
    Headers,
    ResponseError,
    Text,
    is_plain,
    plain,
)
from subsrv.http1.request import Request
from subsrv.http1.shapes import Shapes

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body. `data` may not be empty: that would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Framing(Enum):
    """How the end of a response's body is known (RFC 9112 section 6.3)."""

    NONE = "there is no body: HEAD, 204, 205, 304"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "the connection closes: HTTP/1.0 and no length"


class Head(NamedTuple):
    """A response head, ready to send, and what it promises."""

    data: bytes
    framing: Framing
    length: int
    """Bytes of body that are to follow, with Framing.LENGTH."""
    keep_alive: bool


_CODES = range(200, 1000)
_status = re.compile(r"([2-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?")

# What a memo may keep of an application's: types that cannot change, nor equal what they are not.
_PLAIN_STATUS = (int, str, HTTPStatus)


class _StatusLines(dict[int | str, tuple[int, bytes]]):
    """Status lines by code, or by PEP 3333's "404 Not Found"; a code alone gets its phrase."""

    def __missing__(self, status: int | str) -> tuple[int, bytes]:
        phrase = None
        if isinstance(status, str) and (match := _status.fullmatch(status)):
            code, phrase = int(match[1]), match[2]
        elif status in _CODES:
            # Whatever equals a code is that code, as it is to a dictionary: 200.0, for one.
            code = _CODES[_CODES.index(status)]  # type: ignore[arg-type]
        else:
            raise ResponseError(f"{status!r} is no status of a final response")
        if phrase is None:
            try:
                phrase = HTTPStatus(code).phrase
            except ValueError:
                phrase = ""
        found = code, f"HTTP/1.1 {code} {phrase}\r\n".encode("latin-1")
        if len(self) < 256 and type(status) in _PLAIN_STATUS:
            self[status] = found
        return found


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _imf_fixdate(seconds: float) -> bytes:
    """RFC 9110 section 5.6.7. email.utils can do it, and costs each isolate 200 KB."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return (
        f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} "
        f"{hour:02}:{minute:02}:{second:02} GMT"
    ).encode("ascii")


# Heads that are compared with until the date changes: so many, each for bodies of another length,
# and then no more.
_RECENT = 128

# Bytes of one of these, at the most.
_KEPT = 2048

_LAST = b"connection: close\r\n"

type _Fields = list[tuple[Text, Text]]


class Encoder:
    """Builds the responses of one worker. Not shared between workers.

    `server` is the Server field's value, or None to send none; `date` whether to send a Date.
    `extra` are fields of every response, but where the application sends one of that name itself.
    """

    def __init__(
        self,
        *,
        server: bytes | None = b"subsrv",
        date: bool = True,
        cache: int = 0,
        extra: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        fixed = [(name.lower(), b"%b: %b\r\n" % (name, value)) for name, value in extra]
        if server is not None and all(name != b"server" for name, _ in fixed):
            fixed.append((b"server", b"server: %b\r\n" % server))
        self._fixed = fixed
        # That they are special has the application's own found, in the longer way.
        self._lines = FieldLines(cache, SPECIAL_NAMES.union(name for name, _ in fixed))
        self._remembers = cache > 0
        self._statuses = _StatusLines()
        self._fixed_lines = self._fixed_without(())
        # An error's own.
        self._fixed_of_error = self._fixed_without((b"content-type", b"retry-after"))
        self._sends_date = date
        self._date = b""
        self._end = b""  # of every head that has none of these fields itself
        # A worker tends to answer with the same few heads again, and comparing with one is cheap.
        # By the length of the body the first of these since the date changed: its status, fields,
        # the head, and that again as `first` returns it, if the application has said the length.
        self._recent: dict[int, tuple[int | str, _Fields, bytes, Head | None]] = {}
        self._shapes = Shapes(cache // 4)  # each holds several fields
        self.set_time(0)

    def set_time(self, seconds: float) -> None:
        """Set the time that Date speaks of, in seconds since the epoch (RFC 9110 section 6.6.1)."""
        if self._sends_date:
            self._date = b"date: %b\r\n" % _imf_fixdate(seconds)
        self._end = b"%b%b\r\n" % (self._date, self._fixed_lines)
        self._recent.clear()

    def complete(
        self, status: int | str, headers: Headers, body: bytes, request: Request, close: bool
    ) -> tuple[bytes, bool]:
        """A whole response, and whether the connection lives on after it. ResponseError."""
        size = len(body)
        # Other types than lists may have their own idea of what equals them.
        if type(headers) is list:
            if request.plain and not close:
                recent = self._recent.get(size)
                if recent is not None:
                    known, fields, data, _ = recent
                    if known == status and fields == headers:
                        return data + body, True
                shape = self._shapes.find(status, headers, size)
                if shape is not None:
                    before, number, after, declared = shape
                    if recent is None:
                        data = b"".join((before, number, after, self._end))
                        head = Head(data, Framing.LENGTH, size, True)
                        self._keep(status, headers.copy(), head, declared)
                    return b"".join((before, number, after, self._end, body)), True
            elif request.version == "1.1" and request.method != "HEAD":
                shape = self._shapes.find(status, headers, size)
                if shape is not None:
                    before, number, after, _ = shape
                    return b"".join((before, number, after, _LAST, self._end, body)), False
        fields = list(headers)  # which may be an iterator
        unknown = self._lines.unknown
        head = self._start_whole(status, fields, size, request, close)
        if head.framing is not Framing.LENGTH:
            return head.data, head.keep_alive
        if (
            request.version == "1.1"
            and self._learn(status, fields, unknown)
            and head.keep_alive  # what it takes for a request to be plain
        ):
            self._keep(status, fields, head, False)
        return head.data + body, head.keep_alive

    def _keep(self, status: int | str, fields: _Fields, head: Head, declared: bool) -> None:
        """Compare others that are as long with this head, until the date changes."""
        if (
            len(self._recent) < _RECENT
            and len(head.data) <= _KEPT
            and type(status) in _PLAIN_STATUS
            and all(map(is_plain, fields))
        ):
            self._recent[head.length] = status, fields, head.data, head if declared else None

    def whole(
        self, status: int | str, headers: Headers, size: int, request: Request, close: bool
    ) -> Head:
        """The head of a response whose whole body has `size` bytes, and follows. ResponseError."""
        known = self._known(status, headers, size, request, close)
        if known is not None:
            return known[1]
        fields = list(headers)
        unknown = self._lines.unknown
        head = self._start_whole(status, fields, size, request, close)
        if head.framing is Framing.LENGTH and request.version == "1.1":
            self._learn(status, fields, unknown)
        return head

    def _start_whole(
        self, status: int | str, headers: Headers, size: int, request: Request, close: bool
    ) -> Head:
        head = self.start(status, headers, request, length=size, close=close)
        if head.framing is Framing.LENGTH and head.length != size:
            raise ResponseError(
                f"the Content-Length is {head.length}, but the body has {size} bytes"
            )
        return head

    def first(
        self, status: int | str, headers: Headers, size: int, request: Request, close: bool
    ) -> Head:
        """A response's head, whose body begins with a piece of `size` bytes: often all of it."""
        recent = self._recent.get(size) if request.plain and not close else None
        if recent is not None and type(headers) is list:
            said, fields, _, head = recent
            if head is not None and said == status and fields == headers:
                return head
        known = self._known(status, headers, size, request, close)
        if known is not None and known[0]:
            if recent is None and known[1].keep_alive:
                self._keep(status, list(headers), known[1], True)
            return known[1]
        fields = list(headers)
        unknown = self._lines.unknown
        head = self.start(status, fields, request, length=None, close=close)
        if head.framing is Framing.LENGTH and head.length == size:
            self._learn(status, fields, unknown)
        return head

    def _known(
        self, status: int | str, headers: Headers, size: int, request: Request, close: bool
    ) -> tuple[bool, Head] | None:
        """A head that is known but for the length, and whether the application has said that."""
        lasts = request.plain and not close
        if type(headers) is not list or not (
            lasts or (request.version == "1.1" and request.method != "HEAD")
        ):
            return None
        shape = self._shapes.find(status, headers, size)
        if shape is None:
            return None
        before, number, after, declared = shape
        data = b"".join((before, number, after, b"" if lasts else _LAST, self._end))
        return declared, Head(data, Framing.LENGTH, size, lasts)

    def start(
        self,
        status: int | str,
        headers: Headers,
        request: Request,
        *,
        length: int | None,
        close: bool,
    ) -> Head:
        """A response's head. `length` is that of the whole body where it is known already.

        `close` says that the connection is to close whatever the request and the app wish.
        """
        code, status_line = self._statuses[status]
        fields = list(headers)
        try:
            lines = b"".join(map(self._lines.__getitem__, fields))
        except (TypeError, ValueError):
            # A pair that is a list, or a value that is a bytearray: neither is a key.
            lines = None
        if lines is None:
            fields = [plain(field) for field in fields]
            lines = b"".join(map(self._lines.__getitem__, fields))
        kinds = sum(map(self._lines.kinds.__getitem__, fields))
        date, fixed = self._date, self._fixed_lines
        declared = kinds >> 32 if kinds & LOW == LENGTH else None
        if kinds & LOW > LENGTH:
            lines, declared, wants_close, seen = self._special(fields)
            close = close or wants_close
            if code == 426 and b"upgrade" in seen:
                # RFC 9110 sections 7.8 and 15.5.22: it names the protocol to use instead.
                lines += b"connection: upgrade\r\n" + self._only(fields, b"upgrade")
            date = b"" if b"date" in seen else date
            fixed = self._fixed_without(seen)

        keep_alive = request.framing.keep_alive and not close
        framing = Framing.LENGTH
        extra = b""
        if code in (204, 205, 304):
            framing = Framing.NONE
            if code != 304 and declared is not None:
                # RFC 9110 section 8.6: no Content-Length in a 204.
                lines = self._without_length(fields)
            if code == 205:
                # RFC 9110 section 15.3.6: no content, and how that is said.
                extra = b"content-length: 0\r\n"
        elif request.method == "HEAD":
            framing = Framing.NONE
            if declared is None and length:
                extra = b"content-length: %d\r\n" % length
        elif declared is None and length is not None:
            declared = length
            extra = b"content-length: %d\r\n" % length
        elif declared is None and request.version == "1.1":
            framing = Framing.CHUNKED
            extra = b"transfer-encoding: chunked\r\n"
        elif declared is None:
            framing = Framing.CLOSE
            keep_alive = False
        if not keep_alive:
            extra += _LAST
        elif request.version == "1.0":
            extra += b"connection: keep-alive\r\n"
        data = b"".join((status_line, lines, extra, date, fixed, b"\r\n"))
        return Head(data, framing, declared or 0, keep_alive)

    def _learn(self, status: int | str, fields: _Fields, unknown: int) -> bool:
        """Remember a head with a Content-Length, if it can be; whether it may be.

        `unknown` is how many fields had not been known before it was made.
        """
        # A field that was not known may be one that never comes again.
        if (
            unknown != self._lines.unknown
            or not self._remembers
            or type(status) not in _PLAIN_STATUS
            or not all(map(is_plain, fields))
        ):
            return False
        if self._lines.ordinary(fields):
            lines = [self._lines[field] for field in fields]
            self._shapes.learn(status, self._statuses[status][1], fields, lines)
        return True

    def error(self, status: int, reason: str, *, bodiless: bool = False) -> bytes:
        """A whole response that says why a request was refused; the connection closes after it.

        `bodiless` leaves out its body, as for HEAD.
        """
        body = f"{status} {HTTPStatus(status).phrase}: {reason}\n".encode()
        _, status_line = self._statuses[status]
        length = b"content-length: %d\r\n" % len(body)
        fixed = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
        if status == 503:
            fixed += b"retry-after: 1\r\n"
        head = b"".join((status_line, fixed, length, self._date, self._fixed_of_error, b"\r\n"))
        return head if bodiless else head + body

    def _fixed_without(self, names: Collection[bytes]) -> bytes:
        return b"".join([line for name, line in self._fixed if name not in names])

    def _special(self, fields: Headers) -> tuple[bytes, int | None, bool, set[bytes]]:
        """Lines without the ones that are ours to send, the length, close?, and all names."""
        kept: list[bytes] = []
        lengths: set[int] = set()
        names: set[bytes] = set()
        close = False
        for field in map(plain, fields):
            name = field[0].lower()
            names.add(name)
            if name == b"connection":
                close = close or b"close" in grammar.tokens(field[1])
            elif name == b"content-length":
                lengths.add(self._lines.kinds[field] >> 32)
            elif name not in (b"transfer-encoding", b"keep-alive", b"upgrade"):
                # Framing and the connection's life are the server's business (PEP 3333, ASGI).
                kept.append(self._lines[field])
        if len(lengths) > 1:
            raise ResponseError(f"there are several Content-Length headers: {sorted(lengths)}")
        if lengths:
            kept.append(b"content-length: %d\r\n" % next(iter(lengths)))
        return b"".join(kept), next(iter(lengths), None), close, names

    def _only(self, fields: Headers, name: bytes) -> bytes:
        return b"".join(
            self._lines[field] for field in map(plain, fields) if field[0].lower() == name
        )

    def _without_length(self, fields: Headers) -> bytes:
        kept = [field for field in map(plain, fields) if field[0].lower() != b"content-length"]
        return self._special(kept)[0]
