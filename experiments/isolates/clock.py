"""How a case is timed: in seconds for each of so many operations."""

import time
from collections.abc import Callable
from typing import Any

type Case = Callable[[int], float]


def timed(count: int, once: Callable[[], object]) -> float:
    """One operation after another."""
    start = time.perf_counter()
    for _ in range(count):
        once()
    return (time.perf_counter() - start) / count


def received(count: int, get: Callable[[], Any]) -> float:
    """Receive a stream: for each message, from the sender's first to the last here."""
    began: float = get()
    for _ in range(count):
        get()
    return (time.perf_counter() - began) / count
