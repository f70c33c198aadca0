"""Live pictures: where levels come from, and what is shown of a large or a broken estimate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ptychogui.pictures.live_picture import make_picture, scanned_region


def test_phase_is_relative_to_the_scanned_region() -> None:
    field = np.full((96, 80), 0.5 * np.exp(2j), np.complex64)
    picture = make_picture(field, np.ones((1, 32, 32), np.complex64), 1e-8)
    np.testing.assert_allclose(picture.phase, 0, atol=1e-6)
    np.testing.assert_allclose(picture.magnitude, 0.5, rtol=1e-6)
    assert picture.scanned_m == pytest.approx((16e-8, 16e-8, 80e-8, 64e-8))
    assert picture.phase_levels[0] < 0 < picture.phase_levels[1]


def test_levels_ignore_what_lies_outside() -> None:
    field = np.full((96, 96), 100, np.complex64)
    field[scanned_region(field.shape, 32)] = np.linspace(0.5, 1, 64)
    low, high = make_picture(field, np.ones((1, 32, 32), np.complex64), 1e-8).magnitude_levels
    assert 0.45 < low < high < 1.05


def test_a_large_object_is_averaged_down() -> None:
    field, probe = np.ones((300, 200), np.complex64), np.ones((2, 64, 64), np.complex64)
    picture = make_picture(field, probe, 1e-8, limit_px=100)
    assert picture.phase.shape == (100, 66)
    assert picture.pixel_m == pytest.approx(3e-8)
    assert picture.powers == (0.5, 0.5)


@pytest.mark.parametrize("fill", [0, np.nan, np.inf])
def test_a_broken_estimate_still_has_a_picture(fill: float) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        picture = make_picture(np.full((9, 9), fill, np.complex64), np.ones((1, 8, 8), np.complex64), 1e-8)
    assert all(math.isfinite(level) for level in (*picture.phase_levels, *picture.magnitude_levels))
