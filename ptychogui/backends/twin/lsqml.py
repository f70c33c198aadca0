"""The twins of kernels/lsqml.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, norm, real_steps, windows


def lsq_gradients(
    waves: np.ndarray, pulls: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, first: int,
) -> None:  # fmt: skip
    """Find the gradients of the least-squares misfit: the object's in `pulls`, the probe's in `waves`."""
    for b, window in enumerate(windows(corners, order, start, count, waves.shape[-1])):
        old, modes = object[window], probe[b if len(probe) > 1 else 0]
        chi = waves[b] - modes * old
        pulls[first + b] = (modes.conj() * chi).sum(axis=0)
        waves[b] = old.conj() * chi


def lsq_summed_gradients(
    pulls: np.ndarray, sums: np.ndarray, brightness: np.ndarray, waves: np.ndarray, probe: np.ndarray,
    object: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int, first: int, lane: int, slices: int, fresh: int,
) -> None:  # fmt: skip
    """Find the gradients of the least-squares misfit: the object's in `pulls`, the probe's summed into lanes."""
    if fresh:
        sums[lane : lane + slices], brightness[lane : lane + slices] = 0, 0
    for b, window in enumerate(windows(corners, order, start, count, waves.shape[-1])):
        old, to = object[window], lane + b % slices
        chi = waves[b] - probe[0] * old
        pulls[first + b] = (probe[0].conj() * chi).sum(axis=0)
        sums[to] += old.conj() * chi
        brightness[to] += norm(old)


def add_lanes(
    total: np.ndarray, brightness: np.ndarray, sums: np.ndarray, brights: np.ndarray, start: int, count: int, used: int
) -> None:
    """Add up the first `used` lanes on rows [start, start + count) of the window."""
    rows = slice(start, start + count)
    total[:, rows], brightness[rows] = sums[:used, :, rows].sum(axis=0), brights[:used, rows].sum(axis=0)


def sum_windows(
    brightness: np.ndarray, object: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int, lane: int, slices: int, fresh: int,
) -> None:  # fmt: skip
    """Sum |object|^2 over the batch's windows into lanes."""
    if fresh:
        brightness[lane : lane + slices] = 0
    for b, window in enumerate(windows(corners, order, start, count, brightness.shape[-1])):
        brightness[lane + b % slices] += norm(object[window])


def gather_gradient(
    gradient: np.ndarray, illumination: np.ndarray, brightest: np.ndarray, pulls: np.ndarray, power: np.ndarray,
    corners: np.ndarray, order: np.ndarray, start: int, count: int, top: int, rows: int, fresh: int,
) -> None:  # fmt: skip
    """Add the gradients and the probe's power of a block of positions on rows [top, top + rows) of the object."""
    n, span = pulls.shape[-1], slice(top, top + rows)
    if fresh:
        gradient[span], illumination[span] = 0, 0
    for g, (window_rows, columns) in enumerate(windows(corners, order, start, count, n)):
        first, last = max(window_rows.start, top), min(window_rows.stop, top + rows)
        if first < last:
            part = slice(first - window_rows.start, last - window_rows.start)
            gradient[first:last, columns] += pulls[g, part]
            illumination[first:last, columns] += power[part]
    brightest[0, span] = illumination[span].max(axis=1)


def object_direction(
    gradient: np.ndarray, turned: np.ndarray, sums: np.ndarray, object: np.ndarray,  # noqa: A002
    illumination: np.ndarray, strongest: np.ndarray, top: int, rows: int, damping: float,
) -> None:  # fmt: skip
    """Divide the object's gradient by the damped illumination, and turn what results by the object's phase."""
    span = slice(top, top + rows)
    old, light = gradient[span].copy(), illumination[span]
    gradient[span] = old / (light + np.float32(damping) * strongest[0] + TINY)
    turned[span] = gradient[span] * object[span].conj()
    sums[0, span] = (gradient[span].conj() * old).real.sum(axis=1)
    sums[1, span] = (norm(gradient[span]) * light).sum(axis=1)


def probe_direction(
    gradient: np.ndarray, beat: np.ndarray, sums: np.ndarray, probe: np.ndarray, brightness: np.ndarray,
    start: int, count: int, learned: int, damping: float,
) -> None:  # fmt: skip
    """Divide the gradient of the probe's first `learned` modes by the damped brightness; the others' become 0."""
    rows = slice(start, start + count)
    old = gradient[:learned, rows].copy()
    bright = brightness[rows] if learned else np.float32(0)  # nobody has filled it
    gradient[:learned, rows] = new = old / (bright + np.float32(damping) + TINY)
    gradient[learned:, rows] = 0
    beat[rows] = (probe[:learned, rows] * new.conj()).sum(axis=0)
    sums[0, rows] = (new.conj() * old).real.sum(axis=(0, 2))
    sums[1, rows] = (norm(new) * bright).sum(axis=(0, 2))


def cross_terms(
    cross: np.ndarray, turned: np.ndarray, beat: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Project what the object's direction changes on what the probe's changes, position by position."""
    n, chunks = len(beat), cross.shape[1]
    high = -(-n // chunks)
    for i, window in zip(order[start : start + count], windows(corners, order, start, count, n), strict=True):
        rows = (turned[window] * beat).real.sum(axis=1)
        cross[i] = [rows[k * high : (k + 1) * high].sum() for k in range(chunks)]


def solve_steps(
    steps: np.ndarray, object_sums: np.ndarray, probe_sums: np.ndarray, cross: np.ndarray, order: np.ndarray,
    start: int, count: int, object_step: float, probe_step: float,
) -> None:  # fmt: skip
    """Solve the two real steps of a group by least squares."""
    sums = np.stack([object_sums.sum(axis=1), probe_sums.sum(axis=1)], axis=1)
    steps[:] = real_steps(sums[0], sums[1], cross[order[start : start + count]].sum(), object_step > 0)
    steps *= np.array([object_step, probe_step], np.float32)


def move_object(
    object: np.ndarray, direction: np.ndarray, steps: np.ndarray, top: int, rows: int  # noqa: A002
) -> None:  # fmt: skip
    """Move rows [top, top + rows) of the object along its direction."""
    object[top : top + rows] += steps[0] * direction[top : top + rows]


def move_probe(
    probe: np.ndarray, power: np.ndarray, direction: np.ndarray, steps: np.ndarray, start: int, count: int
) -> None:
    """Move rows [start, start + count) of every mode along its direction."""
    rows = slice(start, start + count)
    probe[:, rows] += steps[1] * direction[:, rows]
    power[rows] = norm(probe[:, rows]).sum(axis=0)
