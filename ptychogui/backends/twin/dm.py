"""The twins of kernels/dm.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, norm
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of

_LARGEST = np.float32(32767)


def dm_begin(stored: np.ndarray, waves: np.ndarray, count: int, at: int) -> None:
    """Take the model's far fields for exit waves."""
    stored[at : at + count] = waves[:count] / np.float32(waves.shape[-1])


def dm_reflected(
    reflected: np.ndarray, waves: np.ndarray, stored: np.ndarray, patterns: np.ndarray, places: np.ndarray,
    order: np.ndarray, start: int, count: int, at: int, c: float,
) -> None:  # fmt: skip
    """Find the misfit of what the modulus constraint is to act on."""
    for slot, i in enumerate(order[start : start + count]):
        model = waves[slot] / np.float32(waves.shape[-1])
        beyond = np.float32(c) * model + np.float32(1 - c) * stored[at + slot]
        reflected[i] = _misfit(beyond, amplitudes_of(patterns[places[i]]))


def dm_slack(slack: np.ndarray, reflected: np.ndarray, order: np.ndarray, start: int, count: int, bound: float) -> None:
    """Find the part of each reflection's misfit that the modulus constraint leaves."""
    for b, i in enumerate(order[start : start + count]):
        found, noise = reflected[i].sum(axis=-1) * (1, np.float32(bound) ** 2)
        slack[b] = np.sqrt(noise / found) if found > noise else found > 0


def dm_update(
    waves: np.ndarray, stored: np.ndarray, misfit: np.ndarray, expected: np.ndarray, slack: np.ndarray,
    patterns: np.ndarray, places: np.ndarray, order: np.ndarray, start: int, count: int, at: int,
    a: float, b: float, c: float,
) -> None:  # fmt: skip
    """Do one step of the difference map in Fourier space, and find the misfit of the model."""
    n = np.float32(waves.shape[-1])
    for slot, i in enumerate(order[start : start + count]):
        model, old, measured = waves[slot] / n, stored[at + slot], amplitudes_of(patterns[places[i]])
        beyond = np.float32(c) * model + np.float32(1 - c) * old
        misfit[i], expected[i] = _misfit(model, measured)
        power = norm(beyond).sum(axis=0)
        wanted = measured + slack[slot] * (np.sqrt(power) - measured)
        factor = np.where(measured >= 0, wanted / np.sqrt(power + np.float32(1e-18)), 1)
        stored[at + slot] = np.float32(1 - a - b) * old + np.float32(a) * model + np.float32(b) * factor * beyond
        waves[slot] = stored[at + slot] / n


def dm_recall(waves: np.ndarray, stored: np.ndarray, count: int, at: int) -> None:
    """Take stored waves, ready for the inverse FFT."""
    waves[:count] = stored[at : at + count] / np.float32(waves.shape[-1])


def dm_follow(
    waves: np.ndarray, stored: np.ndarray, rotation: np.ndarray, ramp: np.ndarray, count: int, at: int
) -> None:
    """Turn the modes of stored waves and roll them by whole pixels; not normalised."""
    ramps = waves.shape[-1] * ramp[0][:, None] * ramp[1]
    waves[:count] = np.einsum("mk,bkrc->bmrc", rotation, stored[at : at + count]) * ramps


def pack_waves(packed: np.ndarray, units: np.ndarray, stored: np.ndarray, start: int, count: int, at: int) -> None:
    """Keep stored waves in 16 bits a component, each row in its own unit."""
    parts = stored[at : at + count].view(np.float32).reshape(count, *packed.shape[1:])
    largest = np.abs(parts).max(axis=(-2, -1))
    units[start : start + count] = largest / _LARGEST
    packed[start : start + count] = np.rint(parts * (_LARGEST / (largest + TINY))[..., None, None])


def unpack_waves(stored: np.ndarray, packed: np.ndarray, units: np.ndarray, start: int, count: int, at: int) -> None:
    """Take back what pack_waves kept."""
    parts = packed[start : start + count] * units[start : start + count][..., None, None]
    stored[at : at + count] = parts[..., 0] + 1j * parts[..., 1]


def _misfit(far: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the misfit of far fields, and what photon noise makes of it, summed over rows of known pixels."""
    power, known = norm(far).sum(axis=0), measured >= 0
    misfit = np.where(known, (np.sqrt(power) - measured) ** 2, 0).sum(axis=1)
    return misfit, np.where(known, expected_amplitude_variance((power + measured**2) / 2), 0).sum(axis=1)
