"""The conformance study's cases, read by the parser alone: subsrv's own answer is the first one
that a case allows, however the bytes are cut, with the memo and without.
"""

from urllib.parse import unquote

import pytest

from experiments.conformance.case import Case, Refused, Seen, Then
from experiments.conformance.cases import CLASSES
from http1.reading import FOLLOWER, Head, Outcome, outcome
from subsrv.http1 import End

_ALL = [
    pytest.param(case, id=f"{name}: {case.name}")
    for name, cases in CLASSES.items()
    for case in cases
]


def test_there_are_as_many_as_promised() -> None:
    assert sum(map(len, CLASSES.values())) >= 150
    assert len(CLASSES["published bugs"]) == 76
    for cases in CLASSES.values():
        assert len({case.name for case in cases}) == len(cases)
        assert len({case.data for case in cases}) == len(cases), "the same bytes twice"


def _answers(found: Outcome) -> list[tuple[Head, bytes]]:
    """Requests that are whole, with their bodies."""
    answers: list[tuple[Head, bytes]] = []
    body = b""
    pending: Head | None = None
    for event in found.events:
        if isinstance(event, Head):
            pending, body = event, b""
            if event.has_body:
                continue
        elif isinstance(event, bytes):
            body = event
            continue
        else:
            assert isinstance(event, End)
        assert pending is not None
        answers.append((pending, body))
    return answers


def _check(seen: Seen, head: Head, body: bytes) -> None:
    path = unquote(head.raw_path.decode("latin-1"), "latin-1")
    query = head.query.decode("latin-1")
    assert (head.method, path, query, body) == (seen.method, seen.path, seen.query, seen.body)
    fields: dict[str, str] = {}
    for name, value in head.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    assert seen.headers == tuple((name, fields.get(name)) for name, _ in seen.headers)
    assert not set(seen.absent) & set(fields)


@pytest.mark.parametrize("case", _ALL)
def test_a_case(case: Case) -> None:
    ours = case.allowed[0]
    found = outcome(case.data)
    refusal = ours.steps[-1] if ours.steps and isinstance(ours.steps[-1], Refused) else None
    assert found.status == (refusal.status if refusal else None), found
    expected = [step for step in ours.steps if isinstance(step, Seen)]
    answers = _answers(found)
    assert len(answers) == len(expected), answers
    for seen, (head, body) in zip(expected, answers, strict=True):
        _check(seen, head, body)
    if refusal is not None or ours.then is Then.CLOSED:
        # Nothing is read on: not even a request that is as right as can be.
        assert outcome(case.data + FOLLOWER) == found
