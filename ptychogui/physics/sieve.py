"""From readings of the detector to amplitudes: what is no measurement, dark counts, threshold, joined pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ptychogui.params.model import Preprocessing
from ptychogui.physics.compact import FREE, KINDS
from ptychogui.physics.crop import joined

_LARGEST = float(np.finfo(np.float32).max)
_ROOT_PRECISION = 1e-6
"""Relative; a root's last digits are not trusted."""


class Sieve:
    """Tells counts from what is not a measurement, and counts what it took out."""

    def __init__(self, preprocessing: Preprocessing, dtype: np.dtype, background: np.ndarray | None = None) -> None:
        """Prepare for frames of a type.

        Args:
            preprocessing: the settings.
            dtype: of the frames.
            background: float64 (rows, columns) of the readings that will come, in counts; or None.
        """
        self._threshold = preprocessing.threshold_counts
        self._subtracts = preprocessing.subtract_threshold and self._threshold > 0
        self._background, self._bin_px = background, preprocessing.bin_px
        self._roots = preprocessing.data_are == "amplitudes"
        self._limit = saturation(preprocessing.bit_depth, None if self._roots else dtype)
        self.saturated = 0
        self._broken = 0

    def amplitudes(self, raw: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return float32 square roots of counts, -1 where they are not known.

        Args:
            raw: (frames, rows, columns), readings.
            free: bool (rows, columns), True on pixels that are bad.

        Returns:
            (frames, rows / bin, columns / bin).
        """
        plain = self._background is None and not self._subtracts and self._bin_px == 1
        values = raw.astype(np.float32 if plain else np.float64)
        broken = self._unusable(raw, values, free)
        values[broken] = 0
        if not plain:
            return self._from_counts(values, broken)
        values[values < self._level(self._threshold)] = 0
        if not self._roots:
            np.sqrt(values, out=values)
        values[broken] = FREE
        return values

    def _from_counts(self, values: np.ndarray, broken: np.ndarray) -> np.ndarray:
        """Subtract, join and take the root of readings in float64, in which whole sums up to 2^53 are exact."""
        counts = np.square(values, out=values) if self._roots else values
        if self._background is not None:
            counts -= self._background
        least = self._threshold * (1 - 2 * _ROOT_PRECISION) if self._roots else self._threshold
        counts[(counts < least) | (counts < 0) | broken] = 0
        if self._subtracts:
            np.maximum(counts - self._threshold, 0, out=counts)
            counts[broken] = 0
        amplitudes: np.ndarray = np.sqrt(joined(counts, self._bin_px)).astype(np.float32)
        amplitudes[joined(broken, self._bin_px)] = FREE
        return amplitudes

    def _unusable(self, raw: np.ndarray, values: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return where there is no measurement, bool of the shape of the raw frames, and count why."""
        if raw.dtype.kind in "ub":
            broken: np.ndarray = np.zeros_like(raw, bool)
        else:
            broken = ~((values >= 0) & (values <= _LARGEST))
            self._broken += int(np.count_nonzero(broken & ~free))
        if self._limit is not None:
            # Raw integers, since float32 can't tell the largest 32-bit numbers apart.
            saturated = (raw >= self._level(self._limit)) & ~broken & ~free
            self.saturated += int(np.count_nonzero(saturated))
            broken |= saturated
        broken |= free
        return broken

    def _level(self, counts: float) -> float:
        """Return counts in the unit of the frames."""
        return float(np.sqrt(counts) * (1 - _ROOT_PRECISION)) if self._roots else counts

    def notes(self) -> Iterator[str]:
        """Say what was taken out."""
        if self._broken:
            yield f"{self._broken} negative or undefined pixel readings are left free"
        if self.saturated:
            yield f"{self.saturated} saturated pixel readings (at or above {self._limit}) are left free"


def pattern_bytes(dtype: np.dtype, preprocessing: Preprocessing) -> int:
    """Return the most bytes that a pixel of the patterns may take, before any frame is read.

    Whole numbers that stay below the saturation take 1 or 2; anything else takes the 4 of a float32.

    Args:
        dtype: of the frames on the detector.
        preprocessing: the settings.
    """
    widest = KINDS[-1].itemsize
    whole = preprocessing.data_are == "counts" and np.issubdtype(dtype, np.integer)
    subtracted = preprocessing.threshold_counts if preprocessing.subtract_threshold else 0.0
    if not whole or preprocessing.background_file is not None or subtracted % 1:
        return widest
    limit = saturation(preprocessing.bit_depth, dtype)
    assert limit is not None
    largest = preprocessing.bin_px**2 * (limit - 1)
    return next((kind.itemsize for kind in KINDS[:-1] if largest < np.iinfo(kind).max), widest)


def saturation(bit_depth: int | None, dtype: np.dtype | None) -> int | None:
    """Return the count at and above which a pixel is saturated: by its bits, and by its type."""
    limits = []
    if bit_depth is not None:
        limits.append(2**bit_depth - 1)
    if dtype is not None and np.issubdtype(dtype, np.integer):
        limits.append(int(np.iinfo(dtype).max))
    return min(limits, default=None)
