"""Every kernel again, written to be read: the specification in tests, and the fallback where nothing compiles.

Each function takes the arrays, then the scalars of its signature, and changes the written arrays in place. Dimensions
follow from the arrays. Shapes and dtypes are those of signatures.py; the formulas' sources are in kernels/*.cu.
"""

from __future__ import annotations

import numpy as np

from ptychogui.physics.noise import expected_amplitude_variance

_TINY = np.float32(1e-30)


def _windows(corners: np.ndarray, order: np.ndarray, start: int, count: int, n: int) -> list[tuple[slice, slice]]:
    """The window of each slot's position as slices of the object."""
    chosen = corners[order[start : start + count]]
    return [(slice(row, row + n), slice(column, column + n)) for row, column in chosen.tolist()]


def _norm(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.real**2 + array.imag**2)


def exit_wave(
    waves: np.ndarray, probe: np.ndarray, object: np.ndarray, brightest: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Multiply the probe with the object's window: waves[b, m] = probe[b or 0, m] * object[window]."""
    for b, window in enumerate(_windows(corners, order, start, count, waves.shape[-1])):
        waves[b] = probe[b if len(probe) > 1 else 0] * object[window]
        brightest[b] = _norm(object[window]).max(axis=1)


def shift_probe(
    probes: np.ndarray, spectrum: np.ndarray, ramps: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Multiply the probe's spectrum with each position's phase ramp."""
    for b, i in enumerate(order[start : start + count]):
        probes[b] = spectrum * (ramps[i, 0, :, None] * ramps[i, 1, None, :])


def modulus(
    waves: np.ndarray, amplitudes: np.ndarray, misfit: np.ndarray, expected: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Give the far field its measured modulus; free pixels keep theirs."""
    scale = np.float32(1 / waves.shape[-1] ** 2)
    for b, i in enumerate(order[start : start + count]):
        power = _norm(waves[b]).sum(axis=0) * scale
        measured, modelled = amplitudes[i], np.sqrt(power)
        known = measured >= 0
        waves[b] *= np.where(known, scale * measured / (modelled + np.float32(1e-9)), scale)
        misfit[i] = np.where(known, (modelled - measured) ** 2, 0).sum(axis=1)
        expected[i] = np.where(known, expected_amplitude_variance((power + measured**2) / 2), 0).sum(axis=1)


def pie_update(
    waves: np.ndarray, pulls: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    brightest: np.ndarray, strongest: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int, first: int, alpha: float,
) -> None:  # fmt: skip
    """Find the directions of one rPIE step: the object's in `pulls`, the probe's in `waves`."""
    for b, window in enumerate(_windows(corners, order, start, count, waves.shape[-1])):
        old, modes = object[window], probe[b if len(probe) > 1 else 0]
        chi = waves[b] - modes * old
        power = _norm(modes).sum(axis=0)
        pull = (modes.conj() * chi).sum(axis=0)
        pulls[first + b] = pull / ((1 - alpha) * power + alpha * strongest[0] + _TINY)
        waves[b] = old.conj() * chi / ((1 - alpha) * _norm(old) + alpha * brightest[b] + _TINY)


def gather_object(
    object: np.ndarray, pulls: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int, top: int, rows: int, step: float,
) -> None:  # fmt: skip
    """Add what a group's positions give to rows [top, top + rows) of the object."""
    n = pulls.shape[-1]
    for g, (window_rows, columns) in enumerate(_windows(corners, order, start, count, n)):
        first, last = max(window_rows.start, top), min(window_rows.stop, top + rows)
        if first < last:
            object[first:last, columns] += step * pulls[g, first - window_rows.start : last - window_rows.start]


def row_max(most: np.ndarray, rows: np.ndarray, count: int) -> None:
    """Take the maximum over each of the first `count` rows."""
    most[:count] = rows[:count].max(axis=1)


def sum_waves(sums: np.ndarray, waves: np.ndarray, lane: int, count: int, fresh: int) -> None:
    """Sum the batch's waves into a lane."""
    total = waves[:count].sum(axis=0)
    sums[lane] = total if fresh else sums[lane] + total


def sum_waves_shifted(
    sums: np.ndarray, waves: np.ndarray, ramps: np.ndarray, order: np.ndarray,
    start: int, lane: int, count: int, fresh: int,
) -> None:  # fmt: skip
    """Sum the batch's waves, each shifted back by its position's sub-pixel rest, into a lane."""
    chosen = ramps[order[start : start + count]]
    back = (chosen[:, 0, :, None] * chosen[:, 1, None, :]).conj()
    total = (waves[:count] * back[:, None]).sum(axis=0)
    sums[lane] = total if fresh else sums[lane] + total


def probe_step(probe: np.ndarray, sums: np.ndarray, start: int, count: int, used: int, step: float) -> None:
    """Add step times the lanes' sums to rows [start, start + count) of the stacked modes."""
    rows = slice(start, start + count)
    n = probe.shape[-1]
    probe.reshape(-1, n)[rows] += np.float32(step) * sums[:used].sum(axis=0).reshape(-1, n)[rows]


def probe_power(rows: np.ndarray, probe: np.ndarray, start: int, count: int) -> None:
    """Find the strongest pixel of each row, all modes added."""
    rows[0, start : start + count] = _norm(probe[:, start : start + count]).sum(axis=0).max(axis=1)
