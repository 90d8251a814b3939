"""Who answers: the workers behind one address, asked from inside their own requests."""

import json
from typing import Any

from experiments.apps.state import PATH
from experiments.harness.server import Server
from experiments.harness.verify import WrongAnswerError, post

# Connections tried for each worker, before it counts as one that does not answer.
_TRIES = 16


def states(server: Server, workers: int) -> list[dict[str, Any]]:
    """The state of each worker, found by new connections until all have answered.

    WrongAnswerError if fewer than `workers` isolates answer.
    """
    found: dict[tuple[int, int, int], dict[str, Any]] = {}
    for _ in range(_TRIES * workers):
        state = json.loads(post(server, PATH))
        found[state["pid"], state["thread"], state["interpreter"]] = state
        if len(found) == workers:
            return list(found.values())
    raise WrongAnswerError(
        f"{len(found)} of {workers} workers answered {_TRIES * workers} requests"
    )


def check_gil(mode: str, found: list[dict[str, Any]]) -> None:
    """WrongAnswerError if a worker that must be free of the GIL has it."""
    if mode == "nogil" and any(state["gil"] for state in found):
        raise WrongAnswerError("the GIL is on inside a request, in nogil mode")
