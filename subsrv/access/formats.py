"""Formats of an access log's lines: Common, Combined, JSON, or one's own.

One's own is written with the atoms of gunicorn, `%(h)s`, and is read once, when the worker begins.

What a client has sent can forge nothing: in text it is escaped as nginx escapes it, each byte that
is not printable ASCII, a quote or a backslash as \\xXX, and in JSON as JSON has it. Nor can it make
a line longer than `LINE_MOST`, which is what other writers to the same pipe cannot tear apart: in a
line that would be, what comes from the client is cut.
"""

import binascii
import json
import os
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from subsrv.errors import ConfigError
from subsrv.http1 import Request

LINE_MOST = 4096
"""Bytes of a line with its end, at the most: Linux's PIPE_BUF."""

# Of each of a client's values, in a line that is too long otherwise.
_CUTS = (1024, 256, 64, 16)

# What stands around the atoms, and how many those are: so that the smallest cut is enough.
_TEMPLATE_MOST = 1024
_ATOMS_MOST = 32

_MEMO_ENTRIES = 1024
_MEMO_VALUE = 512

_NAMED = {
    "common": '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s',
    "combined": '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
    "json": (
        '{"time": "%(iso)s", "address": %(h)s, "user": %(u)s, "method": %(m)s, "path": %(U)s, '
        '"query": %(q)s, "protocol": %(H)s, "status": %(s)s, "bytes": %(B)s, "referer": %(f)s, '
        '"user_agent": %(a)s, "duration": %(L)s, "worker": %(w)s, "line": %(line)s}'
    ),
}
NAMES = tuple(_NAMED)


class Entry:
    """One request and what became of it.

    `request` is None where it could not be read, and `line` what could be seen of its request line
    then. `size` is the bytes of the response without its head, `head` that head.
    """

    __slots__ = ("address", "fields", "head", "line", "request", "seconds", "size", "status")

    def __init__(
        self,
        address: str | None,
        request: Request | bytes,
        status: str,
        size: int,
        head: bytes,
        seconds: float,
    ) -> None:
        self.address = address
        self.request: Request | None
        self.line: bytes | None
        #: The request's header fields; of several with one name, the last.
        self.fields: dict[bytes, bytes]
        if isinstance(request, bytes):
            self.request, self.line, self.fields = None, request, {}
        else:
            self.request, self.line, self.fields = request, None, dict(request.headers)
        self.status = status
        self.size = size
        self.head = head
        self.seconds = seconds


def _user(credentials: bytes) -> bytes | None:
    """The name that a client claims by Basic authentication; nobody has checked it here."""
    scheme, _, credentials = credentials.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return binascii.a2b_base64(credentials).partition(b":")[0] or None
    except binascii.Error:
        return None


