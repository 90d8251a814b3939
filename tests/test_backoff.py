"""The policy of replacement."""

import pytest

from subsrv.backoff import Backoff


def test_the_first_replacement_comes_at_once_and_the_others_ever_later() -> None:
    backoff = Backoff()
    assert [backoff.died(1.0) for _ in range(5)] == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_the_wait_is_bounded_however_often_it_dies() -> None:
    backoff = Backoff()
    delays = [backoff.died(1.0) for _ in range(2000)]
    assert max(delays) == delays[-1] == 30.0


def test_a_worker_that_served_long_is_forgiven_the_deaths_before() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.died(None)
    assert backoff.died(3600.0) == 0.0
    assert not backoff.exhausted


@pytest.mark.parametrize("served", [0.0, 1.0])
def test_only_replacements_that_never_got_ready_exhaust_it(served: float) -> None:
    backoff = Backoff()
    for _ in range(4):
        backoff.died(None)
    backoff.died(served)
    for _ in range(4):
        backoff.died(None)
    assert not backoff.exhausted
    backoff.died(None)
    assert backoff.exhausted
