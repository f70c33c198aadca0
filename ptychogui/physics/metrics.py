"""How good a reconstruction is: against the truth, against itself, against the photons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.errors import DataError
from ptychogui.physics.amplitude_variance import expected_amplitude_variance

_ALIGN_ROUNDS = 25
_HALF_BIT = 0.2071
_ONE_BIT = 0.5
"""Signal-to-noise ratios of half a bit and of one bit of information (van Heel & Schatz 2005)."""


@dataclass(frozen=True)
class Aligned:
    """An estimate without the ambiguities of ptychography.

    Attributes:
        estimate: complex128 (rows, columns), scaled, without the ramp, shifted onto the truth.
        error: relative root mean square error on the weighted area.
        shift_px: what the estimate was shifted by, towards higher rows and columns.
        ramp_rad: phase per pixel, of rows and columns, that was taken off.
    """

    estimate: np.ndarray
    error: float
    shift_px: tuple[float, float]
    ramp_rad: tuple[float, float]


def align(estimate: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> Aligned:
    """Remove complex scale, linear phase ramp and lateral shift between an estimate and the truth.

    Ramp and shift start from the peaks of a Fourier transform and of a cross-correlation, and are then refined with
    the scale by Gauss-Newton steps on sum w |c T_s(e exp(-i k r)) - t|^2.

    Args:
        estimate: complex (rows, columns).
        truth: complex (rows, columns).
        weight: bool or float (rows, columns), 0 outside of the scanned area.

    Raises:
        DataError: the shapes differ, or the weight is zero everywhere.
    """
    if not estimate.shape == truth.shape == weight.shape:
        raise DataError(f"estimate {estimate.shape}, truth {truth.shape} and weight {weight.shape} differ in shape")
    if not np.any(weight):
        raise DataError("there is no scanned area to compare on: the weight is zero everywhere")
    weight = np.asarray(weight, dtype=np.float64)
    misfit = _Misfit(np.asarray(estimate, np.complex128), np.asarray(truth, np.complex128), weight)
    ramp = misfit.peak_ramp()
    place = np.concatenate([misfit.peak_shift(ramp), ramp])
    best = misfit.at(place)
    for _ in range(_ALIGN_ROUNDS):
        step = misfit.step(place, *best)
        tried = misfit.at(place + step)
        if tried[1] >= best[1] * (1 - 1e-12):
            break
        place, best = place + step, tried
    error = np.sqrt(best[1] / np.sum(weight * np.abs(truth) ** 2))
    return Aligned(best[0], float(error), (place[0], place[1]), (place[2], place[3]))


class _Misfit:
    """The weighted squares between truth and estimate at a place: row shift, column shift, row ramp, column ramp."""

    def __init__(self, estimate: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> None:
        self._estimate, self._truth, self._weight = estimate, truth, weight
        frequencies = (np.fft.fftfreq(size) for size in truth.shape)
        self._row_frequency, self._column_frequency = np.meshgrid(*frequencies, indexing="ij", sparse=True)
        offsets = (np.arange(size) - size / 2 for size in truth.shape)
        self._row, self._column = np.meshgrid(*offsets, indexing="ij", sparse=True)

    def peak_ramp(self) -> np.ndarray:
        """Return the ramp that most of the estimate has against the truth, in rad per pixel of rows and columns."""
        product = self._weight * self._estimate * self._truth.conj()
        spectrum = scipy.fft.fft2(product, [2 * size for size in product.shape])
        return np.asarray(2 * np.pi * _peak(spectrum) / spectrum.shape)

    def peak_shift(self, ramp: np.ndarray) -> np.ndarray:
        """Return the whole pixels by which the estimate is best shifted onto the truth."""
        spectra = []
        for image in (self._truth, self._level(ramp)):
            mean = np.average(image, weights=self._weight)
            spectra.append(scipy.fft.fft2(self._weight * (image - mean)))
        return _peak(scipy.fft.ifft2(spectra[0] * spectra[1].conj()))

    def at(self, place: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the best scaled estimate for shift and ramp, and its misfit."""
        moved = scipy.fft.ifft2(self._shifted_spectrum(place))
        scale = np.sum(self._weight * moved.conj() * self._truth) / np.sum(self._weight * np.abs(moved) ** 2)
        return scale * moved, float(np.sum(self._weight * np.abs(scale * moved - self._truth) ** 2))

    def step(self, place: np.ndarray, estimate: np.ndarray, _misfit: float) -> np.ndarray:
        """Return the Gauss-Newton step of shift and ramp; the complex scale is free."""
        spectrum = scipy.fft.fft2(estimate)
        slopes = [
            scipy.fft.ifft2(-2j * np.pi * self._row_frequency * spectrum),
            scipy.fft.ifft2(-2j * np.pi * self._column_frequency * spectrum),
            -1j * self._row * estimate,
            -1j * self._column * estimate,
            estimate,
            1j * estimate,
        ]
        normal = [[np.sum(self._weight * (a.conj() * b).real) for b in slopes] for a in slopes]
        rest = self._truth - estimate
        pull = [np.sum(self._weight * (a.conj() * rest).real) for a in slopes]
        return np.asarray(np.linalg.lstsq(np.array(normal), np.array(pull), rcond=1e-12)[0][:4])

    def _level(self, ramp: np.ndarray) -> np.ndarray:
        return np.asarray(self._estimate * np.exp(-1j * (ramp[0] * self._row + ramp[1] * self._column)))

    def _shifted_spectrum(self, place: np.ndarray) -> np.ndarray:
        turn = place[0] * self._row_frequency + place[1] * self._column_frequency
        return np.asarray(scipy.fft.fft2(self._level(place[2:])) * np.exp(-2j * np.pi * turn))


