"""Pixels held out of a reconstruction: a small share of those that are known, by which it is judged and not fitted.

Crystallographers do so with reflections (R-free): what a model gains on data that it was fitted to may be their noise,
what it gains on others is not. Which pixels it is follows from the seed and the frame alone, and not from the mask, the
other frames, or the device: whoever goes on from a result judges it by the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.pattern_storage import amplitudes_of, mark_of

_AT_ONCE = 1024
"""Patterns that are drawn for at a time."""

_STREAM = 0x66726565
"""Keeps these random numbers apart from others of the same seed."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out pixels of each position, and what was measured there.

    Attributes:
        pixels: int32 (positions, K), row * N + column in a pattern whose direct beam is at [0, 0]; -1 where a position
            has fewer.
        amplitudes: float32 (positions, K), square roots of their counts.
    """

    pixels: np.ndarray
    amplitudes: np.ndarray

    @property
    def count(self) -> int:
        """How many there are."""
        return int(np.count_nonzero(self.pixels >= 0))

    @property
    def expected(self) -> float:
        """What photon noise makes of their misfit, a quarter of a count for each pixel of many."""
        counts = np.square(self.amplitudes[self.pixels >= 0], dtype=np.float64)
        return float(expected_amplitude_variance(counts).sum())

    def cropped(self, n: int, to: int) -> HeldOut | None:
        """Return those in the middle of the patterns; see coarser_pixel.crop_patterns.

        Args:
            n: rows and columns of the patterns.
            to: rows and columns to keep.
        """
        if to == n:
            return self
        places = np.full(n, -1)
        places[np.r_[: to - to // 2, n - to // 2 : n]] = np.arange(to)
        rows, columns = places[self.pixels // n], places[self.pixels % n]
        inside = (self.pixels >= 0) & (rows >= 0) & (columns >= 0)
        return _packed(rows * to + columns, self.amplitudes, inside)


def drawn_pixels(n: int, share: float) -> int:
    """Return how many pixels of a pattern of n x n are drawn; those that are not known are not held out."""
    return math.ceil(n * n * share)


def hold_out(patterns: np.ndarray, frame_rows: np.ndarray, share: float, seed: int) -> HeldOut | None:
    """Take pixels out of patterns, where they are marked as not known, and keep what was measured there.

    Args:
        patterns: (positions, N, N) as in physics.pattern_storage, changed.
        frame_rows: int (positions,), the frame of each pattern: it has the same pixels wherever it comes.
        share: of the known pixels; 0 changes nothing.
        seed: of the draw.

    Returns:
        None where there are none.
    """
    if not share:
        return None
    kept = [
        _hold_out_of(patterns[first : first + _AT_ONCE], drawn)
        for first, drawn in _draws(frame_rows, patterns.shape[-1], share, seed)
    ]
    pixels, amplitudes = (np.concatenate([part[i] for part in kept]) for i in (0, 1))
    return _packed(pixels, amplitudes, pixels >= 0)


def _draws(frame_rows: np.ndarray, n: int, share: float, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield int32 (patterns, pixels), -1 for none, for some patterns at a time, with the first of these.

    Pixels are put in the order of their radius and cut into pieces of 1 / share; of each piece one is drawn. So a
    pattern's are spread over all radii, and a pixel is held out as often as any other.
    """
    source = np.random.PCG64([seed, _STREAM])
    by_radius = _by_radius(n, np.random.Generator(source.jumped()))
    pieces = np.arange(drawn_pixels(n, share))
    drawer, reached = np.random.Generator(source), 0
    for first in range(0, len(frame_rows), _AT_ONCE):
        drawn = []
        for row in frame_rows[first : first + _AT_ONCE].tolist():
            source.advance((row * len(pieces) - reached) % 2**128)
            reached = (row + 1) * len(pieces)
            drawn.append(drawer.random(len(pieces)))
        places = np.floor((pieces + np.array(drawn)) / share).astype(np.int64)
        yield first, np.where(places < n * n, by_radius[np.minimum(places, n * n - 1)], -1).astype(np.int32)


def _by_radius(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return int (N * N,): all pixels, nearest to the direct beam first, those of a ring in random order."""
    along = np.fft.fftfreq(n, 1 / n) ** 2
    return np.lexsort((rng.random(n * n), np.add.outer(along, along).reshape(-1)))


def _hold_out_of(patterns: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mark the drawn pixels that are known; return them, -1 for the others, and their amplitudes."""
    flat, rows = patterns.reshape(len(patterns), -1), np.arange(len(patterns))[:, None]
    amplitudes = amplitudes_of(flat[rows, drawn])
    pixels = np.where(amplitudes < 0, -1, drawn)
    marked = (pixels >= 0).nonzero()
    flat[marked[0], pixels[marked]] = mark_of(patterns.dtype)
    return pixels, amplitudes


def _packed(pixels: np.ndarray, amplitudes: np.ndarray, there: np.ndarray) -> HeldOut | None:
    """Return the pixels that are there, those of a position side by side, in as few columns as hold them."""
    most = int(there.sum(axis=1).max(initial=0))
    if not most:
        return None
    first = np.argsort(~there, axis=1, kind="stable")[:, :most]
    pixels, amplitudes, there = (np.take_along_axis(part, first, axis=1) for part in (pixels, amplitudes, there))
    return HeldOut(np.where(there, pixels, -1).astype(np.int32), np.where(there, amplitudes, 0).astype(np.float32))
