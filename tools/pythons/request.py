"""What is asked for: a CPython version, with or without the GIL."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Tried in this order for the request ``t``, the newest free-threaded build that can be had.
NEWEST_FREE_THREADED = ("3.15t", "3.14t", "3.13t")

_PATTERN = re.compile(r"(?P<major>3)\.(?P<minor>[0-9]{1,2})(?P<suffix>t?)", re.ASCII)


@dataclass(frozen=True)
class Request:
    """One CPython feature version; ``free_threaded`` asks for a build without the GIL."""

    major: int
    minor: int
    free_threaded: bool = False

    def __str__(self) -> str:
        return f"{self.version}{'t' if self.free_threaded else ''}"

    @property
    def version(self) -> str:
        """The feature version alone, such as ``3.14``."""
        return f"{self.major}.{self.minor}"


def parse(text: str) -> tuple[Request, ...]:
    """Read ``3.14``, ``3.14t`` or ``t`` into the requests to try, in order.

    Raises:
        ValueError: the text is none of these.
    """
    if text == "t":
        return tuple(request for each in NEWEST_FREE_THREADED for request in parse(each))
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"not an interpreter request: {text!r} (expected such as 3.14, 3.14t for a"
            " free-threaded build, or t for the newest free-threaded build that can be had)"
        )
    return (Request(int(match["major"]), int(match["minor"]), match["suffix"] == "t"),)
