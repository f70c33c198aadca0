"""The twins of kernels/dm.cu and kernels/overlap.cu; see twin.py."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.windows import norm, windows
from ptychogui.physics.compact import amplitudes_of
from ptychogui.physics.noise import expected_amplitude_variance

_TINY = np.float32(1e-30)
_LARGEST = np.float32(32767)


def _noise(power: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return misfit and expected misfit of a modelled power, summed over rows of known pixels."""
    known = measured >= 0
    misfit = np.where(known, (np.sqrt(power) - measured) ** 2, 0).sum(axis=1)
    return misfit, np.where(known, expected_amplitude_variance((power + measured**2) / 2), 0).sum(axis=1)


def _reflected(model: np.ndarray, stored: np.ndarray, fresh: int, c: float) -> np.ndarray:
    return model if fresh else np.float32(c) * model + np.float32(1 - c) * stored


def dm_misfit(
    misfit: np.ndarray, expected: np.ndarray, reflected: np.ndarray, waves: np.ndarray, stored: np.ndarray,
    patterns: np.ndarray, order: np.ndarray, start: int, count: int, at: int, fresh: int, c: float,
) -> None:  # fmt: skip
    """Find the misfit of the modelled far fields and of their reflections."""
    for b, i in enumerate(order[start : start + count]):
        model, measured = waves[b] / np.float32(waves.shape[-1]), amplitudes_of(patterns[i])
        misfit[i], expected[i] = _noise(norm(model).sum(axis=0), measured)
        beyond = _reflected(model, stored[at + b], fresh, c)
        reflected[b] = _noise(norm(beyond).sum(axis=0), measured)


def dm_slack(slack: np.ndarray, reflected: np.ndarray, count: int, bound: float) -> None:
    """Find the part of each reflection's misfit that the modulus constraint leaves."""
    found, expected = reflected[:count].sum(axis=-1).T
    expected = np.float32(bound) ** 2 * expected
    slack[:count] = np.sqrt(np.where(found > expected, expected / np.maximum(found, _TINY), 1))


def dm_update(
    waves: np.ndarray, stored: np.ndarray, slack: np.ndarray, patterns: np.ndarray, order: np.ndarray,
    start: int, count: int, at: int, fresh: int, a: float, b: float, c: float,
) -> None:  # fmt: skip
    """Do one step of the difference map in Fourier space."""
    n = np.float32(waves.shape[-1])
    for slot, i in enumerate(order[start : start + count]):
        model, measured = waves[slot] / n, amplitudes_of(patterns[i])
        old = model if fresh else stored[at + slot]
        beyond = _reflected(model, old, fresh, c)
        modulus = np.sqrt(norm(beyond).sum(axis=0))
        wanted = measured + slack[slot] * (modulus - measured)
        factor = np.where(measured >= 0, wanted / (modulus + np.float32(1e-9)), 1)
        stored[at + slot] = np.float32(1 - a - b) * old + np.float32(a) * model + np.float32(b) * factor * beyond
        waves[slot] = stored[at + slot] / n


def dm_recall(waves: np.ndarray, stored: np.ndarray, count: int, at: int) -> None:
    """Take stored waves, ready for the inverse FFT."""
    waves[:count] = stored[at : at + count] / np.float32(waves.shape[-1])


def dm_roll(stored: np.ndarray, ramp: np.ndarray, count: int, at: int) -> None:
    """Multiply stored waves by the phase ramps of a shift."""
    stored[at : at + count] *= ramp[0][:, None] * ramp[1]


def pack_waves(
    packed: np.ndarray, units: np.ndarray, stored: np.ndarray, start: int, count: int, at: int
) -> None:
    """Keep stored waves in 16 bits a component, each row in its own unit."""
    parts = stored[at : at + count].view(np.float32).reshape(count, *packed.shape[1:])
    largest = np.abs(parts).max(axis=(-2, -1))
    units[start : start + count] = largest / _LARGEST
    packed[start : start + count] = np.rint(parts * (_LARGEST / (largest + _TINY))[..., None, None])


