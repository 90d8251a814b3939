"""Requests to put on a server, and the file that lists them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from subsrv.errors import ConfigError

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[\x21-\x7e]*")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Bodies as text: any bytes come back as they were.
_TEXT = ("utf-8", "surrogateescape")
_KEYS = {"method", "path", "headers", "body", "status", "length", "answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, and what its answer must be where that is known.

    Attributes:
      status: None takes any from 200 to 299.
      length: of the answer's body; None takes that of the first answer, if lengths are checked.
      answer: the exact body; None takes that of the first answer, if bodies are checked.
    """

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int | None = None
    length: int | None = None
    answer: bytes | None = None

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise ConfigError(f"{self.method!r} is no method")
        if not _TARGET.fullmatch(self.path):
            raise ConfigError(f"a path begins with / and has no spaces, not {self.path!r}")
        for name, value in self.headers.items():
            if not _METHOD.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ConfigError(f"{name!r}: {value!r} is no header")

    def encode(self, host: str) -> bytes:
        """Its bytes. Host, and Content-Length where there is a body, are added if not given."""
        given = {name.lower() for name in self.headers}
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        if "host" not in given:
            lines.append(f"Host: {host}")
        lines += (f"{name}: {value}" for name, value in self.headers.items())
        if self.body and not given & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.body

    def line(self) -> str:
        """Its line in a file of requests."""
        given: dict[str, Any] = {"method": self.method, "path": self.path}
        if self.headers:
            given["headers"] = dict(self.headers)
        for name, data in (("body", self.body or None), ("answer", self.answer)):
            if data is not None:
                given[name] = data.decode(*_TEXT)
        for name, number in (("status", self.status), ("length", self.length)):
            if number is not None:
                given[name] = number
        return json.dumps(given)


def read(lines: Iterable[str], name: str = "requests") -> tuple[Request, ...]:
    """Read a file of requests: one a line, empty lines and those that begin with # apart.

    A line is `GET /path`, or a JSON object with any of method, path, headers (an object), body
    and, of the answer, status, length and answer (its exact body). Bodies are sent as UTF-8; a byte
    0xNN that is none is written \\udcNN. ConfigError with the number of a line that is wrong.
    """
    found = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            found.append(_from_json(line) if line.startswith("{") else _from_words(line))
        except (ConfigError, ValueError) as error:
            raise ConfigError(f"{name}, line {number}: {error}") from None
    if not found:
        raise ConfigError(f"{name} has no request")
    return tuple(found)


def read_file(path: str) -> tuple[Request, ...]:
    """Read a file of requests by its name. ConfigError if it cannot be read, too."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {why}") from None
    return read(lines, path)


def _from_words(line: str) -> Request:
    words = line.split()
    if len(words) != 2:
        raise ConfigError(f"want METHOD /path or a JSON object, not {line[:60]!r}")
    return Request(method=words[0], path=words[1])


def _from_json(line: str) -> Request:
    given = json.loads(line)
    if unknown := given.keys() - _KEYS:
        raise ConfigError(f"unknown key {min(unknown)!r}, the keys are {', '.join(sorted(_KEYS))}")
    for key, kind in (("method", str), ("path", str), ("body", str), ("answer", str)):
        if not isinstance(given.get(key, ""), kind):
            raise ConfigError(f"{key} must be a text")
    for key in ("status", "length"):
        if type(given.get(key, 0)) is not int:
            raise ConfigError(f"{key} must be a whole number")
    headers = given.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise ConfigError("headers must be an object of texts")
    for key in ("body", "answer"):
        if key in given:
            given[key] = given[key].encode(*_TEXT)
    return Request(**given)
