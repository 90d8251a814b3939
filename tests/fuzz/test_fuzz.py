"""A short run of each target: the same inputs each time, and what fuzzing has once found.

`make fuzz` looks for more, guided by coverage; here mutations are drawn blindly, so that this runs
on every interpreter, and costs little.
"""

import logging
import random
from collections.abc import Callable, Iterator

import pytest

from fuzz import connection, parser, words

_TARGETS = {"parser": (parser.check, 3000), "connection": (connection.check, 1500)}

# What was wrong once, by target and by what it was.
FOUND = {
    ("connection", "a refusal of a request's body had a body although the request was HEAD"): (
        b"\0HEAD /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"
    ),
}


def _mutations(target: str, count: int) -> Iterator[bytes]:
    drawn = random.Random(target)
    seeds = [data for _, data in words.seeds(target)]
    for _ in range(count):
        data = drawn.choice(seeds)
        for _ in range(drawn.choice((1, 2, 4))):
            place, length = drawn.randrange(len(data) + 1), drawn.choice((0, 0, 1, 4, 20))
            put = drawn.choice((*words.WORDS, drawn.randbytes(1), data[place : place + 30]))
            data = data[:place] + put + data[place + length :]
        yield drawn.randbytes(1) + data[1:]


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications fail all the time here."""
    monkeypatch.setattr(logging.getLogger("subsrv"), "disabled", True)


@pytest.mark.parametrize("target", _TARGETS)
def test_targets(target: str) -> None:
    check, count = _TARGETS[target]
    for _, data in words.seeds(target):
        check(data)
    for data in _mutations(target, count):
        try:
            check(data)
        except Exception as error:
            error.add_note(f"the input was {data!r}")
            raise


@pytest.mark.parametrize(("target", "what"), FOUND)
def test_what_was_found(target: str, what: str) -> None:
    check: Callable[[bytes], None] = _TARGETS[target][0]
    check(FOUND[target, what])
