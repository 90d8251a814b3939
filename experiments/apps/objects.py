"""Objects of an application, each used many times in one request: half a millisecond or so.

Without a GIL, workers that are threads share them, and contend for their reference counts and
locks. Each handler is a function of the module, not a closure, lest closures be what is measured:
a free-threaded build counts references to the former at leisure.
"""

import logging
import re
import threading
from typing import Protocol

from experiments.apps.state import state

DONE = b"done"

_LINE = "GET /items/42"


class _Request(Protocol):
    @property
    def method(self) -> str: ...


def nothing(request: _Request) -> bytes:
    """Work on local variables alone: what there is to compare with."""
    if request.method == "POST":
        return state()
    total = 0
    for number in range(8_000):
        total += number * number % 7
    return DONE


class _Counter:
    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self.value += 1


_counter = _Counter()


def counter(request: _Request) -> bytes:
    """Count with a lock, as threads must."""
    if request.method == "POST":
        return state()
    for _ in range(2_000):
        _counter.add()
    return DONE


_table = {f"key {number}": number for number in range(64)}
_KEYS = tuple(_table)


def table(request: _Request) -> bytes:
    """Read and write the values of a dictionary, whose keys stay the same."""
    if request.method == "POST":
        return state()
    for _ in range(60):
        for key in _KEYS:
            _table[key] = (_table[key] + 1) % 1000
    return DONE


class _Router:
    def __init__(self, patterns: list[str]) -> None:
        self._routes = [(re.compile(each), number) for number, each in enumerate(patterns)]

    def find(self, path: str) -> int:
        for pattern, number in self._routes:
            if pattern.fullmatch(path):
                return number
        return -1


_NAMES = ("login", "logout", "users", "carts", "orders", "invoices", "items")
_router = _Router([rf"/{name}/(\d+)" for name in _NAMES])


def router(request: _Request) -> bytes:
    """Find routes as frameworks do: regular expressions in a list, of an object of the module."""
    if request.method == "POST":
        return state()
    for number in range(300):
        if _router.find(f"/items/{number}") != len(_NAMES) - 1:
            raise ValueError(number)
    return DONE


class _Nowhere:
    """A stream that keeps nothing: what it costs to log, not where to."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing to flush."""


_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_logger.propagate = False
if not _logger.handlers:
    _logger.addHandler(logging.StreamHandler(_Nowhere()))
    _logger.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))


def logger(request: _Request) -> bytes:
    """Write lines of a log; a logger is one object in a process, whoever asks for it."""
    if request.method == "POST":
        return state()
    for number in range(60):
        _logger.info("%s took %d", _LINE, number)
    return DONE


class _Tag:
    def __init__(self, name: str, *children: "_Tag | str") -> None:
        self._open, self._close = f"<{name}>", f"</{name}>"
        self._children = children

    def render(self, values: dict[str, str]) -> str:
        parts = [self._open]
        for child in self._children:
            parts.append(values[child] if isinstance(child, str) else child.render(values))
        parts.append(self._close)
        return "".join(parts)


_row = _Tag("tr", _Tag("td", "name"), _Tag("td", "price"), _Tag("td", "name"))
_page = _Tag("html", _Tag("body", _Tag("table", *[_row] * 10)))


def template(request: _Request) -> bytes:
    """Render a page from a tree of tags that belongs to the module."""
    if request.method == "POST":
        return state()
    values = {"name": "an article", "price": "12"}
    for _ in range(25):
        _page.render(values)
    return DONE
