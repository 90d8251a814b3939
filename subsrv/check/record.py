"""The report as programs read it. CHECK.md documents each key."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import subsrv
from subsrv.check.failures import State, Trouble, Verdict
from subsrv.check.study import recommended

#: Rises when a key changes its meaning or goes; new ones may come at any time.
SCHEMA = 1


def record(app: str, verdicts: Sequence[Verdict], *, probe: str | None) -> dict[str, Any]:
    """All of it, ready for JSON."""
    best = recommended(verdicts)
    return {
        "schema": SCHEMA,
        "subsrv": subsrv.__version__,
        "app": app,
        "probe": probe,
        "works": works(verdicts),
        "recommended": best and {"mode": best.mode, "python": best.interpreter.path},
        "verdicts": [verdict_record(verdict) for verdict in verdicts],
    }


def works(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing that was tried has failed, and something was tried."""
    states = {verdict.state for verdict in verdicts}
    return State.WORKS in states and State.FAILS not in states


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """One verdict, ready for JSON."""
    return {
        "mode": verdict.mode,
        "interpreter": dataclasses.asdict(verdict.interpreter),
        "state": verdict.state.value,
        "why": verdict.why or None,
        "troubles": [_trouble(trouble) for trouble in verdict.troubles],
    }


def _trouble(trouble: Trouble) -> dict[str, Any]:
    fields = dataclasses.asdict(trouble)
    return {**fields, "failure": trouble.failure.value, "explanation": trouble.failure.words}
