"""What a scan shows before any reconstruction: sums over its patterns, all from one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft

from ptychogui.errors import DataError
from ptychogui.physics.compact import FREE


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


class Tally:
    """Sums over patterns in float64, so that no number of counts overflows.

    Attributes:
        counts: float64 (positions,), total counts of each pattern's known pixels.
        empty: bool (positions,), which patterns count nothing.
        known: int64 (N, N), in how many patterns each pixel is known, beam at [0, 0].
        free_pixels: number of free pixels in all patterns.
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
        self.free_pixels = 0
        self._moments = np.zeros((positions, 2))
        self._places = scipy.fft.fftfreq(n, 1 / n)
        self._sum, self._squares = np.zeros((n, n)), np.zeros((n, n))
        self._largest = np.zeros((n, n), np.float32)

    def set_free_if_empty(self, chunk: slice, amplitudes: np.ndarray) -> None:
        """Set all pixels of a pattern without a single count to free: it was not exposed, and says nothing."""
        dark = ~(amplitudes > 0).any(axis=(1, 2))
        self.empty[chunk] = dark & (amplitudes >= 0).any(axis=(1, 2))
        amplitudes[dark] = FREE

    def add(self, chunk: slice, amplitudes: np.ndarray) -> None:
        """Add the patterns of positions `chunk`: float32 (frames, N, N), beam at [0, 0], -1 where free."""
        known = amplitudes >= 0
        free = known.size - int(np.count_nonzero(known))
        counts = np.square(amplitudes, where=known, out=np.zeros_like(amplitudes)) if free else np.square(amplitudes)
        self.free_pixels += free
        self.known += known.sum(axis=0) if free else len(amplitudes)
        self._add_positions(chunk, counts)
        self._sum += counts.sum(axis=0, dtype=np.float64)
        self._squares += np.einsum("fij,fij->ij", counts, counts, dtype=np.float64)
        np.maximum(self._largest, counts.max(axis=0), out=self._largest)

    def _add_positions(self, chunk: slice, counts: np.ndarray) -> None:
        by_row, by_column = (counts.sum(axis=axis, dtype=np.float64) for axis in (2, 1))
        self.counts[chunk] = by_row.sum(axis=1)
        self._moments[chunk, 0], self._moments[chunk, 1] = by_row @ self._places, by_column @ self._places

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
