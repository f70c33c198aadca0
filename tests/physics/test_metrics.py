from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from ptychogui.errors import DataError
from ptychogui.physics.metrics import align, frc, information_threshold, photon_noise_error

SHAPE = (120, 132)
ROW, COLUMN = np.indices(SHAPE)


def noise(seed: int, width: float) -> np.ndarray:
    return np.asarray(scipy.ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), width, mode="wrap"))


def sample() -> np.ndarray:
    phase, absorption = (noise(seed, 1.5) / np.std(noise(seed, 1.5)) for seed in (1, 2))
    return np.asarray(np.exp(0.3j * phase - 0.1 * absorption))


def shifted(image: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    rows, columns = (np.fft.fftfreq(size) for size in image.shape)
    turn = shift[0] * rows[:, None] + shift[1] * columns
    return np.asarray(np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * turn)))


def scanned() -> np.ndarray:
    return np.hypot(ROW - 60, COLUMN - 66) < 45


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.03, -0.02), (0.4, 0.5), (-3.3, 7.6)])
@pytest.mark.parametrize("ramp", [(0.0, 0.0), (1e-4, -3e-4), (0.02, -0.05), (0.31, 0.2)])
def test_scale_ramp_and_shift_are_removed(shift: tuple[float, float], ramp: tuple[float, float]) -> None:
    truth = sample()
    moved = shifted(truth, (-shift[0], -shift[1]))
    found = align(1.7 * np.exp(0.8j) * moved * np.exp(1j * (ramp[0] * ROW + ramp[1] * COLUMN)), truth, scanned())
    assert found.error < 1e-3
    np.testing.assert_allclose(found.shift_px, shift, atol=1e-3)
    np.testing.assert_allclose(found.ramp_rad, ramp, atol=1e-5)
    np.testing.assert_allclose(found.estimate[scanned()], truth[scanned()], atol=1e-2)


def test_what_is_wrong_outside_of_the_scanned_area_does_not_count() -> None:
    truth = sample()
    estimate = np.where(scipy.ndimage.binary_dilation(scanned(), iterations=6), 2j * truth, 1)
    assert align(estimate, truth, scanned()).error < 1e-3


def test_the_error_of_a_noisy_estimate_is_its_noise() -> None:
    truth = sample()
    error = 0.05 * (noise(5, 0.5) + 1j * noise(6, 0.5))
    expected = np.linalg.norm(error[scanned()]) / np.linalg.norm(truth[scanned()])
    assert align(truth + error, truth, scanned()).error == pytest.approx(expected, rel=0.02)


def test_images_that_can_not_be_compared_are_refused() -> None:
    with pytest.raises(DataError, match="differ in shape"):
        align(sample()[1:], sample(), scanned())
    with pytest.raises(DataError, match="weight is zero everywhere"):
        align(sample(), sample(), np.zeros(SHAPE))


def test_ring_correlation_of_an_image_with_itself_is_one() -> None:
    found = frc(sample(), 2j * sample() / 2j)
    np.testing.assert_allclose(found.correlation, 1, rtol=1e-9)
    assert found.resolution_px == 1
    assert found.frequency[-1] == 0.5


def test_ring_correlation_finds_where_the_noise_begins() -> None:
    common = noise(1, 2.0) / noise(1, 2.0).std()
    one, two = (common + 0.1 * np.random.default_rng(seed).normal(size=SHAPE) for seed in (2, 3))
    resolutions = [frc(common + 10**level * (one - common), common + 10**level * (two - common)).resolution_px
                   for level in (-1, 0, 1)]  # fmt: skip
    assert 1 < resolutions[0] < resolutions[1] < resolutions[2]


@pytest.mark.parametrize("edge", [0.2, 0.6, 0.9])
def test_ring_correlation_falls_where_the_estimate_ends(edge: float) -> None:
    truth, other = (np.random.default_rng(seed).normal(size=(128, 128)) for seed in (2, 3))
    rows, columns = np.meshgrid(*2 * [np.fft.fftfreq(128)], indexing="ij")
    seen = np.hypot(rows, columns) < edge / 2
    estimate = np.fft.ifft2(np.where(seen, np.fft.fft2(truth), np.fft.fft2(other)))
    assert frc(estimate, truth).falls_below(0.5) == pytest.approx(edge, abs=0.03)
    assert frc(truth, truth).falls_below(0.5) == 1


def test_unrelated_images_share_nothing() -> None:
    one, two = (np.random.default_rng(seed).normal(size=SHAPE) for seed in (2, 3))
    found = frc(one, two)
    assert np.abs(found.correlation[20:]).max() < 0.3
    assert found.resolution_px > 10


def test_information_threshold_tends_to_half_a_bit() -> None:
    assert information_threshold(np.array([1e12]))[0] == pytest.approx(0.2071 / 1.2071, rel=1e-4)
    assert information_threshold(np.array([1.0]))[0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("mean", "within"), [(0.01, 0.16), (0.05, 0.15), (0.5, 0.1), (3, 0.05), (50, 0.01), (1e3, 0.01)]
)
def test_the_error_of_perfect_models_is_one_photon_noise(mean: float, within: float) -> None:
    measured = np.random.default_rng(1).poisson(mean, (50, 40, 40))
    error = photon_noise_error(np.full(measured.shape, np.sqrt(mean)), np.sqrt(measured))
    assert error == pytest.approx(1, abs=within)


def test_free_pixels_do_not_count() -> None:
    amplitudes = np.full((2, 4, 4), 5.0)
    amplitudes[0, 0, 0] = -1
    model = np.where(amplitudes < 0, 1e6, 5.0)
    assert photon_noise_error(model, amplitudes) == 0
