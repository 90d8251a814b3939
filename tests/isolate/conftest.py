"""Every kind of isolate that this interpreter can have, one after the other."""

import sys

import pytest

_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
POSSIBLE = ["interp", "thread", "process"] if _GIL else ["interp", "nogil", "thread", "process"]


@pytest.fixture(scope="session", params=POSSIBLE)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of isolate."""
    found: str = request.param
    return found
