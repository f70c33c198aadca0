"""The survey of a scan: what its patterns show before any reconstruction, from sums over all of them in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.errors import DataError
from ptychogui.physics.cleaning import CleanFrames

_EXACT = 1 << 24
"""Up to this a float32 holds every whole number."""


@dataclass(frozen=True)
class Survey:
    """A scan at a glance. Patterns are oriented, with the direct beam at [N // 2, N // 2]; only known pixels count.

    Attributes:
        stxm: float32 (positions,), counts of each pattern.
        dpc_px: float32 (positions, 2), row and column of each pattern's center of mass, in pixels of the pattern from
            the direct beam's; NaN where a pattern has no counts.
        mean: float32 (N, N), mean counts of each pixel, over the patterns in which it is known; 0 where it never is.
        maximum: float32 (N, N), largest count of each pixel.
        variance: float32 (N, N), mean square of each pixel's counts from their mean.
    """

    stxm: np.ndarray
    dpc_px: np.ndarray
    mean: np.ndarray
    maximum: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Sums:
    """Sums over some patterns, beam at [0, 0]. One that counts nothing was not exposed: all of its pixels are free.

    Attributes:
        positions: float64 (frames, 3), counts of each pattern's known pixels, and their sums times row and column.
        empty: bool (frames,), which patterns know pixels but count nothing.
        known: int64 (N, N), in how many patterns each pixel is known.
        total: float64 (N, N), sum of each pixel's counts.
        squares: float64 (N, N), sum of their squares.
        largest: float32 (N, N), the largest of them.
        broken: number of readings of good pixels that were negative or no number.
        saturated: number of readings of good pixels that were saturated.
    """

    positions: np.ndarray
    empty: np.ndarray
    known: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    largest: np.ndarray
    broken: int
    saturated: int

    @classmethod
    def of(cls, blocks: Sequence[CleanFrames]) -> Sums:
        """Sum block after block, each of which stays in a core's cache meanwhile.

        Inside they are float32, exact for whole counts up to 2^24; pixels too bright for that are summed apart.

        Args:
            blocks: at least one, none larger than the first.
        """
        shape = blocks[0].counts.shape
        positions = []
        total, squares, largest = np.zeros((3, *shape[1:]), np.float32)
        values, image = np.empty(shape, np.float32), np.empty(shape[1:], np.float32)
        for block in blocks:
            counts = values[: len(block.counts)]
            counts[:] = block.counts
            positions.append(_sums_by_position(counts))
            total += np.add.reduce(counts, axis=0, out=image)
            squares += np.einsum("fij,fij->ij", counts, counts, out=image)
            np.maximum(largest, block.counts.max(axis=0), out=largest)
        dark = [sums[:, 0] == 0 for sums in positions]
        empty = [of & ~block.free.all(axis=(1, 2)) for block, of in zip(blocks, dark, strict=True)]
        sums = cls(
            np.concatenate(positions), np.concatenate(empty), _known(blocks, dark),
            total.astype(np.float64), squares.astype(np.float64), largest,
            sum(block.broken for block in blocks), sum(block.saturated for block in blocks),
        )  # fmt: skip
        sums._sum_bright_pixels(blocks)
        return sums

    def _sum_bright_pixels(self, blocks: Sequence[CleanFrames]) -> None:
        bright = np.flatnonzero(self.largest >= math.sqrt(_EXACT / len(self.empty)))
        if not len(bright):
            return
        counts = np.concatenate([block.counts.reshape(len(block.counts), -1)[:, bright] for block in blocks])
        counts = counts.astype(np.float64)
        self.total.flat[bright], self.squares.flat[bright] = counts.sum(axis=0), np.square(counts).sum(axis=0)


def _known(blocks: Sequence[CleanFrames], dark: Sequence[np.ndarray]) -> np.ndarray:
    """Return in how many patterns that are not dark each pixel is known: int64 (N, N)."""
    known, alike = np.zeros(blocks[0].counts.shape[1:], np.int64), 0
    for block, of in zip(blocks, dark, strict=True):
        if len(block.free) == len(of):
            known += (~block.free[~of]).sum(axis=0)
        else:
            alike += np.count_nonzero(~of)
            always = block.free[0]
    return known + alike * ~always if alike else known


def _sums_by_position(counts: np.ndarray) -> np.ndarray:
    """Return float64 (frames, 3): sum, and sums times row and column, of float32 (frames, N, N)."""
    places = scipy.fft.fftfreq(counts.shape[-1], 1 / counts.shape[-1])
    by_row = np.einsum("fij->fi", counts)
    beside = np.einsum("fij,j->fi", counts, places.astype(np.float32))
    return np.stack([by_row.sum(axis=1, dtype=np.float64), by_row @ places, beside.sum(axis=1, dtype=np.float64)], 1)


class Tally:
    """Sums over all patterns in float64, so that no number of counts overflows.

    Attributes:
        counts: float64 (positions,), total counts of each pattern's known pixels.
        empty: bool (positions,), which patterns count nothing.
        known: int64 (N, N), in how many patterns each pixel is known, beam at [0, 0].
        broken, saturated: numbers of readings of good pixels that were no measurement; see Sums.
    """

    def __init__(self, positions: int, n: int) -> None:
        """Begin with nothing.

        Args:
            positions: how many patterns will come.
            n: their rows and columns.
        """
        self.counts = np.zeros(positions)
        self.empty = np.zeros(positions, bool)
        self.known = np.zeros((n, n), np.int64)
        self.broken = self.saturated = self._filled = 0
        self._moments = np.zeros((positions, 2))
        self._sum, self._squares = np.zeros((n, n)), np.zeros((n, n))
        self._largest = np.zeros((n, n), np.float32)

    def add(self, sums: Sums) -> None:
        """Add the patterns of the next positions."""
        new = slice(self._filled, self._filled + len(sums.empty))
        self._filled = new.stop
        self.counts[new], self._moments[new] = sums.positions[:, 0], sums.positions[:, 1:]
        self.empty[new] = sums.empty
        self.known += sums.known
        self._sum += sums.total
        self._squares += sums.squares
        np.maximum(self._largest, sums.largest, out=self._largest)
        self.broken += sums.broken
        self.saturated += sums.saturated

    @property
    def free_pixels(self) -> int:
        """Number of free pixels in all patterns."""
        return len(self.counts) * self.known.size - int(self.known.sum())

    @property
    def max_counts(self) -> float:
        """Largest count of a known pixel."""
        return float(self._largest.max())

    def mean(self) -> np.ndarray:
        """Return float64 (N, N), the mean of each pixel where it is known, beam at [0, 0]."""
        return np.asarray(self._sum / np.maximum(self.known, 1))

    def survey(self) -> Survey:
        """Return what the patterns so far show."""
        mean = self.mean()
        variance = np.maximum(self._squares / np.maximum(self.known, 1) - mean**2, 0)
        counts = np.where(self.counts > 0, self.counts, np.nan)
        patterns = (scipy.fft.fftshift(image).astype(np.float32) for image in (mean, self._largest, variance))
        dpc_px = (self._moments / counts[:, None]).astype(np.float32)
        return Survey(self.counts.astype(np.float32), dpc_px, *patterns)

    def check(self) -> None:
        """Refuse patterns without any information.

        Raises:
            DataError: no pixel is known, or all counts are zero.
        """
        if self.counts.any():
            return
        if self.empty.any():
            raise DataError(
                "all patterns are empty: no pixel counts anything; check center, threshold, mask and bit depth"
            )
        raise DataError("every pixel of every pattern is bad or saturated; check mask, bit depth and center")

    def notes(self) -> Iterator[str]:
        """Say what looks wrong."""
        empty = np.flatnonzero(self.empty)
        if len(empty):
            yield (
                f"{len(empty)} of {len(self.counts)} patterns are empty and left free, "
                f"the first is that of position {empty[0]}"
            )
