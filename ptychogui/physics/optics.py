"""Wavelength, energy, pixel sizes, and free-space propagation."""

from __future__ import annotations

import math

import numpy as np
import scipy

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters

_HC_EV_M = 6.62607015e-34 * 299792458.0 / 1.602176634e-19
"""Photon energy in eV times wavelength in m; exact by the SI's definition."""


def wavelength_m(energy_eV: float | None) -> float:
    """Return the wavelength in m of a photon energy in eV.

    Raises:
        ParameterError: the energy is not known, or not a positive number.
    """
    return _HC_EV_M / _positive(energy_eV, "photon energy", "eV")


def energy_eV(wavelength_m: float | None) -> float:
    """Return the photon energy in eV of a wavelength in m.

    Raises:
        ParameterError: the wavelength is not known, or not a positive number.
    """
    return _HC_EV_M / _positive(wavelength_m, "wavelength", "m")


def object_pixel_m(energy_eV: float | None, distance_m: float | None, detector_pixel_m: float | None, n: int) -> float:
    """Return the pixel in m of the reconstructed object: wavelength * distance / (n * detector pixel).

    Args:
        energy_eV: photon energy.
        distance_m: from the sample to the detector.
        detector_pixel_m: size of a detector pixel.
        n: rows and columns of a pattern after cropping.

    Raises:
        ParameterError: one of them is not known, or not a positive number.
    """
    distance = _positive(distance_m, "detector distance", "m")
    pixel = _positive(detector_pixel_m, "detector pixel", "m")
    return wavelength_m(energy_eV) * distance / (_positive(n, "pattern size", "px") * pixel)


def pattern_pixel_m(parameters: Parameters) -> float | None:
    """Return the pixel in m of a pattern, as it lies on the detector: that of the detector, or of several joined."""
    pixel_m = parameters.experiment.detector_pixel_m
    return None if pixel_m is None else pixel_m * parameters.preprocessing.bin_px


def job_pixel_m(parameters: Parameters, n: int) -> float:
    """Return the pixel in m of the object that a job gives; see `object_pixel_m`.

    Args:
        parameters: of the job.
        n: rows and columns of a pattern after cropping and joining.

    Raises:
        ParameterError: energy, distance or detector pixel is not known.
    """
    experiment = parameters.experiment
    return object_pixel_m(experiment.energy_eV, experiment.distance_m, pattern_pixel_m(parameters), n)


def propagate(field: np.ndarray, pixel_m: float, wavelength_m: float, distance_m: float) -> np.ndarray:
    """Propagate a field through free space by its angular spectrum (Goodman, Fourier Optics, section 3.10).

    The carrier exp(i k z) is left out. Waves that decay (features finer than the wavelength) are cut. Power is kept
    and distances add up; what leaves the array at one side comes back at the other.

    Args:
        field: complex (..., rows, columns).
        pixel_m: spacing of its samples.
        wavelength_m: of the light.
        distance_m: positive downstream.

    Returns:
        complex array of the field's shape and precision.
    """
    rows, columns = (np.fft.fftfreq(size, pixel_m) for size in field.shape[-2:])
    kernel = _transfer(rows[:, None] ** 2 + columns**2, wavelength_m, distance_m).astype(field.dtype)
    return np.asarray(scipy.fft.ifft2(scipy.fft.fft2(field) * kernel))


def _transfer(frequency_squared: np.ndarray, wavelength_m: float, distance_m: float) -> np.ndarray:
    """Return exp(i (kz - k) z), with kz - k written so that nothing cancels."""
    carrier = 1 / wavelength_m
    along = carrier**2 - frequency_squared
    lag = frequency_squared / (carrier + np.sqrt(np.maximum(along, 0)))
    return np.where(along >= 0, np.exp(-2j * np.pi * distance_m * lag), 0)


def _positive(value: float | None, name: str, unit: str) -> float:
    if value is None:
        raise ParameterError(f"the {name} is not known and the file does not say it; give it in {unit}")
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"the {name} is {value} {unit}, but it must be positive; correct it")
    return float(value)
