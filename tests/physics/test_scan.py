from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from ptychogui.errors import DataError, ParameterError
from ptychogui.params.model import Experiment
from ptychogui.physics.scan import (
    coarser,
    fermat_m,
    fly_m,
    hexagonal_m,
    illumination,
    move_windows,
    place_windows,
    raster_m,
    spiral_m,
    to_pixels,
    transform_positions,
)

POSITIONS = np.array([[0.0, 0.0], [0.0, 1.0], [2.0, 0.0], [2.0, 1.0], [4.0, 0.0], [4.0, 1.0]])


@given(arrays(np.float64, (7, 2), elements=st.floats(-300, 300)), st.sampled_from([16, 17, 32]))
def test_windows_hold_every_position_and_know_where_it_was(positions: np.ndarray, n: int) -> None:
    geometry = place_windows(positions, n)
    np.testing.assert_allclose(geometry.positions_px, positions, atol=1e-9)
    assert np.all(geometry.fractions >= -0.5) and np.all(geometry.fractions < 0.5)
    assert np.all(geometry.corners >= 0) and np.all(geometry.corners + n <= geometry.object_shape)


RANDOM_POSITIONS = arrays(np.float64, (7, 2), elements=st.floats(-300, 300))


@given(RANDOM_POSITIONS, st.sampled_from([(32, 2), (32, 4), (96, 8)]))
def test_windows_on_larger_pixels_are_where_they_were(positions: np.ndarray, case: tuple[int, int]) -> None:
    n, factor = case
    fine = place_windows(positions, n, multiple=factor)
    coarse = coarser(fine, factor)
    assert coarse.window_px == n // factor
    assert tuple(side * factor for side in coarse.object_shape) == fine.object_shape
    np.testing.assert_allclose(coarse.positions_px * factor, positions, atol=1e-9)
    np.testing.assert_allclose(np.multiply(coarse.origin_px, factor), fine.origin_px)
    assert np.all(coarse.fractions >= -0.5) and np.all(coarse.fractions < 0.5)
    assert np.all(coarse.corners >= 0) and np.all(coarse.corners + coarse.window_px <= coarse.object_shape)


@given(RANDOM_POSITIONS, arrays(np.float64, (7, 2), elements=st.floats(-2, 2)))
def test_windows_move_and_the_object_stays(positions: np.ndarray, shifts: np.ndarray) -> None:
    before = place_windows(positions, 32, margin_px=3)
    after = move_windows(before, shifts)
    np.testing.assert_allclose(after.positions_px, positions + shifts, atol=1e-9)
    assert (after.object_shape, after.origin_px) == (before.object_shape, before.origin_px)
    assert np.all(after.fractions >= -0.5) and np.all(after.fractions < 0.5)


def test_light_is_the_sum_of_all_beams() -> None:
    rng = np.random.default_rng(0)
    geometry, power = place_windows(rng.uniform(0, 30, (20, 2)), 12), rng.uniform(size=(12, 12))
    geometry = replace(geometry, corners=np.concatenate([geometry.corners, geometry.corners[:3]]))
    expected = np.zeros(geometry.object_shape)
    for row, column in geometry.corners:
        expected[row : row + 12, column : column + 12] += power
    np.testing.assert_allclose(illumination(power, geometry), expected, atol=1e-12)


@pytest.mark.parametrize("far", [-1000.0, 1000.0])
def test_windows_move_no_farther_than_the_edge(far: float) -> None:
    before = place_windows(POSITIONS, 16)
    after = move_windows(before, np.full((6, 2), far))
    edge = np.array(before.object_shape) - 16 if far > 0 else np.zeros(2)
    np.testing.assert_array_equal(after.corners + after.fractions, np.broadcast_to(edge, (6, 2)))
    assert np.all(after.corners >= 0) and np.all(after.corners + 16 <= before.object_shape)


@pytest.mark.parametrize("shape", [(0, 2), (3,), (3, 3)])
def test_positions_that_are_no_pairs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"\(row, column\) pairs"):
        place_windows(np.zeros(shape), 16)


