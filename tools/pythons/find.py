"""The routes to an interpreter, in order, and what to say when none leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from . import debian, installed, made, source, uv
from .errors import UnavailableError
from .interpreter import Interpreter
from .request import Request

Route = Callable[[Request], Interpreter]

ROUTES: dict[str, Route] = {
    "installed": installed.find,
    "cache": made.find,
    "uv": uv.download,
    "debian": debian.make,
    "source": source.build_free_threaded,
}


def find(
    requests: Sequence[Request], routes: dict[str, Route] = ROUTES
) -> tuple[Interpreter, list[str]]:
    """Return the first interpreter that can be had, and why the requests before it could not.

    Raises:
        UnavailableError: none can; the text lists everything that was tried, a line each.
    """
    tried: list[str] = []
    for request in requests:
        passed_over = list(tried)
        for name, route in routes.items():
            try:
                return route(request), passed_over
            except UnavailableError as error:
                tried.append(f"{request}, {name}: {error}")
    names = " or ".join(str(request) for request in requests)
    lines = "".join(f"\n  {line}" for line in tried)
    raise UnavailableError(f"no interpreter for {names}; tried:{lines}")
