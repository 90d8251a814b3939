"""How hypothesis runs: the same examples each time, so that a leg passes or fails for good.

To look for new ones, for some minutes:
HYPOTHESIS_PROFILE=thorough pytest -o faulthandler_timeout=0 tests/http1
"""

import os

from hypothesis import settings

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=True
)
settings.register_profile("thorough", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
