"""Positions that were lost, and those that only look so."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.lost_positions import lost_note, lost_positions
from ptychogui.physics.scan import fermat_m, fly_m, raster_m, spiral_m

STEP_M = (5e-7, 5e-7)
SCANS = {
    "raster": raster_m((6, 10), STEP_M),
    "odd raster": raster_m((7, 9), STEP_M),
    "spiral": spiral_m(60, STEP_M),
    "fermat": fermat_m(60, STEP_M),
    "fly": fly_m((6, 10), STEP_M, seed=3),
    "line": np.stack([np.zeros(60), np.arange(60) * 5e-7], axis=1),
    "from a corner": raster_m((6, 10), STEP_M) - raster_m((6, 10), STEP_M)[0],
    "on a stage": fly_m((6, 10), STEP_M, seed=3) + np.array([0.0123, -0.0456]),
    "twice each": np.repeat(raster_m((6, 10), STEP_M), 2, axis=0),
    "three times each": np.repeat(raster_m((6, 10), STEP_M), 3, axis=0),
    "one place": np.zeros((60, 2)),
    "one position": np.zeros((1, 2)),
    "two positions": np.array([[0, 0], [1e-6, 0]]),
    "with a gap": np.concatenate([fly_m((5, 8), STEP_M, seed=1), fly_m((5, 8), STEP_M, seed=2) + 2e-5]),
}


@pytest.mark.parametrize("name", SCANS)
def test_no_position_of_a_sound_scan_is_lost(name: str) -> None:
    assert not lost_positions(SCANS[name]).any()
    shuffled = np.random.default_rng(0).permutation(SCANS[name])
    assert np.count_nonzero(lost_positions(shuffled)) <= (1 if name in ("spiral", "fermat") else 0)


@pytest.mark.parametrize("name", ["raster", "fermat", "fly", "on a stage"])
@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, 1e30, -1e30, 9.9e37, 1.0, -9999.0, 1e300, 4294967295.0]
)  # fmt: skip
@pytest.mark.parametrize("axis", [0, 1, slice(None)])
@pytest.mark.parametrize("rows", [[3], [0, 30], list(range(50, 60))])
def test_a_lost_position_is_told_and_no_other(name: str, value: float, axis: int, rows: list[int]) -> None:
    positions_m = SCANS[name].copy()
    positions_m[rows, axis] = value
    assert np.flatnonzero(lost_positions(positions_m)).tolist() == rows


@pytest.mark.parametrize("name", ["fly", "on a stage", "raster"])
@pytest.mark.parametrize("rows", [[59], [58, 59], list(range(40, 60)), list(range(20, 60)), [7], [7, 21, 33]])
def test_what_was_never_written_is_lost(name: str, rows: list[int]) -> None:
    positions_m = SCANS[name].copy()
    positions_m[rows] = 0
    assert np.flatnonzero(lost_positions(positions_m)).tolist() == rows


def test_a_reading_that_stands_still_is_good_once() -> None:
    positions_m = SCANS["fly"].copy()
    positions_m[20:29] = positions_m[20]
    assert np.flatnonzero(lost_positions(positions_m)).tolist() == list(range(21, 29))


def test_all_can_be_lost_only_by_being_no_numbers() -> None:
    assert lost_positions(np.full((5, 2), np.nan)).all()
    mixed = SCANS["fly"].copy()
    mixed[:40] = np.nan
    assert np.count_nonzero(lost_positions(mixed)) == 40


def test_the_note_counts_and_names_the_first() -> None:
    assert "1 of 4 positions is lost" in lost_note(np.array([False, True, False, False]))
    assert lost_note(np.array([False, True, False, False])).endswith("position 1")
    assert "2 of 3 positions are lost" in lost_note(np.array([False, True, True]))
