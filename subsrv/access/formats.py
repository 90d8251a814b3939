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
from functools import partial
from typing import NamedTuple, Protocol

from subsrv.errors import ConfigError
from subsrv.http1 import Request

LINE_MOST = 4096
"""Bytes of a line with its end, at the most: Linux's PIPE_BUF."""

# Of each of a client's values, in a line that is too long otherwise.
_CUTS = (1024, 256, 64, 16)

# What stands around the atoms, and how many those are: so that the smallest cut is enough.
_TEMPLATE_MOST = 1024
_ATOMS_MOST = 32

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


class Entry(NamedTuple):
    """One request and what became of it."""

    address: str | None
    request: Request | None
    """None where it could not be read."""
    line: bytes | None
    """What could be seen of the request line then."""
    status: str
    size: int
    """Bytes of the response without its head."""
    head: bytes
    """The response's head."""
    seconds: float

    def header(self, name: bytes) -> bytes | None:
        """A field of the request; of several, the first."""
        if self.request is not None:
            for key, value in self.request.headers:
                if key == name:
                    return value
        return None

    def response_header(self, name: bytes) -> bytes | None:
        """A field of the response; of several, the first."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        return None

    def user(self) -> bytes | None:
        """The name that the client claims by Basic authentication; nobody has checked it here."""
        scheme, _, credentials = (self.header(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            return binascii.a2b_base64(credentials).partition(b":")[0] or None
        except binascii.Error:
            return None


# ---- quoting

_SAFE_IN_WORD = bytes(set(range(0x21, 0x7F)) - {*b'"\\'})
_SAFE = _SAFE_IN_WORD + b" "
_unsafe = re.compile(rb"[^ !#-\[\]-~]")
_unsafe_in_word = re.compile(rb"[^!#-\[\]-~]")


class _Quote(Protocol):
    def __call__(self, value: bytes | None, *, word: bool = False, most: int | None = None) -> str:
        """As it is to stand in a line; a `word` is one, `most` is the bytes to keep of it."""


def _escaped(value: bytes | None, *, word: bool = False, most: int | None = None) -> str:
    if value is None:
        return "-"
    if not value.translate(None, _SAFE_IN_WORD if word else _SAFE) and most is None:
        return value.decode("ascii")  # nearly always, and five times as fast
    unsafe = _unsafe_in_word if word else _unsafe
    return unsafe.sub(lambda match: b"\\x%02X" % match[0][0], value[:most]).decode("ascii")


def _in_json(value: bytes | None, *, word: bool = False, most: int | None = None) -> str:
    return "null" if value is None else json.dumps(value[:most].decode("utf-8", "backslashreplace"))


# ---- atoms

type _Atom = Callable[[Entry, _Quote], str]


def _request_line(request: Request) -> bytes:
    mark, query = (b"?", request.query) if request.query else (b"", b"")
    return b"%b %b%b%b HTTP/%b" % (
        request.method.encode("ascii"),
        *(request.raw_path, mark, query),
        request.version.encode("ascii"),
    )


def _of_request(read: Callable[[Request], bytes]) -> _Atom:
    """What a request that could be read says; else what could be seen of it, or nothing."""
    unread = (lambda entry: entry.line) if read is _request_line else (lambda entry: None)
    return lambda entry, quote: quote(read(entry.request) if entry.request else unread(entry))


def _atoms(worker: int) -> dict[str, _Atom]:
    """All atoms, made anew for each worker: without a GIL, what threads share slows them down."""
    clock = _Clock()
    return {
        "h": lambda entry, quote: quote(_address(entry), word=True),
        "l": lambda entry, quote: "-",
        "u": lambda entry, quote: quote(entry.user(), word=True),
        "t": lambda entry, quote: clock.common(),
        "r": _of_request(_request_line),
        "m": _of_request(lambda request: request.method.encode("ascii")),
        "U": _of_request(lambda request: request.raw_path),
        "q": _of_request(lambda request: request.query),
        "H": _of_request(lambda request: b"HTTP/" + request.version.encode("ascii")),
        "s": lambda entry, quote: entry.status,
        "B": lambda entry, quote: str(entry.size),
        "b": lambda entry, quote: str(entry.size) if entry.size else "-",
        "f": lambda entry, quote: quote(entry.header(b"referer")),
        "a": lambda entry, quote: quote(entry.header(b"user-agent")),
        "T": lambda entry, quote: f"{entry.seconds:.0f}",
        "M": lambda entry, quote: f"{entry.seconds * 1e3:.0f}",
        "D": lambda entry, quote: f"{entry.seconds * 1e6:.0f}",
        "L": lambda entry, quote: f"{entry.seconds:.6f}",
        "p": lambda entry, quote: f"<{os.getpid()}>",
        "w": lambda entry, quote: str(worker),
        # Of JSON alone.
        "iso": lambda entry, quote: clock.iso(),
        "line": lambda entry, quote: quote(entry.line),
    }


def _address(entry: Entry) -> bytes | None:
    return entry.address.encode() if entry.address else None


_atom = re.compile(r"%(?:\((?P<name>[^()]*)\)s|(?P<percent>%)|)")
_field = re.compile(r"\{(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\}(?P<side>[io])", re.ASCII)


class Format:
    """How a worker's lines look: `text` is one of NAMES, or has atoms. ConfigError for neither."""

    def __init__(self, text: str, *, worker: int = 0) -> None:
        self._quote: _Quote = _in_json if text == "json" else _escaped
        template, self._atoms = _compile(_NAMED.get(text, text), _atoms(worker))
        self._template = template + "\n"

    def line(self, entry: Entry) -> bytes:
        """The line for one request, with its end."""
        line = self._line(entry, self._quote)
        if len(line) > LINE_MOST:
            for most in _CUTS:
                line = self._line(entry, partial(self._quote, most=most))
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
        return lambda entry, quote: quote(entry.header(key))
    return lambda entry, quote: quote(entry.response_header(key))


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
