"""The twins of kernels/update.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, norm, windows


def pie_update(
    waves: np.ndarray, pulls: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    brightest: np.ndarray, strongest: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int, first: int, alpha: float,
) -> None:  # fmt: skip
    """Find the directions of one rPIE step: the object's in `pulls`, the probe's in `waves`."""
    for b, window in enumerate(windows(corners, order, start, count, waves.shape[-1])):
        old, modes = object[window], probe[b if len(probe) > 1 else 0]
        chi = waves[b] - modes * old
        power = norm(modes).sum(axis=0)
        pull = (modes.conj() * chi).sum(axis=0)
        pulls[first + b] = pull / ((1 - alpha) * power + alpha * strongest.max() + TINY)
        waves[b] = old.conj() * chi / ((1 - alpha) * norm(old) + alpha * brightest[b].max() + TINY)


def pie_summed_update(
    pulls: np.ndarray, sums: np.ndarray, waves: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    brightest: np.ndarray, strongest: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int, first: int, lane: int, slices: int, fresh: int, alpha: float,
) -> None:  # fmt: skip
    """Find the directions of one rPIE step: the object's in `pulls`, the probe's summed into lanes."""
    directions = waves.copy()
    pie_update(directions, pulls, probe, object, brightest, strongest, corners, order, start, count, first, alpha)
    if fresh:
        sums[lane : lane + slices] = 0
    for b in range(count):
        sums[lane + b % slices] += directions[b]


def gather_object(
    object: np.ndarray, pulls: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int, top: int, rows: int, step: float,
) -> None:  # fmt: skip
    """Add what a group's positions give to rows [top, top + rows) of the object."""
    n = pulls.shape[-1]
    for g, (window_rows, columns) in enumerate(windows(corners, order, start, count, n)):
        first, last = max(window_rows.start, top), min(window_rows.stop, top + rows)
        if first < last:
            object[first:last, columns] += step * pulls[g, first - window_rows.start : last - window_rows.start]


def row_max(most: np.ndarray, rows: np.ndarray, count: int) -> None:
    """Take the maximum over each of the first `count` rows."""
    most[:count] = rows[:count].max(axis=1)


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
    rows[0, start : start + count] = norm(probe[:, start : start + count]).sum(axis=0).max(axis=1)


def momentum_step(
    values: np.ndarray, velocity: np.ndarray, past: np.ndarray, start: int, count: int, keep: float
) -> None:
    """Let rows [start, start + count) go on as they moved."""
    rows = slice(start, start + count)
    velocity[rows] = np.float32(keep) * velocity[rows] + (values[rows] - past[rows])
    values[rows] += np.float32(keep) * velocity[rows]
    past[rows] = values[rows]


def scale_waves(scaled: np.ndarray, waves: np.ndarray, start: int, count: int, factor: float) -> None:
    """Write rows [start, start + count) of all planes times a factor."""
    rows, n = slice(start, start + count), waves.shape[-1]
    scaled.reshape(-1, n)[rows] = np.float32(factor) * waves.reshape(-1, n)[rows]
