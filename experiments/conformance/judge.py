"""Whether what a server did is one of the behaviours that a case allows."""

from enum import StrEnum
from typing import Any

from experiments.conformance.case import Allowed, Case, Refused, Seen, Then
from experiments.conformance.wire import Answer, Observed


class Kind(StrEnum):
    """What a server did with the last of what it was sent, in a word."""

    ANSWERED = "answered"
    REFUSED = "refused"
    CLOSED = "closed without an answer"
    WAITING = "waits"
    GARBLED = "no HTTP/1 response"


def kind(observed: Observed) -> Kind:
    """The word for it."""
    if observed.garbled:
        return Kind.GARBLED
    if observed.answers:
        return Kind.REFUSED if observed.answers[-1].status >= 400 else Kind.ANSWERED
    return Kind.CLOSED if observed.closed else Kind.WAITING


def right(case: Case, observed: Observed) -> bool:
    """Whether the RFCs allow it."""
    if case.http2 and observed.garbled and observed.raw[:2] == b"\0\0":
        return True  # a frame
    return not observed.garbled and any(_matches(each, observed) for each in case.allowed)


def _matches(allowed: Allowed, observed: Observed) -> bool:
    if allowed.then is not Then.ANY and (allowed.then is Then.CLOSED) is not observed.closed:
        return False
    stopped = observed.closed and 0 < len(observed.answers) < len(allowed.steps)
    if len(allowed.steps) != len(observed.answers) and not stopped:
        return False
    pairs = zip(allowed.steps, observed.answers, strict=False)
    return all(_is(step, answer) for step, answer in pairs)


def _is(step: Seen | Refused, answer: Answer) -> bool:
    if isinstance(step, Refused):
        return answer.seen is None and step.allows(answer.status)
    return answer.status == 200 and answer.seen is not None and _saw(step, answer.seen)


def _saw(step: Seen, seen: dict[str, Any]) -> bool:
    if (seen["method"], seen["body"]) != (step.method, step.body.decode("latin-1")):
        return False
    # Neither ASGI nor PEP 3333 says what the path of an authority is.
    target = seen["path"], seen["query"]
    if target != (step.path, step.query) and step.method != "CONNECT":
        return False
    fields: dict[str, str] = {}
    for name, value in seen["headers"]:
        key = name.lower()
        # WSGI servers join lines of one name with a comma, with or without a space.
        fields[key] = f"{fields[key]}, {value}" if key in fields else value
    absent = not any(name in fields for name in step.absent)
    return absent and all(
        _joined(fields.get(name)) == _joined(value) for name, value in step.headers
    )


def _joined(value: str | None) -> list[str] | None:
    return None if value is None else [member.strip(" \t") for member in value.split(",")]
