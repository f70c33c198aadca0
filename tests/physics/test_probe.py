from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from ptychogui.errors import ParameterError
from ptychogui.physics.probe import (
    far_field,
    gaussian,
    guess_probe,
    phase_ramps,
    power_radius_px,
    resample,
    scale_to_counts,
    shift_probe,
    usual_diameter_m,
    zone_plate,
)
from ptychogui.physics.scan import raster_m

N, PIXEL, WAVELENGTH = 128, 28e-9, 1.409e-10
DEFOCUS = 1.4e-6 * 50e-9 / WAVELENGTH
SHIFTS = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)).map(np.array)


def fields(seed: int, n: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, n, n)) + 1j * rng.normal(size=(2, n, n))


@given(SHIFTS, st.sampled_from([15, 16]))
def test_the_adjoint_of_a_shift_is_the_shift_back(shift: np.ndarray, n: int) -> None:
    one, two = fields(1, n), fields(2, n)
    there, back = np.vdot(two, shift_probe(one, shift)), np.vdot(shift_probe(two, -shift), one)
    assert there == pytest.approx(back, rel=1e-4, abs=1e-3)


def test_a_shift_by_a_whole_pixel_is_a_roll() -> None:
    moved = shift_probe(fields(1), np.array([1.0, -2.0]))
    np.testing.assert_allclose(moved, np.roll(fields(1), (1, -2), axis=(1, 2)), atol=1e-5)


def test_a_shifted_real_field_stays_real() -> None:
    assert np.abs(shift_probe(fields(1).real, np.array([0.3, 0.2])).imag).max() < 1e-5


def test_two_ramps_make_one() -> None:
    one, two = np.array([[0.2, -0.1]]), np.array([[0.1, 0.4]])
    product = phase_ramps(one, 15) * phase_ramps(two, 15)
    np.testing.assert_allclose(product, phase_ramps(one + two, 15), atol=1e-6)


def test_a_gaussian_has_its_width_and_unit_power() -> None:
    beam = gaussian(N, PIXEL, 20 * PIXEL)
    assert beam.dtype == np.complex64 and beam.shape == (1, N, N)
    assert np.sum(np.abs(beam) ** 2) == pytest.approx(1, rel=1e-5)
    profile = np.abs(beam[0, N // 2]) ** 2
    assert profile[N // 2 + 10] == pytest.approx(profile[N // 2] / 2, rel=1e-5)
    assert power_radius_px(beam) == pytest.approx(10, abs=0.1)


def test_a_zone_plate_lights_a_ring_on_the_detector_and_on_the_sample() -> None:
    beam = zone_plate(N, PIXEL, WAVELENGTH, DEFOCUS)
    far = np.abs(far_field(beam)[0])
    rim = N * PIXEL / (2 * 50e-9)
    assert far[N // 2, N // 2] < 1e-3 * far.max()
    assert far[N // 2, N // 2 + round(0.7 * rim)] == pytest.approx(far.max(), rel=1e-3)
    assert far[N // 2, N // 2 + round(1.2 * rim)] < 1e-3 * far.max()
    assert 2 * power_radius_px(beam, 0.95) * PIXEL == pytest.approx(1.4e-6, rel=0.1)


def test_a_zone_plate_that_the_array_cannot_hold_is_refused() -> None:
    with pytest.raises(ParameterError, match="outer zone of 2e-08 m needs object pixels"):
        zone_plate(N, PIXEL, WAVELENGTH, DEFOCUS, outer_zone_m=20e-9)
    with pytest.raises(ParameterError, match="wide at a defocus"):
        zone_plate(N, PIXEL, WAVELENGTH, 5 * DEFOCUS)


@pytest.mark.parametrize("diameter_m", [0.8e-6, 1.4e-6, 2e-6])
def test_the_guess_has_the_size_and_the_counts_asked_for(diameter_m: float) -> None:
    pattern = 1e5 * np.fft.ifftshift(np.abs(far_field(zone_plate(N, PIXEL, WAVELENGTH, DEFOCUS))[0]) ** 2)
    guess = guess_probe(pattern, None, PIXEL, diameter_m)
    assert guess.shape == (1, N, N) and guess.dtype == np.complex64
    assert np.sum(np.abs(guess) ** 2) == pytest.approx(pattern.sum(), rel=1e-5)
    assert np.sqrt(8) * power_radius_px(guess) * PIXEL == pytest.approx(diameter_m, rel=0.01)
    np.testing.assert_allclose(np.abs(far_field(guess)[0]) ** 2, np.fft.fftshift(pattern), atol=1e-4 * pattern.max())


def test_the_guess_finds_the_simulated_beam() -> None:
    beam = scale_to_counts(zone_plate(N, PIXEL, WAVELENGTH, DEFOCUS), 1e5)
    pattern = np.fft.ifftshift(np.abs(far_field(beam)[0]) ** 2)
    guess = guess_probe(pattern, None, PIXEL, np.sqrt(8) * power_radius_px(beam) * PIXEL)
    assert np.abs(np.vdot(guess, beam)) > 0.98 * 1e5


def test_dead_pixels_of_the_pattern_are_filled_from_around() -> None:
    pattern = np.full((32, 32), 7.0)
    dead = np.zeros((32, 32), bool)
    dead[:9, :9] = True
    whole = guess_probe(pattern, None, PIXEL, 8 * PIXEL)
    holed = guess_probe(np.where(dead, 0, pattern), dead, PIXEL, 8 * PIXEL)
    np.testing.assert_allclose(holed, whole, atol=1e-4 * np.abs(whole).max())


@pytest.mark.parametrize(("step_m", "expected_m"), [((1e-6, 1e-6), 3.5e-6), ((4e-6, 1e-6), 7e-6)])
def test_usual_diameter_follows_the_step_also_of_dense_lines(step_m: tuple[float, float], expected_m: float) -> None:
    assert usual_diameter_m(raster_m((30, 30), step_m)) == pytest.approx(expected_m, rel=2e-3)


def test_usual_diameter_of_one_line_and_of_one_position() -> None:
    assert usual_diameter_m(raster_m((1, 9), (1e-6, 2e-6))) == pytest.approx(7e-6)
    with pytest.raises(ParameterError, match="single scan position"):
        usual_diameter_m(np.zeros((3, 2)))


@pytest.mark.parametrize(("n", "new_pixel_m"), [(96, PIXEL), (160, PIXEL), (256, PIXEL / 2), (64, 2 * PIXEL)])
def test_a_resampled_beam_is_the_beam_of_the_new_grid(n: int, new_pixel_m: float) -> None:
    width_m = 20 * PIXEL
    fitted = resample(gaussian(N, PIXEL, width_m), PIXEL, n, new_pixel_m)
    np.testing.assert_allclose(fitted, gaussian(n, new_pixel_m, width_m), atol=1e-3 * np.abs(fitted).max())
