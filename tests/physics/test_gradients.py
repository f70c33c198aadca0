"""Centers of mass, slopes, curl, and how phase and absorption go together: against fields known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.gradients import centers_of_mass, curls, matter_correlation, mean_counts, slopes
from ptychogui.physics.phantoms import PHANTOMS
from ptychogui.physics.probe import gaussian
from ptychogui.physics.scan import place_windows
from ptychogui.physics.simulation import intensities

IDENTITY, QUARTER = np.eye(2, dtype=int), np.array([[0, -1], [1, 0]])
MIRROR, TRANSPOSE = np.diag([1, -1]), np.array([[0, 1], [1, 0]])


def spots(*places: tuple[int, int], n: int = 16) -> np.ndarray:
    patterns = np.zeros((len(places), n, n), np.uint16)
    for pattern, (row, column) in zip(patterns, places, strict=True):
        pattern[row, column] = 100
    return patterns


def test_the_center_of_a_spot_is_where_it_is() -> None:
    found = centers_of_mass(spots((0, 0), (3, -2), (-5, 7)))
    np.testing.assert_allclose(found, [(0, 0), (3, -2), (-5, 7)])


def test_a_free_pixel_counts_what_it_does_elsewhere() -> None:
    patterns = spots((0, 0), (0, 0), (0, 0))
    patterns[:, 4, 0] = 100
    whole = centers_of_mass(patterns)
    patterns[1, 4, 0] = np.iinfo(np.uint16).max
    np.testing.assert_allclose(centers_of_mass(patterns), whole)
    assert mean_counts(patterns)[4, 0] == 100
    patterns[:, 4, 0] = np.iinfo(np.uint16).max
    np.testing.assert_allclose(centers_of_mass(patterns), 0)


def test_a_phase_ramp_moves_the_pattern_by_its_gradient() -> None:
    rows, columns = np.indices((64, 64))
    ramp_px = (2.5, -1.25)
    obj = np.exp(2j * np.pi * (ramp_px[0] * rows + ramp_px[1] * columns) / 32).astype(np.complex64)
    geometry = place_windows(np.array([(0.0, 0.0), (9.0, 5.0)]), 32)
    patterns = np.sqrt(np.concatenate(list(intensities(obj, gaussian(32, 1.0, 8.0) * 1000, geometry))))
    np.testing.assert_allclose(centers_of_mass(patterns), [ramp_px, ramp_px], atol=1e-3)


def test_slopes_are_those_of_a_linear_field_wherever_the_positions_are() -> None:
    positions = np.random.default_rng(0).uniform(0, 40, (60, 2))
    matrix = np.array([[0.3, -0.7], [1.1, 0.2]])
    found = slopes(positions, positions @ matrix.T + (5, -9))
    np.testing.assert_allclose(found, np.broadcast_to(matrix, found.shape), atol=1e-9)


def test_across_a_line_of_positions_there_is_no_slope() -> None:
    line = np.stack([np.arange(20.0), np.zeros(20)], axis=1)
    found = slopes(line, line @ np.array([[0.0, 0.0], [2.0, 0.0]]).T)
    np.testing.assert_allclose(found, np.broadcast_to([[0, 0], [2, 0]], found.shape), atol=1e-9)
    np.testing.assert_allclose(curls(found, IDENTITY), curls(found, MIRROR))


def test_a_gradient_has_no_curl_and_turned_it_has() -> None:
    hessian = np.array([[[1.0, 0.5], [0.5, -3.0]]])
    size = np.sqrt(np.square(hessian).sum())
    assert curls(hessian, IDENTITY)[0] == pytest.approx(0)
    assert curls(hessian, -IDENTITY)[0] == pytest.approx(0)
    assert curls(hessian, QUARTER)[0] == pytest.approx((1.0 - 3.0) ** 2 / size)  # the Laplacian
    assert curls(hessian, MIRROR)[0] == pytest.approx((2 * 0.5) ** 2 / size)
    assert curls(hessian, TRANSPOSE)[0] == pytest.approx((1.0 + 3.0) ** 2 / size)
    assert curls(np.zeros((1, 2, 2)), QUARTER)[0] == 0


@pytest.mark.parametrize("phantom", ["cells", "grains", "siemens"])
def test_matter_is_told_from_its_conjugate(phantom: str) -> None:
    obj = PHANTOMS[phantom]((96, 96), np.random.default_rng(1))
    rows, columns = np.indices(obj.shape)
    ramp = 3 * np.exp(1j * (0.4 * rows - 0.9 * columns + 2))
    weight = np.hypot(rows - 48, columns - 48) < 40
    assert matter_correlation(obj * ramp, weight) > 0.99
    assert matter_correlation(obj.conj() * ramp, weight) < -0.99
    assert matter_correlation(obj[::-1], weight[::-1]) > 0.99


def test_what_is_no_matter_has_no_correlation() -> None:
    rng = np.random.default_rng(2)
    weight = np.ones((64, 64))
    assert matter_correlation(np.ones((64, 64), np.complex64), weight) == 0
    assert matter_correlation(PHANTOMS["cells"]((64, 64), rng), 0 * weight) == 0
    noise = np.exp(0.1 * (rng.normal(size=(64, 64)) + 1j * rng.normal(size=(64, 64))))
    assert abs(matter_correlation(noise, weight)) < 0.3
    noise[10, 10] = np.nan
    assert np.isfinite(matter_correlation(noise, weight))