def test_undefined_positions_are_named() -> None:
    with pytest.raises(DataError, match="1 of 6 scan positions are not numbers, the first is position 2"):
        place_windows(np.where(np.arange(6)[:, None] == 2, np.nan, POSITIONS), 16)


def test_raster_runs_row_by_row_about_zero() -> None:
    positions = raster_m((2, 3), (1e-6, 2e-6))
    np.testing.assert_allclose(positions.sum(axis=0), 0, atol=1e-20)
    np.testing.assert_allclose(positions[1] - positions[0], [0, 2e-6])
    np.testing.assert_allclose(positions[3] - positions[0], [1e-6, 0])


def test_spiral_is_that_of_ptychopy() -> None:
    index = np.arange(50)
    positions = spiral_m(50, (3e-7, 3e-7))
    np.testing.assert_allclose(np.hypot(*positions.T), 3e-7 * np.sqrt(index))
    np.testing.assert_allclose(positions[9], 9e-7 * np.array([np.cos(12), np.sin(12)]))


def test_fermat_spiral_is_as_dense_as_its_raster() -> None:
    radius = np.hypot(*fermat_m(5000, (1.0, 1.0)).T)
    for limit in (10, 20, 30):
        assert np.count_nonzero(radius < limit) == pytest.approx(np.pi * limit**2, abs=1)


def test_fly_scan_goes_forth_and_back_with_reproducible_jitter() -> None:
    flown = fly_m((4, 5), (1.0, 1.0), seed=1)
    np.testing.assert_array_equal(flown, fly_m((4, 5), (1.0, 1.0), seed=1))
    assert not np.array_equal(flown, fly_m((4, 5), (1.0, 1.0), seed=2))
    still = fly_m((4, 5), (1.0, 1.0), seed=1, jitter=0).reshape(4, 5, 2)
    np.testing.assert_array_equal(still[1, ::-1], still[0] + [1, 0])


def test_hexagonal_neighbors_are_all_one_step_away() -> None:
    positions = hexagonal_m((5, 6), 2e-7)
    np.testing.assert_allclose(positions[6] - positions[0], [np.sqrt(3) * 1e-7, 1e-7])
    distances = np.linalg.norm(positions - positions[2 * 6 + 3], axis=1)
    np.testing.assert_allclose(np.sort(distances)[1:7], 2e-7)
    assert np.sort(distances)[7] > 3e-7


def test_untouched_positions_stay() -> None:
    np.testing.assert_array_equal(transform_positions(POSITIONS, Experiment(), 1e-8, 0), POSITIONS)


def test_mirror_comes_before_drift_and_drift_before_swap() -> None:
    experiment = Experiment(mirror_rows=True, drift_m=(0.1, 0.01), scan_dims=(3, 2), swap_axes=True)
    moved = transform_positions(POSITIONS, experiment, 1e-8, 0)
    np.testing.assert_allclose(moved[3], [1 + 0.01, -2 + 0.1])
    np.testing.assert_allclose(moved[4], [0, -4 + 0.2])


def test_mirror_columns() -> None:
    moved = transform_positions(POSITIONS, Experiment(mirror_columns=True), 1e-8, 0)
    np.testing.assert_array_equal(moved, POSITIONS * [1, -1])


@pytest.mark.parametrize("dims", [None, (2, 2)])
def test_drift_needs_the_true_scan_dimensions(dims: tuple[int, int] | None) -> None:
    with pytest.raises(ParameterError, match="drift per step needs the scan"):
        transform_positions(POSITIONS, Experiment(drift_m=(1e-9, 0), scan_dims=dims), 1e-8, 0)


def test_jitter_is_bounded_and_follows_the_seed() -> None:
    experiment = Experiment(jitter_radius_px=2)
    positions = np.zeros((500, 2))
    moved = transform_positions(positions, experiment, 1e-8, 5)
    assert 1.9e-8 < np.abs(moved).max() <= 2e-8
    np.testing.assert_array_equal(moved, transform_positions(positions, experiment, 1e-8, 5))
    assert not np.array_equal(moved, transform_positions(positions, experiment, 1e-8, 6))


def test_positions_in_pixels() -> None:
    np.testing.assert_allclose(to_pixels(np.array([[2e-8, -1e-8]]), 1e-8), [[2, -1]])
