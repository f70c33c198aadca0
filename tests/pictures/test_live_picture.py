"""Live pictures: where levels come from, and what is shown of a large or a broken estimate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ptychogui.pictures.live_picture import Display, LivePicture, Shot, make_picture, scanned_region

AS_IT_IS = Display()


def picture_of(field: np.ndarray, probe: np.ndarray, display: Display = AS_IT_IS, limit_px: int = 1024) -> LivePicture:
    return make_picture(Shot(field, probe, 1e-8), display, limit_px)


def test_phase_is_relative_to_the_scanned_region() -> None:
    field = np.full((96, 80), 0.5 * np.exp(2j), np.complex64)
    picture = picture_of(field, np.ones((1, 32, 32), np.complex64))
    np.testing.assert_allclose(picture.phase.whole, 0, atol=1e-6)
    np.testing.assert_allclose(picture.magnitude.whole, 0.5, rtol=1e-6)
    assert picture.scanned_m == pytest.approx((16e-8, 16e-8, 80e-8, 64e-8))
    assert picture.phase_levels[0] < 0 < picture.phase_levels[1]


def test_levels_ignore_what_lies_outside() -> None:
    field = np.full((96, 96), 100, np.complex64)
    field[scanned_region(field.shape, 32)] = np.linspace(0.5, 1, 64)
    low, high = picture_of(field, np.ones((1, 32, 32), np.complex64)).magnitude_levels
    assert 0.45 < low < high < 1.05


def test_a_large_object_is_averaged_down() -> None:
    field, probe = np.ones((300, 200), np.complex64), np.ones((2, 64, 64), np.complex64)
    picture = picture_of(field, probe, limit_px=100)
    assert picture.phase.whole.shape == (100, 66)
    assert picture.pixel_m == pytest.approx(3e-8)
    assert picture.powers == (0.5, 0.5)


@pytest.mark.parametrize("fill", [0, np.nan, np.inf])
def test_a_broken_estimate_still_has_a_picture(fill: float) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        picture = picture_of(np.full((9, 9), fill, np.complex64), np.ones((1, 8, 8), np.complex64))
    assert all(math.isfinite(level) for level in (*picture.phase_levels, *picture.magnitude_levels))


def test_what_got_no_light_neither_sets_levels_nor_is_said_to_be_lit() -> None:
    field = np.full((200, 200), 9, np.complex64)
    field[60:140, 60:140] = 0.7
    inside = np.stack(np.meshgrid(*[np.arange(70.0, 131, 6)] * 2), axis=-1).reshape(-1, 2) * 1e-8
    shot = Shot(field, np.ones((1, 20, 20), np.complex64), 1e-8, positions_m=inside)
    picture = make_picture(shot)
    assert picture.magnitude_levels[1] < 1
    assert picture.light[100, 100] > 0.9 and picture.light[20, 20] < 1e-3
    assert picture.light.shape == (200, 200)


def test_a_ramp_is_taken_out_where_that_is_asked_for() -> None:
    rows = np.arange(96)[:, None] * np.ones((1, 96))
    field = np.exp(0.3j * rows).astype(np.complex64)
    probe = np.ones((1, 32, 32), np.complex64)
    assert np.ptp(picture_of(field, probe).phase.whole) > 6
    assert np.ptp(picture_of(field, probe, Display(ramp_removed=True)).phase.whole) < 0.1


def test_jumps_are_taken_out_where_that_is_asked_for() -> None:
    bump = 12 * np.exp(-((np.indices((96, 96)) - 48) ** 2).sum(axis=0) / 400)
    field, probe = np.exp(1j * bump).astype(np.complex64), np.ones((1, 32, 32), np.complex64)
    assert picture_of(field, probe).is_wrapped
    picture = picture_of(field, probe, Display(unwrapped=True))
    assert not picture.is_wrapped
    lit = picture.phase.whole[30:66, 30:66]
    np.testing.assert_allclose(lit - lit[0, 0], (bump - bump[30, 30])[30:66, 30:66], atol=1e-4)
