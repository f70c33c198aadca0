"""The twins of kernels/overlap.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, norm, windows


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
            step = (pull - lit * old) / (lit + np.float32(floor) + TINY)
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


def overlap_solve_probe(
    probe: np.ndarray, change: np.ndarray, cross: np.ndarray, bright: np.ndarray, pulls: np.ndarray,
    floor: np.ndarray, start: int, count: int, learned: int, w: float,
) -> None:  # fmt: skip
    """Move rows [start, start + count) of the first modes to the weighted least squares of what all positions give."""
    rows = slice(start, start + count)
    taken, lit = _mean_of_neighbors(cross[0], w)[rows], _mean_of_neighbors(bright[0], w)[rows]
    old = probe[:learned, rows].copy()
    step = (pulls[:learned, rows] - old * taken) / (lit + floor[0] + TINY)
    probe[:learned, rows] = old + step
    change[0, rows], change[1, rows] = norm(step).sum(axis=(0, 2)), norm(old).sum(axis=(0, 2))


def _mean_of_neighbors(image: np.ndarray, w: float) -> np.ndarray:
    """Give every pixel's neighbors on a line the weight w, rows and columns alike; the rim goes on beyond itself."""
    for axis in (0, 1):
        before, after = (np.take(image, np.arange(len(image)) + step, axis, mode="clip") for step in (-1, 1))
        image = np.float32(1 - 2 * w) * image + np.float32(w) * (before + after)
    return image