@dataclass(frozen=True)
class RingCorrelation:
    """Fourier ring correlation of two images.

    Attributes:
        frequency: float64 (rings,), cycles per pixel, up to 0.5.
        correlation: float64 (rings,), real part, in [-1, 1].
        threshold: float64 (rings,), of half a bit of information per pixel.
        resolution_px: half period at the first crossing of the threshold, in pixels; 1 if there is none.
        one_bit_threshold: float64 (rings,), of one bit.
        one_bit_resolution_px: half period where the correlation first falls below that.
    """

    frequency: np.ndarray
    correlation: np.ndarray
    threshold: np.ndarray
    resolution_px: float
    one_bit_threshold: np.ndarray
    one_bit_resolution_px: float

    def falls_below(self, level: float) -> float:
        """Return the frequency at which the correlation first falls below a level, as a part of Nyquist; 1 if never.

        0.5 against a truth without noise is 0.143 between halves of the data (Rosenthal & Henderson, J. Mol. Biol. 333,
        721, 2003): the estimate's noise has three times the power of its signal there.
        """
        return 2 * _crossing(self.frequency, self.correlation - level)


def frc(first: np.ndarray, second: np.ndarray, taper: float = 0.3) -> RingCorrelation:
    """Correlate two independent reconstructions ring by ring (van Heel & Schatz, J. Struct. Biol. 151, 250, 2005).

    The central square is used, less its mean, under a Tukey window. Align the images first.

    Args:
        first: complex or real (rows, columns).
        second: of the same shape.
        taper: part of the window that falls off.

    Raises:
        DataError: the shapes differ, or the images are smaller than 16 pixels.
    """
    if first.shape != second.shape or min(first.shape) < 16:
        raise DataError(
            f"ring correlation needs two images of one size of at least 16, not {first.shape}, {second.shape}"
        )
    size = min(first.shape) // 2 * 2
    window = scipy.signal.windows.tukey(size, taper)[:, None] * scipy.signal.windows.tukey(size, taper)
    squares = (_middle(image, size) for image in (first, second))
    one, two = (scipy.fft.fft2((square - square.mean()) * window) for square in squares)
    frequency = np.fft.fftfreq(size) * size
    ring = np.rint(np.hypot(frequency[:, None], frequency)).astype(int).ravel()

    def by_ring(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, values.ravel())[: size // 2 + 1]

    power = np.sqrt(by_ring(np.abs(one) ** 2) * by_ring(np.abs(two) ** 2))
    correlation = by_ring((one * two.conj()).real) / np.maximum(power, np.finfo(np.float64).tiny)
    pixels = by_ring(np.ones(size * size))
    frequencies = np.arange(size // 2 + 1) / size
    half, one_bit = (information_threshold(pixels, ratio) for ratio in (_HALF_BIT, _ONE_BIT))
    half_px, one_bit_px = (0.5 / _crossing(frequencies, correlation - level) for level in (half, one_bit))
    return RingCorrelation(frequencies, correlation, half, half_px, one_bit, one_bit_px)


def information_threshold(pixels: np.ndarray, signal_to_noise: float = _HALF_BIT) -> np.ndarray:
    """Return the ring correlation at a signal-to-noise ratio, for rings of so many pixels (van Heel & Schatz, eq. 17).

    0.2071 is half a bit of information per pixel, 0.5 one bit.
    """
    root = 2 * np.sqrt(signal_to_noise / pixels)
    return np.asarray((signal_to_noise + root + 1 / np.sqrt(pixels)) / (signal_to_noise + root + 1))


def photon_noise_error(model: np.ndarray, amplitudes: np.ndarray) -> float:
    """Return the misfit of modelled amplitudes in units of the photon noise: about 1 where only photons are missing.

    sqrt(sum (A - sqrt(I))^2 / sum v((A^2 + I) / 2)) over known pixels, v the expected variance of a root of counts.

    Args:
        model: float (..., N, N), A >= 0.
        amplitudes: float (..., N, N), sqrt(I), -1 where free.
    """
    known = amplitudes >= 0
    modelled, measured = model[known].astype(np.float64), amplitudes[known].astype(np.float64)
    expected = expected_amplitude_variance((modelled**2 + measured**2) / 2)
    return float(np.sqrt(np.sum((modelled - measured) ** 2) / np.sum(expected)))


def _peak(periodic: np.ndarray) -> np.ndarray:
    """Return row and column of the largest modulus; indices beyond the middle are negative."""
    place = np.array(np.unravel_index(int(np.abs(periodic).argmax()), periodic.shape))
    return np.where(place >= np.array(periodic.shape) / 2, place - periodic.shape, place)


def _middle(image: np.ndarray, size: int) -> np.ndarray:
    row, column = ((length - size) // 2 for length in image.shape)
    return image[row : row + size, column : column + size]


def _crossing(frequency: np.ndarray, margin: np.ndarray) -> float:
    """Return the frequency where the margin first falls below 0, leaving out the mean's ring; 0.5 if it never does."""
    below = np.flatnonzero(margin[1:] < 0) + 1
    if not len(below):
        return 0.5
    k = int(below[0])
    if k == 1:
        return float(frequency[1])
    part = margin[k - 1] / (margin[k - 1] - margin[k])
    return float(frequency[k - 1] + part * (frequency[k] - frequency[k - 1]))
