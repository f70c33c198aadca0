"""The lattice that a scan's positions lie on, if any: the frequencies at which object and probe can trade unseen.

P(u) / f(u) and O(r) f(r) explain a scan as well as P and O do, for every f that has the period of its positions. Such
an f is made of waves exp(2 pi i g r) of which all positions see the same phase: |mean_j exp(2 pi i g x_j)| = 1. Jitter
lowers this strength, and with it what can be traded.
"""

from __future__ import annotations

import numpy as np
import scipy

_BINS = 8
"""Bins to a step where the lattice is looked for: its waves of up to three periods a step are seen well."""

_TRADED, _WHOLLY = 0.9, 0.98
"""Strength of a wave from which on it can be traded a little, and as if the positions were exactly periodic."""

_SEEN = 0.7
"""Strength that a lattice's first waves have at least, as far as bins show it."""

_HARMONICS = 3
"""Multiples of the first waves that count: beams are smooth enough for the rest to stay small."""

MOST_WAVES = ((2 * _HARMONICS + 1) ** 2 - 1) // 2
"""Waves that a lattice has at most."""

_HIGHEST = 0.4
"""Cycles a pixel: waves above are not looked at, for objects have next to nothing there."""

_PERIODS = 6.0
"""Periods across the scan, at least: in fewer, what has the lattice's period looks like what varies slowly anyway."""

_LOOKED_AT = 10_000
"""Positions by which a lattice is found, near the scan's middle, and judged, all over it."""

_ZOOMS = 12


def find_lattice(positions_px: np.ndarray) -> np.ndarray:
    """Find the lattice of a scan: a raster, also skewed or hexagonal, with jitter, or lines at equal distances.

    Args:
        positions_px: float (positions, 2), row and column.

    Returns:
        float64 (waves, 2), cycles per pixel of rows and columns, one of each pair of opposite waves, the lowest first;
        (0, 2) for a spiral, a lattice with much jitter, or too few positions to tell.
    """
    some = sample(positions_px)
    first = _first_waves(positions_px, positions_px[some]) if len(positions_px) > 3 else []
    if not len(first):
        return np.empty((0, 2))
    waves = _combined(np.array(first))
    if not len(waves) or np.linalg.norm(waves[0]) * np.sqrt(np.prod(np.ptp(positions_px, axis=0))) < _PERIODS:
        return np.empty((0, 2))
    return waves[traded_share(strengths(waves, positions_px[some])) > 0]


def sample(positions_px: np.ndarray) -> np.ndarray:
    """Return which positions speak for all: every one of a scan that is not large, else some, always the same."""
    if len(positions_px) <= _LOOKED_AT:
        return np.arange(len(positions_px))
    return np.sort(np.random.default_rng(0).choice(len(positions_px), _LOOKED_AT, replace=False))


def strengths(waves: np.ndarray, positions_px: np.ndarray) -> np.ndarray:
    """Return |mean_j exp(2 pi i g x_j)|, float64 (waves,), for waves (waves, 2) and positions (positions, 2)."""
    return np.array([np.abs(np.exp(2j * np.pi * (positions_px @ wave)).mean()) for wave in waves])


def traded_share(strength: np.ndarray) -> np.ndarray:
    """Return how far a wave of a strength can be traded: 1 on an exact lattice, 0 where the data tell all of it."""
    return ((strength - _TRADED) / (_WHOLLY - _TRADED)).clip(0, 1)


def _first_waves(positions_px: np.ndarray, some: np.ndarray) -> list[np.ndarray]:
    """Return none, one or two waves of which the lattice's others are sums."""
    tree, extent = scipy.spatial.cKDTree(positions_px), np.ptp(positions_px, axis=0)
    near = positions_px[tree.query(positions_px.mean(axis=0), min(len(positions_px), _LOOKED_AT))[1]]
    step = float(np.median(np.asarray(tree.query(near, 2)[0])[:, 1]))
    if step <= 0 or not np.all(extent > step):
        return []
    spectrum, pitch = _spectrum(near, step / _BINS)
    found: list[np.ndarray] = []
    for wave in _peaks(spectrum, pitch, 0.7 / np.ptp(near, axis=0)):
        fine = _refined(wave, some, 0.5 / np.ptp(near, axis=0), 0.25 / extent)
        if not found or _apart(found[0], fine):
            found.append(fine)
        if len(found) == 2:
            break
    return found


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two waves run in ways that differ by more than about ten degrees."""
    across = one[0] * other[1] - one[1] * other[0]
    return bool(abs(across) > 0.2 * np.linalg.norm(one) * np.linalg.norm(other))


def _spectrum(positions_px: np.ndarray, bin_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Return |mean_j exp(2 pi i f x_j)| on a grid of half of the frequencies, and the grid's pitch."""
    places = np.floor((positions_px - positions_px.min(axis=0)) / bin_px).astype(np.int64)
    shape = [scipy.fft.next_fast_len(2 * int(size) + 2, real=True) for size in places.max(axis=0)]
    counts = np.bincount(places @ [shape[1], 1], minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)
    spectrum = np.abs(scipy.fft.rfft2(counts)) / len(positions_px)
    return spectrum, 1 / (bin_px * np.array(shape))


def _peaks(spectrum: np.ndarray, pitch: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return frequencies (peaks, 2) of strong peaks away from 0, the lowest first."""
    rows = scipy.fft.fftfreq(len(spectrum), 1 / len(spectrum))
    row, column = np.meshgrid(rows * pitch[0], np.arange(spectrum.shape[1]) * pitch[1], indexing="ij")
    near = (np.abs(row) < 2 * least[0]) & (np.abs(column) < 2 * least[1])
    top = (spectrum >= _SEEN) & (spectrum == scipy.ndimage.maximum_filter(spectrum, 5, mode="wrap")) & ~near
    found = np.stack([row[top], column[top]], axis=-1)
    return found[np.argsort(np.hypot(*found.T), kind="stable")]


def _refined(wave: np.ndarray, positions_px: np.ndarray, reach: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return the frequency within reach of one, per axis, at which the positions' waves agree best.

    All of the reach is tried in fine steps, which no peak slips through, and then ever closer about the best.
    """
    wave = _best_around(wave, reach, int(np.ceil((reach / fine).max())), positions_px)
    for _ in range(_ZOOMS):
        wave, fine = _best_around(wave, fine, 2, positions_px), fine / 2
    return wave


def _best_around(wave: np.ndarray, reach: np.ndarray, steps: int, positions_px: np.ndarray) -> np.ndarray:
    axis = np.linspace(-1, 1, 2 * steps + 1)
    tried = wave + np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2) * reach
    return np.asarray(tried[np.argmax(strengths(tried, positions_px))])


def _combined(first: np.ndarray) -> np.ndarray:
    """Return sums of whole multiples of one or two waves, without 0 and one of each pair, the lowest first."""
    counts = np.argwhere(np.ones([2 * _HARMONICS + 1] * len(first))) - _HARMONICS
    waves = counts[: len(counts) // 2] @ first
    length = np.hypot(*waves.T)
    order = np.argsort(length, kind="stable")
    return np.asarray(waves[order[length[order] <= _HIGHEST]])
