"""The twins of kernels/wavefield.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import norm, windows
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of


def exit_wave(
    waves: np.ndarray, probe: np.ndarray, object: np.ndarray, brightest: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, light: int,
) -> None:  # fmt: skip
    """Multiply the probe with the object's window: waves[b, m] = probe[b or 0, m] * object[window]."""
    for b, window in enumerate(windows(corners, order, start, count, waves.shape[-1])):
        waves[b] = probe[b if len(probe) > 1 else 0] * object[window]
        if light:
            brightest[b] = norm(object[window]).max(axis=1)


def shift_probe(
    probes: np.ndarray, spectrum: np.ndarray, ramps: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Multiply the probe's spectrum with each position's phase ramp."""
    for b, i in enumerate(order[start : start + count]):
        probes[b] = spectrum * (ramps[i, 0, :, None] * ramps[i, 1, None, :])


def modulus(
    waves: np.ndarray, patterns: np.ndarray, places: np.ndarray, misfit: np.ndarray, expected: np.ndarray,
    order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Give the far field its measured modulus; free pixels keep theirs."""
    scale = np.float32(1 / waves.shape[-1] ** 2)
    for b, i in enumerate(order[start : start + count]):
        power = norm(waves[b]).sum(axis=0) * scale
        measured, modelled = amplitudes_of(patterns[places[i]]), np.sqrt(power)
        known = measured >= 0
        waves[b] *= np.where(known, scale * measured / np.sqrt(power + np.float32(1e-18)), scale)
        misfit[i] = np.where(known, (modelled - measured) ** 2, 0).sum(axis=1)
        expected[i] = np.where(known, expected_amplitude_variance((power + measured**2) / 2), 0).sum(axis=1)


def fetch_patterns(
    patterns: np.ndarray, places: np.ndarray, frames: np.ndarray, sources: np.ndarray, order: np.ndarray,
    start: int, count: int, kept: int, ring: int,
) -> None:  # fmt: skip
    """Copy those patterns of a batch that are among the frames to their slots."""
    for place, i in enumerate(order[start : start + count], start):
        if sources[i] >= 0:
            places[i] = kept + place % ring
            patterns[places[i]] = frames[sources[i]]
