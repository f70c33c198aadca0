from __future__ import annotations

import numpy as np
import pytest

from ptychogui.errors import ParameterError
from ptychogui.physics.optics import energy_eV, object_pixel_m, propagate, wavelength_m


def field(n: int = 48) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=(2, n, n)) + 1j * rng.normal(size=(2, n, n))


def test_wavelength_and_energy_are_exact_by_the_si() -> None:
    assert wavelength_m(1.0) == pytest.approx(1.2398419843320026e-6, rel=1e-15)
    assert energy_eV(wavelength_m(8800.0)) == pytest.approx(8800.0, rel=1e-15)


def test_object_pixel_of_a_known_beamline() -> None:
    assert object_pixel_m(8800, 1.92, 75e-6, 256) == pytest.approx(14.089e-9, rel=1e-4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((None, 2.0, 75e-6), "photon energy is not known"),
        ((0.0, 2.0, 75e-6), "photon energy is 0.0 eV, but it must be positive"),
        ((8800.0, None, 75e-6), "detector distance is not known"),
        ((8800.0, 2.0, None), "detector pixel is not known"),
        ((8800.0, 2.0, 0.0), "detector pixel is 0.0 m, but it must be positive"),
        ((8800.0, float("nan"), 75e-6), "detector distance is nan"),
    ],
)
def test_missing_or_zero_values_are_named(values: tuple[float | None, float | None, float | None], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        object_pixel_m(*values, 128)


def test_propagation_is_unitary_and_reversible() -> None:
    start = field()
    there = propagate(start, 20e-9, 1.4e-10, 3e-3)
    assert np.linalg.norm(there) == pytest.approx(np.linalg.norm(start), rel=1e-12)
    np.testing.assert_allclose(propagate(there, 20e-9, 1.4e-10, -3e-3), start, atol=1e-10)


def test_distances_add_up() -> None:
    start = field()
    twice = propagate(propagate(start, 20e-9, 1.4e-10, 1e-3), 20e-9, 1.4e-10, 2e-3)
    np.testing.assert_allclose(twice, propagate(start, 20e-9, 1.4e-10, 3e-3), atol=1e-10)


def test_a_gaussian_beam_spreads_as_theory_says() -> None:
    n, pixel, wavelength, waist = 256, 20e-9, 1.4e-10, 200e-9
    axis = (np.arange(n) - n // 2) * pixel
    beam = np.exp(-(axis[:, None] ** 2 + axis**2) / waist**2).astype(complex)
    rayleigh = np.pi * waist**2 / wavelength
    power = np.abs(propagate(beam, pixel, wavelength, 2 * rayleigh)) ** 2
    width = np.sqrt(4 * (power * axis**2).sum() / power.sum())
    assert width == pytest.approx(waist * np.sqrt(5), rel=1e-6)


def test_waves_finer_than_the_wavelength_are_cut() -> None:
    stripes = np.broadcast_to(np.array([1, -1] * 8), (16, 16)).astype(complex)
    assert np.abs(propagate(stripes, 0.2e-6, 1e-6, 1e-6)).max() < 1e-12


def test_single_precision_stays_single() -> None:
    assert propagate(field().astype(np.complex64), 20e-9, 1.4e-10, 1e-3).dtype == np.complex64
