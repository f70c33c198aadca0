"""Growth of groups by errors that are made up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ptychogui.engines.group_growth import GroupGrowth

FALLING = 0.9 ** np.arange(400)
"""Errors of a run that never stands still."""


def sizes(errors: np.ndarray, growth: GroupGrowth, moves_until: int = 0) -> list[int]:
    """Return the size of each iteration; errors become known two iterations late."""
    return [growth.size(done, errors[: max(done - 2, 0)].tolist(), done < moves_until) for done in range(len(errors))]


def growth_of(iterations: int = 400, photons: float = 1e6, improved: bool = False, first: int = 0) -> GroupGrowth:
    return GroupGrowth(400, first, photons, iterations, improved)


def levels(found: list[int]) -> list[int]:
    """Return the sizes one after the other."""
    return list(dict.fromkeys(found))


def test_groups_stay_small_as_long_as_the_misfit_falls() -> None:
    assert set(sizes(FALLING[:397], growth_of())) == {10}


def test_groups_grow_when_the_misfit_has_stopped_falling() -> None:
    errors = np.concatenate([FALLING[:20], np.full(80, FALLING[20])])
    found = sizes(errors, growth_of())
    assert levels(found) == [10, 40, 100, 200, 400]
    assert 20 <= found.count(10) <= 26


def test_the_first_groups_wait_for_the_object_but_not_for_ever_and_larger_ones_do_not() -> None:
    still = np.ones(300)
    assert sizes(still, growth_of(), moves_until=50).count(10) == 50
    assert sizes(still, growth_of(), moves_until=300).count(10) == 100
    waited = sizes(still, growth_of(), moves_until=50)
    assert [waited.count(size) for size in (40, 100, 200)] == [
        sizes(still, growth_of()).count(size) for size in (40, 100, 200)
    ]


def test_it_says_when_it_has_to_know_how_the_object_moves() -> None:
    growth, errors, asked = growth_of(improved=True), [1.0] + [0.5] * 60, []
    for done in range(60):
        growth.size(done, errors[: max(done - 2, 0)], done < 20)
        asked.append(growth.asks)
    assert asked == [True] * 20 + [False] * 40
    assert not GroupGrowth(400, 400, 1e6, 100, improved=False).asks


def test_a_misfit_that_rises_has_stopped_falling_and_so_has_one_that_is_no_number() -> None:
    for end in (np.linspace(1, 2, 50), np.full(50, np.nan)):
        assert sizes(np.concatenate([FALLING[:10], end]), growth_of())[-1] == 400


def test_a_larger_size_lasts_as_long_as_its_misfit_falls() -> None:
    errors = np.concatenate([np.full(5, 1.0), 0.95 ** np.arange(60)])
    found = sizes(errors, growth_of())
    assert found[-1] == 40
    assert levels(found) == [10, 40]


def test_groups_have_photons_enough_from_the_start() -> None:
    assert [growth_of(photons=photons).first for photons in (1e6, 200.0, 20.0, 1.0)] == [10, 10, 100, 400]
    assert growth_of(photons=1.0, first=7).first == 7
    assert GroupGrowth(3, 0, 0.0, 10, False).size(0, [], True) == 3


@pytest.mark.parametrize("iterations", [1, 3, 12])
def test_the_last_iterations_take_the_whole_scan(iterations: int) -> None:
    found = sizes(FALLING[:iterations], growth_of(iterations))
    assert found == [10] * max(iterations - 3, 0) + [400] * min(iterations, 3)


def test_small_groups_go_on_where_they_still_bring_something_and_end_where_they_harm() -> None:
    helped, harmed = np.ones(60), np.ones(60)
    helped[1:], harmed[1] = 0.5, 1.1
    assert sizes(helped, growth_of(improved=True), moves_until=12)[:13] == [400, 10, 400, 400] + [10] * 8 + [40]
    assert sizes(harmed, growth_of(improved=True)) == [400, 10] + [400] * 58


def test_an_early_end_asks_for_the_whole_scan_unless_it_has_been_taken() -> None:
    growth = growth_of()
    assert growth.size(5, [1.0] * 3, True) == 10
    assert growth.wind_up(6) == 3
    assert [growth.size(done, [1.0] * done, True) for done in (6, 7, 8)] == [400] * 3
    grown = growth_of()
    found = sizes(np.ones(60), grown)
    assert found[-1] == 400
    assert grown.wind_up(60) == 0


def test_small_groups_are_damped_more() -> None:
    growth = growth_of()
    assert [growth.caution(size) for size in (10, 40, 100, 400)] == [2.5, 1.5, 1.0, 1.0]


@given(at=st.integers(0, 99), stands_still_from=st.integers(5, 60), improved=st.booleans(), wound_up=st.booleans())
def test_it_goes_on_from_its_state(at: int, stands_still_from: int, improved: bool, wound_up: bool) -> None:
    errors = np.concatenate([FALLING[:stands_still_from], np.full(100, FALLING[stands_still_from])]).tolist()

    def grown(first: int, last: int, growth: GroupGrowth) -> list[int]:
        return [growth.size(done, errors[: max(done - 2, 0)], done < 40) for done in range(first, last)]

    first, again = growth_of(100, improved=improved), growth_of(100, improved=improved)
    grown(0, at, first)
    if wound_up:
        first.wind_up(at)
    again.restore(json.loads(json.dumps(first.state())))
    assert grown(at, 100, again) == grown(at, 100, first)
    assert again.wind_up(100) == first.wind_up(100)