def _response_field(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


# ---- quoting

_SAFE_IN_WORD = bytes(set(range(0x21, 0x7F)) - {*b'"\\'})
_SAFE = _SAFE_IN_WORD + b" "


class _Quoted(dict[bytes | None, str]):
    """A bounded memo from a client's value to how it stands in a line. Full, it starts anew.

    `most` is the bytes to keep of a value; only `safe` ones stand for themselves.
    """

    def __init__(self, most: int | None = None, *, safe: bytes = _SAFE) -> None:
        super().__init__()
        self._most = most
        # A copy: without a GIL, a constant that all workers count references to slows them down.
        self._safe = bytes(bytearray(safe))

    def __missing__(self, value: bytes | None) -> str:
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        quoted = "-" if value is None else self.once(value)
        if len(quoted) <= _MEMO_VALUE:
            self[value] = quoted
        return quoted

    def once(self, value: bytes) -> str:
        """The same for what is not likely to come again."""
        value = value[: self._most]
        if value.translate(None, self._safe):
            safe = self._safe
            value = b"".join(
                [b"%c" % byte if byte in safe else b"\\x%02X" % byte for byte in value]
            )
        return value.decode("ascii")


class _InJSON(_Quoted):
    def __missing__(self, value: bytes | None) -> str:
        return "null" if value is None else super().__missing__(value)

    def once(self, value: bytes) -> str:
        """See _Quoted."""
        return json.dumps(value[: self._most].decode("utf-8", "backslashreplace"))


class _Quote(NamedTuple):
    """For text with spaces, and for what is to be one word."""

    text: _Quoted
    word: _Quoted


def _quote(kind: str, most: int | None = None) -> _Quote:
    if kind == "json":
        return _Quote(_InJSON(most), _InJSON(most))
    return _Quote(_Quoted(most), _Quoted(most, safe=_SAFE_IN_WORD))


# ---- atoms

type _Atom = Callable[[Entry, _Quote], str]


def _request_line(request: Request) -> bytes:
    target = request.raw_path
    if request.query:
        target = b"%b?%b" % (target, request.query)
    return b"%b %b %b" % (request.method.encode(), target, _protocol(request))


def _atoms(worker: int) -> dict[str, _Atom]:
    """All atoms, made anew for each worker: without a GIL, what threads share slows them down."""
    clock = _Clock()

    def of_request(read: Callable[[Request], bytes]) -> _Atom:
        return lambda entry, quote: (
            quote.text[None] if entry.request is None else quote.text.once(read(entry.request))
        )

    def field(name: bytes) -> _Atom:
        return lambda entry, quote: quote.text[entry.fields.get(name)]

    def user(entry: Entry, quote: _Quote) -> str:
        credentials = entry.fields.get(b"authorization")
        return quote.word[None if credentials is None else _user(credentials)]

    return {
        "h": lambda entry, quote: quote.word[entry.address.encode() if entry.address else None],
        "l": lambda entry, quote: "-",
        "u": user,
        "t": lambda entry, quote: clock.common(),
        "r": lambda entry, quote: quote.text.once(
            _request_line(entry.request) if entry.request is not None else entry.line or b""
        ),
        "m": lambda entry, quote: quote.text[entry.request and entry.request.method.encode()],
        "U": of_request(lambda request: request.raw_path),
        "q": of_request(lambda request: request.query),
        "H": lambda entry, quote: quote.text[entry.request and _protocol(entry.request)],
        "s": lambda entry, quote: entry.status,
        "B": lambda entry, quote: str(entry.size),
        "b": lambda entry, quote: str(entry.size) if entry.size else "-",
        "f": field(b"referer"),
        "a": field(b"user-agent"),
        "T": lambda entry, quote: f"{entry.seconds:.0f}",
        "M": lambda entry, quote: f"{entry.seconds * 1e3:.0f}",
        "D": lambda entry, quote: f"{entry.seconds * 1e6:.0f}",
        "L": lambda entry, quote: f"{entry.seconds:.6f}",
        "p": lambda entry, quote: f"<{os.getpid()}>",
        "w": lambda entry, quote: str(worker),
        # Of JSON alone.
        "iso": lambda entry, quote: clock.iso(),
        "line": lambda entry, quote: quote.text[entry.line],
    }


def _protocol(request: Request) -> bytes:
    return b"HTTP/1.1" if request.version == "1.1" else b"HTTP/1.0"


_atom = re.compile(r"%(?:\((?P<name>[^()]*)\)s|(?P<percent>%)|)")
_field = re.compile(r"\{(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\}(?P<side>[io])", re.ASCII)


class Format:
    """How a worker's lines look: `text` is one of NAMES, or has atoms. ConfigError for neither."""

    def __init__(self, text: str, *, worker: int = 0) -> None:
        self._kind = text
        self._quote = _quote(text)
        template, self._atoms = _compile(_NAMED.get(text, text), _atoms(worker))
        self._template = template + "\n"

    def line(self, entry: Entry) -> bytes:
        """The line for one request, with its end."""
        line = self._line(entry, self._quote)
        if len(line) > LINE_MOST:
            for most in _CUTS:
                line = self._line(entry, _quote(self._kind, most))
                if len(line) <= LINE_MOST:
                    break
        return line

    def _line(self, entry: Entry, quote: _Quote) -> bytes:
        return (self._template % tuple([atom(entry, quote) for atom in self._atoms])).encode()


def _compile(text: str, atoms: dict[str, _Atom]) -> tuple[str, list[_Atom]]:
    """The text with %s for each atom, and the atoms."""
    found: list[_Atom] = []

    def replace(match: re.Match[str]) -> str:
        if match["percent"]:
            return "%%"
        if match["name"] is None:
            raise ConfigError(f"access-log-format: {text[match.start() :][:8]!r} is no %(atom)s")
        found.append(_find(match["name"], atoms))
        return "%s"

    template = _atom.sub(replace, text)
    if not found:
        raise ConfigError(
            f"access-log-format must be one of {', '.join(NAMES)}, or have %(atoms)s, not {text!r}"
        )
    if not text.isprintable():
        raise ConfigError("access-log-format must be one line of printable characters")
    if len(template.encode()) > _TEMPLATE_MOST or len(found) > _ATOMS_MOST:
        raise ConfigError("access-log-format is too long")
    return template, found


def _find(name: str, atoms: dict[str, _Atom]) -> _Atom:
    if name in atoms:
        return atoms[name]
    field = _field.fullmatch(name)
    if field is None:
        known = ", ".join(atom for atom in atoms if len(atom) == 1)
        raise ConfigError(
            f"access-log-format: %({name})s is not known; "
            f"there are {known}, {{NAME}}i and {{NAME}}o"
        )
    key = field["name"].lower().encode("ascii")
    if field["side"] == "i":
        return lambda entry, quote: quote.text[entry.fields.get(key)]
    return lambda entry, quote: quote.text[_response_field(entry.head, key)]


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Clock:
    """The time of day as text, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._common = self._iso = ""

    def common(self) -> str:
        """Local time as Apache writes it."""
        self._keep_up(time.time())
        return self._common

    def iso(self) -> str:
        """RFC 3339, in UTC, with milliseconds."""
        now = time.time()
        self._keep_up(now)
        return f"{self._iso}.{int(now % 1 * 1000):03}Z"

    def _keep_up(self, now: float) -> None:
        second = int(now)
        if second == self._second:
            return
        self._second = second
        local = time.localtime(second)
        # Not strftime: its names of months are the locale's.
        sign, offset = "-" if local.tm_gmtoff < 0 else "+", abs(local.tm_gmtoff) // 60
        self._common = (
            f"[{local.tm_mday:02}/{_MONTHS[local.tm_mon - 1]}/{local.tm_year}:"
            f"{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02} "
            f"{sign}{offset // 60:02}{offset % 60:02}]"
        )
        self._iso = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
