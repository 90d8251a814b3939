"""How hypothesis runs: the same examples each time, so that a leg passes or fails for good.

To look for new ones, for some minutes:
HYPOTHESIS_PROFILE=thorough pytest -o faulthandler_timeout=0 tests/http1
"""

import os

import pytest
from hypothesis import settings

from subsrv.http1 import Encoder

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=True
)
settings.register_profile("thorough", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(params=[0, 4096], ids=lambda cache: f"cache={cache}")
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return Encoder(server=None, date=False, cache=request.param)
