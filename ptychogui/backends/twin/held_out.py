"""The twin of kernels/held_out.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import norm
from ptychogui.physics.amplitude_variance import expected_amplitude_variance


def free_misfit(
    misfits: np.ndarray, waves: np.ndarray, pixels: np.ndarray, amplitudes: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Sum the misfit of each position's held-out pixels, and what photon noise makes of it."""
    scale = np.float32(1 / waves.shape[-1] ** 2)
    for b, i in enumerate(order[start : start + count]):
        there = pixels[i] >= 0
        power = (norm(waves[b]).sum(axis=0) * scale).reshape(-1)[pixels[i][there]]
        measured = amplitudes[i][there]
        misfits[0, i] = np.square(np.sqrt(power) - measured).sum()
        misfits[1, i] = expected_amplitude_variance((power + measured**2) / 2).sum()
