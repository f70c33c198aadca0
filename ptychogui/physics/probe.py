"""Probes: ideal ones, a first guess from the data, sub-pixel shifts, size. Modes are in physics.modes.

A probe is complex64 (modes, N, N), centered at [N // 2, N // 2]; the sum of its squared moduli is the number of
counts of a pattern.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from ptychogui.errors import ParameterError
from ptychogui.physics.modes import add_modes, orthogonalize
from ptychogui.physics.optics import propagate
from ptychogui.physics.scan import typical_step_m

__all__ = [
    "add_modes", "far_field", "gaussian", "guess_probe", "orthogonalize", "phase_ramps", "power_radius_px",
    "radii_px", "resample", "scale_to_counts", "shift_probe", "usual_diameter_m", "zone_plate",
]  # fmt: skip

STEPS_ACROSS = 3.5
"""Scan steps that a beam of unknown size is taken to be wide: about 70 % overlap."""

_EDGE = 0.15
"""Softness of a zone plate's rim and stop: what keeps the beam's rings from filling the array."""

_WIDEST = 0.6
"""Largest part of the array that a guessed beam may fill."""


def gaussian(n: int, pixel_m: float, fwhm_m: float) -> np.ndarray:
    """Return a Gaussian beam in focus: complex64 (1, n, n) of unit power.

    Args:
        n: rows and columns.
        pixel_m: object pixel.
        fwhm_m: full width at half maximum of the intensity.
    """
    width = fwhm_m / pixel_m / np.sqrt(8 * np.log(2)) * np.sqrt(2)
    return scale_to_counts(np.exp(-((radii_px(n) / width) ** 2) / 2)[None], 1.0)


def zone_plate(
    n: int,
    pixel_m: float,
    wavelength_m: float,
    defocus_m: float,
    *,
    outer_zone_m: float = 50e-9,
    diameter_m: float = 180e-6,
    stop_m: float = 60e-6,
) -> np.ndarray:
    """Return the beam behind a Fresnel zone plate with a central stop: complex64 (1, n, n) of unit power.

    The spectrum of the focus is the lens aperture: a ring up to the frequency 1 / (2 outer_zone). Out of focus the
    beam is a ring of diameter wavelength * defocus / outer_zone.

    Args:
        n: rows and columns.
        pixel_m: object pixel.
        wavelength_m: of the light.
        defocus_m: from the focus to the sample, positive downstream.
        outer_zone_m: width of the outermost zone.
        diameter_m: of the zone plate.
        stop_m: diameter of the central stop.

    Raises:
        ParameterError: the detector does not see the whole aperture, or the beam is wider than the array.
    """
    edge_px = n * pixel_m / (2 * outer_zone_m)
    if edge_px > n / 2:
        raise ParameterError(
            f"an outer zone of {outer_zone_m:.3g} m needs object pixels of at most that, not {pixel_m:.3g} m; "
            "take a larger pattern or a coarser zone plate"
        )
    width_m = abs(wavelength_m * defocus_m) / outer_zone_m
    if width_m > n * pixel_m:
        raise ParameterError(
            f"the beam is {width_m:.3g} m wide at a defocus of {defocus_m:.3g} m, but the array only "
            f"{n * pixel_m:.3g} m; come nearer to the focus or take a larger pattern"
        )
    radii = radii_px(n)
    aperture = _soft_disc(radii, edge_px) - _soft_disc(radii, edge_px * stop_m / diameter_m)
    focus = scipy.fft.fftshift(scipy.fft.ifft2(scipy.fft.ifftshift(aperture)))
    return scale_to_counts(propagate(focus, pixel_m, wavelength_m, defocus_m)[None], 1.0)


def guess_probe(
    mean_pattern: np.ndarray, dead: np.ndarray | None, pixel_m: float, diameter_m: float, upstream: bool = False
) -> np.ndarray:
    """Guess the beam from the mean diffraction pattern: its square root is the far field, the defocus is found.

    The quadratic phase of a lens is added until the beam has the diameter. Its sign can't be known from a mean
    pattern: the caller says on which side of the focus the sample is.

    Args:
        mean_pattern: float (N, N), mean counts with the direct beam at [0, 0].
        dead: bool (N, N), True where the mean is not known and is filled in from around, or None.
        pixel_m: object pixel.
        diameter_m: of the beam on the sample; see `usual_diameter_m` where nobody knows.
        upstream: whether the sample is upstream of the focus, not downstream.

    Returns:
        complex64 (1, N, N), scaled to the counts of the mean pattern.
    """
    n = len(mean_pattern)
    filled = _filled(mean_pattern, dead)
    focus = np.sqrt(filled)
    frequency = np.fft.fftfreq(n)
    phase = (1 if upstream else -1) * (frequency[:, None] ** 2 + frequency**2)

    def beam(defocus: float) -> np.ndarray:
        return np.asarray(scipy.fft.fftshift(scipy.fft.ifft2(focus * np.exp(1j * defocus * phase))))

    radius_px = min(diameter_m / pixel_m, _WIDEST * n) / np.sqrt(8)
    spectral_radius = power_radius_px(scipy.fft.fftshift(focus)[None]) / n
    return scale_to_counts(beam(_defocus_for(beam, radius_px, spectral_radius))[None], float(filled.sum()))


def usual_diameter_m(positions_m: np.ndarray) -> float:
    """Return a plausible beam diameter for a scan, from its step.

    Args:
        positions_m: float (positions, 2).

    Raises:
        ParameterError: the scan has no two different positions.
    """
    return STEPS_ACROSS * typical_step_m(positions_m)


def resample(probe: np.ndarray, pixel_m: float, n: int, new_pixel_m: float) -> np.ndarray:
    """Give a probe another array size and pixel, in the Fourier plane and then by cropping or padding with zeros.

    The beam's size on the sample is kept to within half a pixel of the array's edge.

    Args:
        probe: complex (modes, N, N) with pixels of `pixel_m`.
        pixel_m: its object pixel.
        n: new rows and columns.
        new_pixel_m: new object pixel.

    Returns:
        complex64 (modes, n, n); power is kept but for what a crop cuts off.
    """
    middle = max(1, round(probe.shape[-1] * pixel_m / new_pixel_m))
    if middle != probe.shape[-1]:
        probe = _centered_ifft(_fitted(far_field(probe), middle))
    return _fitted(probe, n).astype(np.complex64)


def scale_to_counts(probe: np.ndarray, counts: float) -> np.ndarray:
    """Scale a probe to a total power: complex64 of its shape with sum |probe|^2 = counts."""
    power = np.sum(np.abs(probe) ** 2, dtype=np.float64)
    return np.asarray(probe * np.sqrt(counts / power), dtype=np.complex64)


def power_radius_px(probe: np.ndarray, fraction: float = 0.5) -> float:
    """Return the radius, about the array's center, of the circle that holds a fraction of the power, in pixels."""
    power = np.sum(np.abs(probe) ** 2, axis=0, dtype=np.float64)
    ring = np.rint(radii_px(probe.shape[-1])).astype(int)
    held = np.cumsum(np.bincount(ring.ravel(), np.ravel(power)))
    rims = np.maximum(np.arange(len(held) + 1) - 0.5, 0)
    return float(np.sqrt(np.interp(fraction * held[-1], np.concatenate([[0], held]), rims**2)))


