"""Every kernel again, written to be read: the specification in tests, and the fallback where nothing compiles.

Each function takes the arrays, then the scalars of its signature, and changes the written arrays in place. Dimensions
follow from the arrays. Shapes and dtypes are those of signatures.py; the formulas' sources are in kernels/*.cu.
"""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin_coupled import couple_shifts, eliminate_shifts, real_steps, solve_coupled, take_shifts
from ptychogui.backends.twin_likelihood import poisson_lengths, poisson_step
from ptychogui.backends.twin_overlap import (
    dm_begin,
    dm_follow,
    dm_recall,
    dm_reflected,
    dm_slack,
    dm_update,
    overlap_add_chunks,
    overlap_object,
    overlap_probe,
    overlap_solve_object,
    overlap_solve_probe,
    overlap_sum_probe,
    overlap_windows,
    pack_waves,
    unpack_waves,
)  # fmt: skip
from ptychogui.backends.twin_variable import (
    mix_grams,
    mix_pulls,
    mix_pulls_shifted,
    solve_mix,
    sum_varied,
    sum_varied_shifted,
    vary_probe,
    vary_probe_shifted,
)  # fmt: skip
from ptychogui.backends.windows import norm as _norm, windows as _windows
from ptychogui.physics.noise import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of

_TINY = np.float32(1e-30)


def exit_wave(
    waves: np.ndarray, probe: np.ndarray, object: np.ndarray, brightest: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, light: int,
) -> None:  # fmt: skip
    """Multiply the probe with the object's window: waves[b, m] = probe[b or 0, m] * object[window]."""
    for b, window in enumerate(_windows(corners, order, start, count, waves.shape[-1])):
        waves[b] = probe[b if len(probe) > 1 else 0] * object[window]
        if light:
            brightest[b] = _norm(object[window]).max(axis=1)


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
        power = _norm(waves[b]).sum(axis=0) * scale
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
        pulls[first + b] = pull / ((1 - alpha) * power + alpha * strongest.max() + _TINY)
        waves[b] = old.conj() * chi / ((1 - alpha) * _norm(old) + alpha * brightest[b].max() + _TINY)


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
    for g, (window_rows, columns) in enumerate(_windows(corners, order, start, count, n)):
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


def probe_power(rows: np.ndarray, probe: np.ndarray, start: int, count: int) -> None:
    """Find the strongest pixel of each row, all modes added."""
    rows[0, start : start + count] = _norm(probe[:, start : start + count]).sum(axis=0).max(axis=1)


def lsq_gradients(
    waves: np.ndarray, pulls: np.ndarray, probe: np.ndarray, object: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, first: int,
) -> None:  # fmt: skip
    """Find the gradients of the least-squares misfit: the object's in `pulls`, the probe's in `waves`."""
    for b, window in enumerate(_windows(corners, order, start, count, waves.shape[-1])):
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
    for b, window in enumerate(_windows(corners, order, start, count, waves.shape[-1])):
        old, to = object[window], lane + b % slices
        chi = waves[b] - probe[0] * old
        pulls[first + b] = (probe[0].conj() * chi).sum(axis=0)
        sums[to] += old.conj() * chi
        brightness[to] += _norm(old)


def add_lanes(
    total: np.ndarray, brightness: np.ndarray, sums: np.ndarray, brights: np.ndarray, start: int, count: int, used: int
) -> None:
    """Add up the first `used` lanes on rows [start, start + count) of the window."""
    rows = slice(start, start + count)
    total[:, rows], brightness[rows] = sums[:used, :, rows].sum(axis=0), brights[:used, rows].sum(axis=0)


def sum_windows(
    brightness: np.ndarray, object: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, lane: int, count: int, fresh: int,
) -> None:  # fmt: skip
    """Sum |object|^2 over the batch's windows into a lane."""
    total = sum(_norm(object[window]) for window in _windows(corners, order, start, count, brightness.shape[-1]))
    brightness[lane] = total if fresh else brightness[lane] + total