def unpack_waves(
    stored: np.ndarray, packed: np.ndarray, units: np.ndarray, start: int, count: int, at: int
) -> None:
    """Take back what pack_waves kept."""
    parts = packed[start : start + count] * units[start : start + count][..., None, None]
    stored[at : at + count] = parts[..., 0] + 1j * parts[..., 1]


def overlap_object(
    pulls: np.ndarray, light: np.ndarray, waves: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray,
    start: int, count: int, top: int, rows: int, first: int, fresh: int,
) -> None:  # fmt: skip
    """Add what a batch gives to a lane's band of object rows."""
    n = waves.shape[-1]
    pull, lit = pulls[first : first + rows], light[first : first + rows]
    if fresh:
        pull[...], lit[...] = 0, 0
    for b, window in enumerate(windows(corners, order, start, count, n)):
        modes = probe[b if len(probe) > 1 else 0]
        given = (modes.conj() * (waves[b] - modes * object[window])).sum(axis=0)
        begin, end = max(window[0].start, top), min(window[0].stop, top + rows)
        if begin < end:
            ours, theirs = slice(begin - top, end - top), slice(begin - window[0].start, end - window[0].start)
            pull[ours, window[1]] += given[theirs]
            lit[ours, window[1]] += norm(modes).sum(axis=0)[theirs]


def overlap_probe(
    waves: np.ndarray, probe: np.ndarray, object: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int,
) -> None:  # fmt: skip
    """Find what a batch gives to the probe."""
    for b, window in enumerate(windows(corners, order, start, count, waves.shape[-1])):
        chi = waves[b] - probe[b if len(probe) > 1 else 0] * object[window]
        waves[b] = object[window].conj() * chi


def overlap_solve_object(
    object: np.ndarray, beat: np.ndarray, pulls: np.ndarray, light: np.ndarray, bands: np.ndarray,  # noqa: A002
    top: int, rows: int, floor: float,
) -> None:  # fmt: skip
    """Move rows [top, top + rows) of the object to the weighted least squares of what all lanes give."""
    for y in range(top, top + rows):
        places = [first + y - begin for begin, height, first in bands.tolist() if 0 <= y - begin < height]
        for place in places[1:]:
            pulls[places[0]] += pulls[place]
            light[places[0]] += light[place]
        step = pulls[places[0]] / (light[places[0]] + np.float32(floor) + _TINY) if places else np.complex64(0)
        beat[y] = object[y].conj() * step
        object[y] += step


def overlap_windows(
    cross: np.ndarray, bright: np.ndarray, object: np.ndarray, beat: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Sum beat and |object|^2 over the windows of each chunk of positions, for some rows of the chunks."""
    positions, chunks, n = len(order), *cross.shape[:2]
    for row in range(start, start + count):
        k, r = divmod(row, n)
        first, last = positions * k // chunks, positions * (k + 1) // chunks
        places = [(y.start + r, x) for y, x in windows(corners, order, first, last - first, n)]
        cross[k, r] = sum((beat[place] for place in places), np.zeros(n, np.complex64))
        bright[k, r] = sum((norm(object[place]) for place in places), np.zeros(n, np.float32))


def overlap_solve_probe(
    probe: np.ndarray, change: np.ndarray, cross: np.ndarray, bright: np.ndarray, pulls: np.ndarray,
    start: int, count: int, learned: int, floor: float,
) -> None:  # fmt: skip
    """Move rows [start, start + count) of the first modes to the weighted least squares of what all positions give."""
    rows = slice(start, start + count)
    cross[0, rows], bright[0, rows] = cross[:, rows].sum(axis=0), bright[:, rows].sum(axis=0)
    old = probe[:learned, rows].copy()
    step = (pulls[:learned, rows] - old * cross[0, rows]) / (bright[0, rows] + np.float32(floor) + _TINY)
    probe[:learned, rows] = old + step
    change[0, rows], change[1, rows] = norm(step).sum(axis=(0, 2)), norm(old).sum(axis=(0, 2))
