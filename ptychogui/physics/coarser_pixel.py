"""The same measurement at a coarser pixel of the object, from the middle of each pattern.

Cropping a pattern from N to n pixels about the direct beam keeps its low frequencies: the object pixel grows by N / n.
Probe and object change their pixel by cropping or padding of their Fourier transforms. The probe keeps its power there,
as the patterns do, so its values grow by N / n; the object, a transmission, keeps its values.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy

from ptychogui.physics import probe as probes
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry
from ptychogui.physics.simulation import intensities

_LOOKED_AT = 64
"""Positions whose counts stand for those of all."""


def crop_patterns(patterns: np.ndarray, n: int) -> np.ndarray:
    """Return the middle of patterns: (positions, n, n) of the same type.

    Args:
        patterns: (positions, N, N) of any type, direct beam at [0, 0].
        n: rows and columns to keep; of an even number the highest frequency is the negative one, as in an FFT.
    """
    kept = np.r_[: n - n // 2, patterns.shape[-1] - n // 2 : patterns.shape[-1]]
    return np.asarray(patterns[:, kept[:, None], kept])


def counts_share(cropped: np.ndarray, patterns: np.ndarray) -> float:
    """Return the share of the known counts that cropped patterns still have; 1 where there are none."""
    chosen = _some(len(patterns))
    kept, whole = (_counts(amplitudes_of(stack[chosen])) for stack in (cropped, patterns))
    return kept / whole if whole > 0 else 1.0


def resample_probe(probe: np.ndarray, n: int) -> np.ndarray:
    """Give a probe, centered at [N // 2, N // 2], another pixel: complex64 (modes, n, n) of the same width in meters.

    Args:
        probe: complex (modes, N, N).
        n: new rows and columns; power at the frequencies that are there before and after is kept.
    """
    return probes.resample(probe, 1.0, n, probe.shape[-1] / n)


def resample_variation(variation: ProbeVariation | None, n: int) -> ProbeVariation | None:
    """Give what varies in a probe the pixel of `resample_probe`, with n rows and columns."""
    if variation is None or variation.components is None:
        return variation
    return replace(variation, components=resample_probe(variation.components, n))


def resample_object(obj: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Give an object another pixel: complex64 of `shape`, with element [0, 0] and the values at the same places.

    Args:
        obj: complex (rows, columns), taken to go on periodically.
        shape: new rows and columns.
    """
    spectrum = scipy.fft.fft2(obj)
    for axis, size in enumerate(shape):
        spectrum = _fitted(spectrum, axis, size)
    return np.asarray(scipy.fft.ifft2(spectrum) * (spectrum.size / obj.size), dtype=np.complex64)


def matching_scale(probe: np.ndarray, obj: np.ndarray, geometry: ScanGeometry, patterns: np.ndarray) -> float | None:
    """Return the factor by which a probe, through an object, gives the counts of the known pixels.

    Args:
        probe: complex (modes, N, N).
        obj: complex (rows, columns).
        geometry: of the positions.
        patterns: (positions, N, N), counts or amplitudes as in physics.pattern_storage; some of them are looked at.

    Returns:
        None where model or patterns have no counts at all.
    """
    chosen = _some(len(patterns))
    places = replace(geometry, corners=geometry.corners[chosen], fractions=geometry.fractions[chosen])
    means, amplitudes = np.concatenate(list(intensities(obj, probe, places))), amplitudes_of(patterns[chosen])
    known = amplitudes >= 0
    expected, found = means[known].sum(dtype=np.float64), _counts(amplitudes)
    return float(np.sqrt(found / expected)) if expected > 0 and found > 0 else None


def _some(positions: int) -> np.ndarray:
    """Return evenly spread positions that stand for all."""
    return np.linspace(0, positions - 1, min(_LOOKED_AT, positions)).astype(int)


def _counts(amplitudes: np.ndarray) -> float:
    return float(np.square(amplitudes[amplitudes >= 0], dtype=np.float64).sum())


def _fitted(spectrum: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Crop or pad one axis of a spectrum, in FFT order, to `size` frequencies."""
    kept = min(size, spectrum.shape[axis])
    low, high = kept - kept // 2, kept // 2
    old = np.moveaxis(spectrum, axis, 0)
    new = np.zeros((size, old.shape[1]), spectrum.dtype)
    new[:low] = old[:low]
    new[size - high :] = old[len(old) - high :]
    return np.moveaxis(new, 0, axis)
