"""The places for workers: when each is to be filled."""

import math

from subsrv.places import Places


def test_at_first_all_are_to_be_filled_and_each_is_told_once() -> None:
    places = Places(2)
    assert places.alarm() == 0.0
    assert list(places.due(1.0)) == [0, 1]
    assert list(places.due(1.0)) == []
    assert places.alarm() == math.inf


def test_none_is_to_be_filled_after_the_end_even_if_that_comes_while_they_are() -> None:
    places = Places(3)
    filled = []
    for index in places.due(1.0):
        filled.append(index)
        places.close()
    assert filled == [0]


def test_a_place_whose_workers_die_is_filled_ever_later_until_one_takes_over() -> None:
    places = Places(1)
    assert [places.lost(0, served=1.0) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert places.alarm() < math.inf
    places.filled([0])
    assert places.alarm() == math.inf
    assert places.lost(0, served=1.0) == 0.0


def test_only_where_no_place_can_be_filled_are_they_exhausted() -> None:
    places = Places(2)
    for _ in range(5):
        places.lost(1, served=None)
    assert not places.exhausted
    for _ in range(5):
        places.lost(0, served=None)
    assert places.exhausted


def test_the_last_places_come_and_go() -> None:
    places = Places(1)
    list(places.due(1.0))
    places.resize(3)
    assert list(places.due(1.0)) == [1, 2]
    places.resize(1)
    assert len(places) == 1
