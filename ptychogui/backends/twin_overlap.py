"""The twins of kernels/dm.cu and kernels/overlap.cu; see twin.py."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.windows import norm, windows
from ptychogui.physics.noise import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of

_TINY = np.float32(1e-30)
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


def _misfit(far: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the misfit of far fields, and what photon noise makes of it, summed over rows of known pixels."""
    power, known = norm(far).sum(axis=0), measured >= 0
    misfit = np.where(known, (np.sqrt(power) - measured) ** 2, 0).sum(axis=1)
    return misfit, np.where(known, expected_amplitude_variance((power + measured**2) / 2), 0).sum(axis=1)


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
    packed[start : start + count] = np.rint(parts * (_LARGEST / (largest + _TINY))[..., None, None])


def unpack_waves(stored: np.ndarray, packed: np.ndarray, units: np.ndarray, start: int, count: int, at: int) -> None:
    """Take back what pack_waves kept."""
    parts = packed[start : start + count] * units[start : start + count][..., None, None]
    stored[at : at + count] = parts[..., 0] + 1j * parts[..., 1]


def overlap_object(
    pulls: np.ndarray, light: np.ndarray, waves: np.ndarray, probe: np.ndarray, corners: np.ndarray,
    order: np.ndarray, start: int, count: int, top: int, rows: int, first: int, fresh: int,
) -> None:  # fmt: skip
    """Add what a batch gives to a lane's band of object rows."""
    n = waves.shape[-1]
    pull, lit = pulls[first : first + rows], light[first : first + rows]
    if fresh:
        pull[...], lit[...] = 0, 0
    for b, window in enumerate(windows(corners, order, start, count, n)):
        modes = probe[b if len(probe) > 1 else 0]
        given = (modes.conj() * waves[b]).sum(axis=0)
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


def overlap_sum_probe(
    sums: np.ndarray, waves: np.ndarray, probe: np.ndarray, object: np.ndarray, corners: np.ndarray,  # noqa: A002
    order: np.ndarray, start: int, lane: int, count: int, fresh: int,
) -> None:  # fmt: skip
    """Add what a batch gives to the probe to the lane's sum."""
    seen = [object[window] for window in windows(corners, order, start, count, waves.shape[-1])]
    modes = probe if len(probe) > 1 else probe.repeat(count, axis=0)
    given = [o.conj() * (wave - mode * o) for o, wave, mode in zip(seen, waves, modes, strict=False)]
    sums[lane] = sum(given, 0 if fresh else sums[lane])


def overlap_solve_object(
    object: np.ndarray, beat: np.ndarray, shine: np.ndarray, pulls: np.ndarray, light: np.ndarray,  # noqa: A002
    bands: np.ndarray, top: int, rows: int, moves: int, floor: float,
) -> None:  # fmt: skip
    """Move rows [top, top + rows) of the object to the weighted least squares of what all lanes give, if it moves."""
    for y in range(top, top + rows):
        places = [first + y - begin for begin, height, first in bands.tolist() if moves and 0 <= y - begin < height]
        for place in places[1:]:
            pulls[places[0]] += pulls[place]
            light[places[0]] += light[place]
        old, step = object[y].copy(), np.zeros_like(object[y])
        if places:
            pull, lit = pulls[places[0]], light[places[0]]
            step = (pull - lit * old) / (lit + np.float32(floor) + _TINY)
        object[y] += step
        beat[y], shine[y] = old.conj() * step, np.maximum(norm(old), norm(object[y]))


def overlap_windows(
    cross: np.ndarray, bright: np.ndarray, beat: np.ndarray, shine: np.ndarray, corners: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Sum how the object moved, and how bright it is, over the windows of each chunk of positions, for some rows."""
    positions, chunks, n = len(order), *cross.shape[:2]
    for row in range(start, start + count):
        k, r = divmod(row, n)
        first, last = positions * k // chunks, positions * (k + 1) // chunks
        places = [(y.start + r, x) for y, x in windows(corners, order, first, last - first, n)]
        cross[k, r] = sum((beat[place] for place in places), np.zeros(n, np.complex64))
        bright[k, r] = sum((shine[place] for place in places), np.zeros(n, np.float32))


def overlap_add_chunks(cross: np.ndarray, bright: np.ndarray, start: int, count: int) -> None:
    """Sum over chunks, on some rows."""
    rows = slice(start, start + count)
    cross[0, rows], bright[0, rows] = cross[:, rows].sum(axis=0), bright[:, rows].sum(axis=0)


def _mean_of_neighbors(image: np.ndarray, w: float) -> np.ndarray:
    """Give every pixel's neighbors on a line the weight w, rows and columns alike; the rim goes on beyond itself."""
    for axis in (0, 1):
        before, after = (np.take(image, np.arange(len(image)) + step, axis, mode="clip") for step in (-1, 1))
        image = np.float32(1 - 2 * w) * image + np.float32(w) * (before + after)
    return image


def overlap_solve_probe(
    probe: np.ndarray, change: np.ndarray, cross: np.ndarray, bright: np.ndarray, pulls: np.ndarray,
    floor: np.ndarray, start: int, count: int, learned: int, w: float,
) -> None:  # fmt: skip
    """Move rows [start, start + count) of the first modes to the weighted least squares of what all positions give."""
    rows = slice(start, start + count)
    taken, lit = _mean_of_neighbors(cross[0], w)[rows], _mean_of_neighbors(bright[0], w)[rows]
    old = probe[:learned, rows].copy()
    step = (pulls[:learned, rows] - old * taken) / (lit + floor[0] + _TINY)
    probe[:learned, rows] = old + step
    change[0, rows], change[1, rows] = norm(step).sum(axis=(0, 2)), norm(old).sum(axis=(0, 2))
