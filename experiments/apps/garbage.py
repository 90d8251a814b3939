"""A handler that makes garbage in cycles, over a heap that lives on; and how long each GC took.

Each request makes some hundred objects that only a collection can free, and keeps a few for the
next thousand requests, as a cache would: so that full collections happen, too.
"""

import gc
import time
from collections import deque
from typing import Any, Protocol

from experiments.apps.state import state

DONE = b"done"

_CYCLES = 100
_KEPT_OBJECTS = 20
_REQUESTS_KEPT = 2_000

# What an application has loaded and goes on using: small objects that collections look at.
_HEAP = [[number] for number in range(200_000)]
_cache: deque[list[list[int]]] = deque(maxlen=_REQUESTS_KEPT)

_pauses: list[float] = []
_began = 0.0


class _Node:
    __slots__ = ("other",)

    def __init__(self) -> None:
        self.other: _Node | None = None


def _note(phase: str, info: dict[str, Any]) -> None:
    global _began
    if phase == "start":
        _began = time.perf_counter()
    else:
        _pauses.append(time.perf_counter() - _began)


gc.callbacks.append(_note)


class _Request(Protocol):
    @property
    def method(self) -> str: ...


def native(request: _Request) -> bytes:
    """The native application. Asked by POST, it tells all pauses so far, in seconds."""
    if request.method == "POST":
        return state(
            pauses=[round(each, 7) for each in list(_pauses)], threshold=gc.get_threshold()
        )
    for _ in range(_CYCLES):
        one, two = _Node(), _Node()
        one.other, two.other = two, one
    _cache.append([[number] for number in range(_KEPT_OBJECTS)])
    return DONE
