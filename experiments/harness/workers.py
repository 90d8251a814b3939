"""Who answers: the workers behind one address, asked from inside their own requests."""

import json
import time
from typing import Any

from experiments.apps.state import PATH
from experiments.harness.server import Server
from experiments.harness.verify import WrongAnswerError, post

# Seconds until a worker counts as one that does not answer. One that is busy for a moment leaves
# every new connection to the others.
_PATIENCE = 10.0


def states(server: Server, workers: int) -> list[dict[str, Any]]:
    """The state of each worker, found by new connections until all have answered.

    WrongAnswerError if fewer than `workers` isolates answer.
    """
    found: dict[tuple[int, int, int], dict[str, Any]] = {}
    deadline = time.monotonic() + _PATIENCE
    while len(found) < workers and time.monotonic() < deadline:
        state = json.loads(post(server, PATH))
        found[state["pid"], state["thread"], state["interpreter"]] = state
    if len(found) != workers:
        raise WrongAnswerError(f"{len(found)} of {workers} workers answered in {_PATIENCE:.0f} s")
    return list(found.values())


def check_gil(mode: str, found: list[dict[str, Any]]) -> None:
    """WrongAnswerError if a worker that must be free of the GIL has it."""
    if mode == "nogil" and any(state["gil"] for state in found):
        raise WrongAnswerError("the GIL is on inside a request, in nogil mode")


def gil(found: list[dict[str, Any]]) -> str:
    """What the requests saw of the GIL: "on", "off", or "on and off" where they disagree."""
    return " and ".join(sorted({"on" if state["gil"] else "off" for state in found}, reverse=True))
