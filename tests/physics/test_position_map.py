"""Values at positions become an image: where it lies, what it shows, and what it leaves empty."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.position_map import map_positions
from ptychogui.physics.scan import raster_m, spiral_m

STEP_M = 1e-7
PLACE_M = np.array([3e-6, -2e-6])


def pixel_of(position_m: np.ndarray, corner_m: tuple[float, float], pixel_m: float) -> tuple[int, int]:
    row, column = np.floor((position_m - corner_m) / pixel_m).astype(int)
    return row, column


@pytest.mark.parametrize("steps_m", [(STEP_M, STEP_M), (2.5 * STEP_M, STEP_M), (STEP_M, 0.35 * STEP_M)])
def test_every_position_of_a_raster_shows_its_value(steps_m: tuple[float, float]) -> None:
    positions_m = raster_m((7, 9), steps_m) + PLACE_M
    values = np.arange(63.0)
    drawn = map_positions(positions_m, values)
    seen = [drawn.image[pixel_of(position, drawn.corner_m, drawn.pixel_m)] for position in positions_m]
    np.testing.assert_array_equal(seen, values)
    if steps_m[0] == steps_m[1]:
        assert np.isfinite(drawn.image).all()


def test_the_image_is_centered_on_the_scan() -> None:
    positions_m = raster_m((5, 8), (STEP_M, STEP_M)) + PLACE_M
    drawn = map_positions(positions_m, np.ones(40))
    middle = np.array(drawn.corner_m) + np.array(drawn.image.shape) * drawn.pixel_m / 2
    np.testing.assert_allclose(middle, (positions_m.min(axis=0) + positions_m.max(axis=0)) / 2, rtol=1e-12)


def test_a_line_that_is_missing_is_a_gap_between_others() -> None:
    positions_m = raster_m((9, 9), (STEP_M, STEP_M))
    row = np.round((positions_m[:, 0] - positions_m[0, 0]) / STEP_M).astype(int)
    there = row != 4
    drawn = map_positions(positions_m[there], row[there].astype(float))
    gap = pixel_of(positions_m[row == 4][4], drawn.corner_m, drawn.pixel_m)[0]
    assert np.isnan(drawn.image[gap]).mean() > 0.3
    below, above = (pixel_of(positions_m[row == one][4], drawn.corner_m, drawn.pixel_m) for one in (3, 5))
    assert drawn.image[below] == 3 and drawn.image[above] == 5


def test_a_spiral_shows_a_smooth_function_of_place() -> None:
    positions_m = spiral_m(400, (STEP_M, STEP_M))
    drawn = map_positions(positions_m, positions_m[:, 0])
    rows = drawn.corner_m[0] + (np.arange(drawn.image.shape[0]) + 0.5) * drawn.pixel_m
    off_m = np.abs(drawn.image - rows[:, None])
    assert np.nanmax(off_m) < 2 * STEP_M and np.isnan(drawn.image).any()


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_line_or_a_point_can_be_drawn(count: int) -> None:
    positions_m = np.stack([np.zeros(count), np.arange(count) * STEP_M], axis=1)
    drawn = map_positions(positions_m, np.arange(count))
    assert sorted(set(drawn.image[np.isfinite(drawn.image)])) == list(range(count))


def test_it_is_never_larger_than_asked_for() -> None:
    positions_m = raster_m((400, 400), (STEP_M, STEP_M))
    assert max(map_positions(positions_m, np.ones(160_000), limit_px=300).image.shape) <= 300
