"""Comparison of two pictures: against scikit-image's registration, analytic cases, and a known truth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from skimage.registration import phase_cross_correlation

from ptychogui.errors import DataError
from ptychogui.physics.comparison import Picture, compare

SIZE = 128
ROW, COLUMN = np.indices((SIZE, SIZE))
PIXEL_M = 1e-8


def smooth(seed: int, width: float, size: int = SIZE) -> np.ndarray:
    found = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), width, mode="wrap")
    return np.asarray(found / found.std())


def sample(size: int = SIZE) -> np.ndarray:
    return np.asarray(np.exp(0.4j * smooth(1, 2.0, size) - 0.1 * smooth(2, 2.0, size)))


def moved(field: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    rows, columns = (np.fft.fftfreq(size) for size in field.shape)
    turn = shift[0] * rows[:, None] + shift[1] * columns
    return np.asarray(np.fft.ifft2(np.fft.fft2(field) * np.exp(-2j * np.pi * turn)))


def inside(margin: int = 20, size: int = SIZE) -> np.ndarray:
    weight = np.zeros((size, size), np.bool_)
    weight[margin:-margin, margin:-margin] = True
    return weight


def picture(field: np.ndarray, origin_m: tuple[float, float] | None = None, pixel_m: float = PIXEL_M) -> Picture:
    return Picture(field=field, pixel_m=pixel_m, weight=inside(size=len(field)), origin_m=origin_m)


@pytest.mark.parametrize("shift", [(0.25, -0.4), (1.5, 2.25), (-3.7, 0.1)])
def test_the_shift_is_that_of_scikit_image(shift: tuple[float, float]) -> None:
    truth = sample()
    found = compare(picture(truth), picture(moved(truth, shift)))
    expected, _, _ = phase_cross_correlation(truth, moved(truth, shift), upsample_factor=100)
    np.testing.assert_allclose(found.shift_px, expected, atol=0.011)
    np.testing.assert_allclose(found.shift_px, (-shift[0], -shift[1]), atol=1e-3)
    assert found.error < 1e-3
    assert found.resolution_m == PIXEL_M


def test_ramp_and_scale_do_not_count() -> None:
    truth = sample()
    ramped = 0.3 * np.exp(1j * (0.05 * ROW - 0.02 * COLUMN + 1)) * truth
    found = compare(picture(truth), picture(ramped))
    assert found.error < 1e-6
    np.testing.assert_allclose(found.ramp_rad, (0.05, -0.02), atol=1e-6)
    np.testing.assert_allclose(found.second, truth, atol=1e-5)


@pytest.mark.parametrize("ratio", [0.1, 0.3])
def test_the_error_is_that_of_the_noise(ratio: float) -> None:
    truth = sample()
    noise = ratio * (smooth(5, 0.0) + 1j * smooth(6, 0.0)) / np.sqrt(2) * np.sqrt(np.mean(np.abs(truth) ** 2))
    assert compare(picture(truth), picture(truth + noise)).error == pytest.approx(ratio, rel=0.06)


def test_both_thresholds_are_crossed_where_the_signal_has_their_ratio() -> None:
    """A signal that falls with frequency under white noise: the ratio of the two is known at every frequency."""
    rng = np.random.default_rng(3)
    size = 512
    rows, columns = np.meshgrid(*2 * [np.fft.fftfreq(size)], indexing="ij")
    falling = 10 ** (1.5 - 8 * np.hypot(rows, columns))
    signal = np.fft.ifft2(falling * np.fft.fft2(rng.normal(size=(size, size))))
    noisy = [signal + rng.normal(size=(size, size)) for _ in range(2)]
    rings = compare(*(picture(1000 + image) for image in noisy)).rings
    power = 10 ** (2 * (1.5 - 8 * rings.frequency))
    for resolution_px, threshold in ((rings.resolution_px, rings.threshold),
                                     (rings.one_bit_resolution_px, rings.one_bit_threshold)):  # fmt: skip
        crossing = rings.frequency[1:][(power / (power + 1) < threshold)[1:]][0]
        assert 0.5 / resolution_px == pytest.approx(crossing, rel=0.03)
    assert rings.one_bit_resolution_px > rings.resolution_px


def test_objects_of_other_sizes_are_laid_by_where_they_lie() -> None:
    truth = sample(160)
    one = Picture(
        field=truth[:120, 8:150], pixel_m=PIXEL_M, weight=np.ones((120, 142), bool), origin_m=(0, 8 * PIXEL_M)
    )
    other = Picture(field=truth[16:, 20:], pixel_m=PIXEL_M, weight=np.ones((144, 140), bool),
                    origin_m=(16 * PIXEL_M, 20 * PIXEL_M))  # fmt: skip
    found = compare(one, other)
    assert found.first.shape == (104, 130)
    np.testing.assert_allclose(found.shift_px, (0, 0), atol=1e-9)
    assert found.error < 1e-9


def test_other_pixels_are_brought_to_the_larger_ones() -> None:
    fine = np.exp(0.4j * smooth(1, 6.0, 256))
    found = compare(picture(fine[::2, ::2], (0.0, 0.0), 2 * PIXEL_M), picture(fine, (0.0, 0.0)))
    assert found.pixel_m == 2 * PIXEL_M
    assert found.error < 1e-3
    assert "smaller pixels" in found.notes[0]


def test_pixels_that_are_not_known_give_no_lengths() -> None:
    found = compare(picture(sample(), pixel_m=0), picture(sample(), pixel_m=0))
    assert (found.resolution_m, found.one_bit_resolution_m, found.rings.resolution_px) == (None, None, 1)


def test_objects_apart_are_refused() -> None:
    with pytest.raises(DataError, match="in common"):
        compare(picture(sample(), (0.0, 0.0)), picture(sample(), (0.0, 125 * PIXEL_M)))
    with pytest.raises(DataError, match="scanned areas"):
        compare(picture(sample(), (0.0, 0.0)), picture(sample(), (0.0, 80 * PIXEL_M)))
