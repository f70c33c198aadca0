"""The twins of kernels/likelihood.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import chunks, norm
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of


def poisson_sums(
    sums: np.ndarray, waves: np.ndarray, patterns: np.ndarray, places: np.ndarray, order: np.ndarray,
    start: int, count: int, floor: float,
) -> None:  # fmt: skip
    """Sum the fall of the Poisson likelihood along each position's step, and how that falls and bends, at 1/2."""
    for b, i in enumerate(order[start : start + count]):
        power, amplitudes = _power(waves[b]).astype(np.float64), amplitudes_of(patterns[places[i]]).astype(np.float64)
        counts = amplitudes**2
        xi = np.where(amplitudes >= 0, (power - counts) / (power + floor), 0)
        turn = xi / (1 - xi / 2)
        pixels = xi * power - counts * turn - xi**2 * power / 2, counts * turn**2 + xi**2 * power, counts * turn**3
        for k, rows in enumerate(chunks(len(power), sums.shape[1])):
            sums[b, k] = [pixel[rows].sum() for pixel in pixels]


def poisson_step(
    waves: np.ndarray, patterns: np.ndarray, places: np.ndarray, misfit: np.ndarray, expected: np.ndarray,
    sums: np.ndarray, order: np.ndarray, start: int, count: int, floor: float,
) -> None:  # fmt: skip
    """Take each position's step along the slope of the Poisson likelihood; free pixels keep their waves."""
    scale = np.float32(1 / waves.shape[-1] ** 2)
    for b, i in enumerate(order[start : start + count]):
        power, measured = _power(waves[b]), amplitudes_of(patterns[places[i]])
        known, counts = measured >= 0, measured**2
        waves[b] *= np.where(known, scale * _factor(power, counts, _length(sums[b]), floor), scale)
        misfit[i] = np.where(known, (np.sqrt(power) - measured) ** 2, 0).sum(axis=1)
        expected[i] = np.where(known, expected_amplitude_variance((power + counts) / 2), 0).sum(axis=1)


def _power(waves: np.ndarray) -> np.ndarray:
    """Return the counts of a position's far field, all modes together, from waves that are not normalised."""
    return np.asarray(norm(waves).sum(axis=0) * np.float32(1 / waves.shape[-1] ** 2))


def _factor(power: np.ndarray, counts: np.ndarray, step: float, floor: float) -> np.ndarray:
    """Return 1 - step * xi, never below 0."""
    return np.asarray(1 - step + step * (counts + np.float32(floor)) / (power + np.float32(floor)))


def _length(sums: np.ndarray) -> float:
    """Return the step where Halley's method, from 1/2 on, has the fall vanish."""
    slope, fall, bend = sums.sum(axis=0)
    newton, curve = (slope / fall, bend / fall) if fall > 0 else (np.float32(0), np.float32(0))
    return float(min(max(0.5 + newton / max(1 + newton * curve, 0.1), 0), 1))
