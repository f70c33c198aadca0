"""The twins of kernels/likelihood.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import norm
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of

_PASSES = 3


def poisson_lengths(
    lengths: np.ndarray, waves: np.ndarray, patterns: np.ndarray, places: np.ndarray, order: np.ndarray,
    start: int, count: int, floor: float,
) -> None:  # fmt: skip
    """Find each position's step along the slope of the Poisson likelihood."""
    for b, i in enumerate(order[start : start + count]):
        power, amplitudes = _power(waves[b]), amplitudes_of(patterns[places[i]])
        power, counts = (values[amplitudes >= 0] for values in (power, np.square(amplitudes)))
        xi, step = (power - counts) / (power + np.float32(floor)), np.float32(0.5)
        length = (xi**2 * power).sum()
        for _ in range(_PASSES):
            pull = (xi * (power - counts / (_factor(power, counts, step, floor) + np.float32(1e-30)))).sum()
            step = np.clip((step + (pull / length if length > 0 else step)) / 2, 0, 1)
        lengths[b] = step


def poisson_step(
    waves: np.ndarray, patterns: np.ndarray, places: np.ndarray, misfit: np.ndarray, expected: np.ndarray,
    lengths: np.ndarray, order: np.ndarray, start: int, count: int, floor: float,
) -> None:  # fmt: skip
    """Take each position's step along the slope of the Poisson likelihood; free pixels keep their waves."""
    scale = np.float32(1 / waves.shape[-1] ** 2)
    for b, i in enumerate(order[start : start + count]):
        power, measured = _power(waves[b]), amplitudes_of(patterns[places[i]])
        known, counts = measured >= 0, measured**2
        waves[b] *= np.where(known, scale * _factor(power, counts, lengths[b], floor), scale)
        misfit[i] = np.where(known, (np.sqrt(power) - measured) ** 2, 0).sum(axis=1)
        expected[i] = np.where(known, expected_amplitude_variance((power + counts) / 2), 0).sum(axis=1)


def _power(waves: np.ndarray) -> np.ndarray:
    """Return the counts of a position's far field, all modes together, from waves that are not normalised."""
    return np.asarray(norm(waves).sum(axis=0) * np.float32(1 / waves.shape[-1] ** 2))


def _factor(power: np.ndarray, counts: np.ndarray, step: np.floating, floor: float) -> np.ndarray:
    """Return 1 - step * xi, never below 0."""
    return np.asarray(1 - step + step * (counts + np.float32(floor)) / (power + np.float32(floor)))