def radii_px(n: int) -> np.ndarray:
    """Return float64 (n, n): distance of every pixel from [n // 2, n // 2]."""
    offset = np.arange(n) - n // 2
    return np.hypot(offset[:, None], offset)


def shift_probe(probe: np.ndarray, shift_px: np.ndarray) -> np.ndarray:
    """Shift a probe by a part of a pixel in Fourier space.

    Args:
        probe: complex (modes, N, N).
        shift_px: (2,) towards higher rows and columns.
    """
    rows, columns = phase_ramps(np.asarray(shift_px)[None], probe.shape[-1])[0]
    return np.asarray(scipy.fft.ifft2(scipy.fft.fft2(probe) * (rows[:, None] * columns)))


def phase_ramps(shifts_px: np.ndarray, n: int) -> np.ndarray:
    """Return complex64 (positions, 2, n): exp(-2 pi i k f / n) of each axis, k in FFT order.

    The highest frequency of an even n gets the cosine, so that a real field stays real.
    """
    ramps = np.exp(-2j * np.pi * shifts_px[:, :, None] * np.fft.fftfreq(n))
    if n % 2 == 0:
        ramps[:, :, n // 2] = ramps[:, :, n // 2].real
    return ramps.astype(np.complex64)


def far_field(probe: np.ndarray) -> np.ndarray:
    """Return the probe's far field (modes, N, N) with the direct beam at [N // 2, N // 2]; power is kept."""
    axes = (-2, -1)
    return np.asarray(scipy.fft.fftshift(scipy.fft.fft2(scipy.fft.ifftshift(probe, axes), norm="ortho"), axes))


def _centered_ifft(spectrum: np.ndarray) -> np.ndarray:
    axes = (-2, -1)
    return np.asarray(scipy.fft.fftshift(scipy.fft.ifft2(scipy.fft.ifftshift(spectrum, axes), norm="ortho"), axes))


def _defocus_for(beam: Callable[[float], np.ndarray], radius_px: float, spectral_radius: float) -> float:
    """Find, by bisection, the quadratic phase that spreads a beam to a half-power radius; 0 if it is wider in focus."""
    low, high = 0.0, 2 * np.pi * radius_px / spectral_radius
    for _ in range(16):
        middle = (low + high) / 2
        if power_radius_px(beam(middle)[None]) < radius_px:
            low = middle
        else:
            high = middle
    return low


def _soft_disc(radii: np.ndarray, edge: float) -> np.ndarray:
    """Return 1 inside of a circle, 0 outside and a cosine ramp, _EDGE of the radius wide, between."""
    ramp = np.clip((radii - edge) / max(1.0, _EDGE * edge) + 0.5, 0, 1)
    return np.asarray((1 + np.cos(np.pi * ramp)) / 2)


def _fitted(array: np.ndarray, n: int) -> np.ndarray:
    """Crop or zero-pad the last two axes to n, center on center."""
    old = array.shape[-1]
    kept = min(old, n)
    source = slice(old // 2 - kept // 2, old // 2 - kept // 2 + kept)
    target = slice(n // 2 - kept // 2, n // 2 - kept // 2 + kept)
    fitted = np.zeros((*array.shape[:-2], n, n), array.dtype)
    fitted[..., target, target] = array[..., source, source]
    return fitted


def _filled(mean_pattern: np.ndarray, dead: np.ndarray | None) -> np.ndarray:
    """Fill dead pixels with the weighted mean of what is around them, from the rim inwards; the pattern is periodic."""
    pattern = np.maximum(mean_pattern.astype(np.float64), 0)
    if dead is None:
        return pattern
    known = ~dead
    width = 2.0
    while not known.all() and width < len(pattern):
        images = (pattern * known, known.astype(np.float64))
        blurred, weight = (scipy.ndimage.gaussian_filter(image, width, mode="wrap") for image in images)
        near = ~known & (weight > 0.05)
        pattern[near] = blurred[near] / weight[near]
        known, width = known | near, 2 * width
    return pattern