def gather_gradient(
    gradient: np.ndarray, illumination: np.ndarray, brightest: np.ndarray, pulls: np.ndarray, power: np.ndarray,
    corners: np.ndarray, order: np.ndarray, start: int, count: int, top: int, rows: int, fresh: int,
) -> None:  # fmt: skip
    """Add the gradients and the probe's power of a block of positions on rows [top, top + rows) of the object."""
    n, span = pulls.shape[-1], slice(top, top + rows)
    if fresh:
        gradient[span], illumination[span] = 0, 0
    for g, (window_rows, columns) in enumerate(_windows(corners, order, start, count, n)):
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
    gradient[span] = old / (light + np.float32(damping) * strongest[0] + _TINY)
    turned[span] = gradient[span] * object[span].conj()
    sums[0, span] = (gradient[span].conj() * old).real.sum(axis=1)
    sums[1, span] = (_norm(gradient[span]) * light).sum(axis=1)


def probe_direction(
    gradient: np.ndarray, beat: np.ndarray, sums: np.ndarray, probe: np.ndarray, brightness: np.ndarray,
    start: int, count: int, learned: int, damping: float,
) -> None:  # fmt: skip
    """Divide the gradient of the probe's first `learned` modes by the damped brightness; the others' become 0."""
    rows = slice(start, start + count)
    old, bright = gradient[:learned, rows].copy(), brightness[rows]
    gradient[:learned, rows] = new = old / (bright + np.float32(damping) + _TINY)
    gradient[learned:, rows] = 0
    beat[rows] = (probe[:learned, rows] * new.conj()).sum(axis=0)
    sums[0, rows] = (new.conj() * old).real.sum(axis=(0, 2))
    sums[1, rows] = (_norm(new) * bright).sum(axis=(0, 2)) if learned else 0


def cross_terms(
    cross: np.ndarray, turned: np.ndarray, beat: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Project what the object's direction changes on what the probe's changes, position by position."""
    windows = _windows(corners, order, start, count, beat.shape[-1])
    for i, window in zip(order[start : start + count], windows, strict=True):
        cross[i] = (turned[window] * beat).real.sum(axis=1)


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
    power[rows] = _norm(probe[:, rows]).sum(axis=0)


def position_slopes(
    slopes: np.ndarray, pulls: np.ndarray, object: np.ndarray, power: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, first: int,
) -> None:  # fmt: skip
    """Project each position's pull on the slopes of its window, and the slopes on each other."""
    n = pulls.shape[-1]
    for b, (row, column) in enumerate(corners[order[start : start + count]].tolist()):
        wide = object[row - 1 : row + n + 1, column - 1 : column + n + 1]
        down, across = (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2, (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2
        pull = pulls[first + b]
        products = (
            (down.conj() * pull).real, (across.conj() * pull).real,
            _norm(down) * power, _norm(across) * power, (down.conj() * across).real * power,
        )  # fmt: skip
        slopes[order[start + b]] = [product.sum(axis=1) for product in products]


def solve_moves(moves: np.ndarray, slopes: np.ndarray, count: int, floor: float) -> None:
    """Solve each position's two normal equations."""
    to_down, to_across, down, across, both = slopes[:count].sum(axis=2).T
    down, across = down + np.float32(floor), across + np.float32(floor)
    determinant = down * across - both**2
    moves[:count, 0] = (across * to_down - both * to_across) / determinant
    moves[:count, 1] = (down * to_across - both * to_down) / determinant


def fill_ramps(ramps: np.ndarray, rests: np.ndarray, count: int) -> None:
    """Write the phase ramps that shift by the sub-pixel rests."""
    n = ramps.shape[-1]
    frequency = np.fft.fftfreq(n, 1 / n)
    angle = -2 * np.pi / n * rests[:count, :, None] * frequency
    ramps[:count] = np.cos(angle) + 1j * np.where(2 * np.abs(frequency) == n, 0, np.sin(angle))
