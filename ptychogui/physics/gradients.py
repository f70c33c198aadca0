"""Differential phase contrast: the gradient of the object's phase, from the patterns' centers of mass.

Where the object's phase rises by a per pixel, the pattern moves by a N / (2 pi) pixels towards higher rows or columns.
So the centers of mass over the scan are that gradient, smoothed by the beam, and a gradient has no curl.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy

from ptychogui.physics.pattern_storage import amplitudes_of

_NEIGHBORS = 8
"""Neighbors of a position that a slope is fitted to: those around it on a raster."""

_CHUNK_BYTES = 1 << 24


def centers_of_mass(patterns: np.ndarray) -> np.ndarray:
    """Return where the counts of each pattern are centered: float64 (positions, 2), pixels from the direct beam.

    A pixel that is free in some patterns is taken there to count what it counts in the mean of the others.

    Args:
        patterns: (positions, N, N), beam at [0, 0], counts or amplitudes as in physics.pattern_storage.
    """
    mean, offsets = mean_counts(patterns), np.fft.fftfreq(patterns.shape[-1]) * patterns.shape[-1]
    pieces = []
    for amplitudes in _chunks(patterns):
        counts = np.where(amplitudes >= 0, np.square(amplitudes), mean)
        rows, columns = counts.sum(axis=2), counts.sum(axis=1)
        total = np.maximum(rows.sum(axis=1), np.finfo(np.float64).tiny)
        pieces.append(np.stack([rows @ offsets, columns @ offsets], axis=1) / total[:, None])
    return np.concatenate(pieces)


def mean_counts(patterns: np.ndarray) -> np.ndarray:
    """Return the mean counts of each pixel where it is known, 0 where it never is: float64 (N, N)."""
    total, known = np.zeros(patterns.shape[1:]), np.zeros(patterns.shape[1:])
    for amplitudes in _chunks(patterns):
        total += np.square(np.maximum(amplitudes, 0), dtype=np.float64).sum(axis=0)
        known += (amplitudes >= 0).sum(axis=0)
    return np.asarray(total / np.maximum(known, 1))


def slopes(positions_px: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Fit a plane to a field around each position: float64 (positions, 2, 2), [i, a, b] = d field_a / d position_b.

    Where a position and its neighbors lie on a line, the slope across is 0.

    Args:
        positions_px: float (positions, 2).
        field: float (positions, 2).
    """
    count = min(_NEIGHBORS + 1, len(positions_px))
    near = scipy.spatial.cKDTree(positions_px).query(positions_px, count)[1].reshape(len(positions_px), count)
    places, values = positions_px[near], field[near]
    places = places - places.mean(axis=1, keepdims=True)
    return np.asarray(np.swapaxes(np.linalg.pinv(places, rcond=1e-3) @ values, 1, 2))


def curls(gradients: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the squared curl at each position of a field that is turned by a matrix: float64 (positions,), >= 0.

    It is divided by the size of the slope there, so that a few steep edges do not decide alone; see `slopes`.

    Args:
        gradients: float (positions, 2, 2), [i, a, b] = d field_a / d position_b.
        matrix: (2, 2), orthogonal.
    """
    turned = matrix @ gradients
    size = np.sqrt(np.square(gradients).sum(axis=(1, 2)))
    return np.asarray(np.square(turned[:, 0, 1] - turned[:, 1, 0]) / np.maximum(size, np.finfo(np.float64).tiny))


def matter_correlation(obj: np.ndarray, weight: np.ndarray, smoothing_px: float = 2.0) -> float:
    """Return how phase and absorption go together, from -1 to 1: matter lowers both, its conjugate only the modulus.

    The correlation of the smoothed slopes of phase and log modulus. A ramp or a factor changes nothing, and no phase is
    unwrapped. Of a sample that hardly absorbs it tells little: what is too fine to be resolved looks like absorption.

    Args:
        obj: complex (rows, columns).
        weight: float (rows, columns), >= 0, how well the object is known.
        smoothing_px: standard deviation of the Gaussian that the slopes are smoothed with.

    Returns:
        0 where the object has no phase, no absorption, or is nowhere known.
    """
    pairs = np.concatenate([_smooth_slopes(obj, weight, axis, smoothing_px) for axis in (0, 1)])
    size = np.sqrt(np.sum(pairs.real**2) * np.sum(pairs.imag**2))
    return float(np.sum(pairs.real * pairs.imag) / size) if size > 0 else 0.0


def _smooth_slopes(obj: np.ndarray, weight: np.ndarray, axis: int, smoothing_px: float) -> np.ndarray:
    """Return differences of log modulus + i phase along an axis, less their mean, each times the root of its weight."""
    along, known = np.moveaxis(obj, axis, 0).astype(np.complex128), np.moveaxis(weight, axis, 0).astype(np.float64)
    usable = np.isfinite(along) & (along != 0)
    along = np.where(usable, along, 1)
    shares = np.minimum(known[1:], known[:-1]) * (usable[1:] & usable[:-1])
    if not shares.any():
        return np.zeros(0, np.complex128)
    steps = np.log(along[1:] / along[:-1]) * shares
    around = np.maximum(_smooth(shares, smoothing_px), 1e-9 * shares.max())
    slopes_ = (_smooth(steps.real, smoothing_px) + 1j * _smooth(steps.imag, smoothing_px)) / around
    return np.asarray((slopes_ - np.average(slopes_, weights=shares)) * np.sqrt(shares)).ravel()


def _smooth(values: np.ndarray, smoothing_px: float) -> np.ndarray:
    return np.asarray(scipy.ndimage.gaussian_filter(values, smoothing_px))


def _chunks(patterns: np.ndarray) -> Iterator[np.ndarray]:
    size = max(1, _CHUNK_BYTES // (patterns[0].size * 8))
    return (amplitudes_of(patterns[start : start + size]) for start in range(0, len(patterns), size))
