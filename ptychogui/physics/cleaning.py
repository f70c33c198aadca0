"""Cleaning of frames: what is no measurement is left out, dark counts and threshold are taken off, pixels joined."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.crop import joined
from ptychogui.physics.pattern_storage import FREE, KINDS, compact, kind_for, mark_of

_LARGEST_COUNT = 2.0**53
"""Beyond it numbers can't be told apart, so they are no counts."""

_ROOT_PRECISION = 1e-6
"""Relative; a root's last digits are not trusted."""


@dataclass(frozen=True)
class ReadingRules:
    """Rules by which readings become counts, as physics.readings finds them; for most scans each reading is one.

    Attributes:
        no_counts_from: the reading, in the unit of the frames, at and above which readings are no counts but marks;
            None where there are none.
        noise_from: 0 or below. Readings from it up to 0 are noise and count nothing; those below it are no measurement.
        unit: what a single count reads, 1 where frames are given in counts; of amplitudes, what their squares read.
    """

    no_counts_from: float | None = None
    noise_from: float = 0.0
    unit: float = 1.0


PLAIN_COUNTS = ReadingRules()
"""The rules of frames whose readings are counts, all of them."""


@dataclass(frozen=True)
class CleanFrames:
    """Some frames as patterns, without what is no measurement.

    Attributes:
        patterns: (frames, N, N) in the smallest type that loses nothing (physics.pattern_storage).
        counts: (frames, N, N) of any real type, 0 where free.
        free: bool (frames, N, N), True where nothing is known; or (1, N, N), if that is so in every frame.
        broken: number of readings of good pixels that were negative, no number or too large for one.
        saturated: number of readings of good pixels that were saturated.
    """

    patterns: np.ndarray
    counts: np.ndarray
    free: np.ndarray
    broken: int
    saturated: int

    def set_free(self, frames: np.ndarray) -> None:
        """Set all pixels of some patterns to free, bool (frames,); `counts` may be the same memory."""
        self.patterns[frames] = mark_of(self.patterns.dtype)


class FrameCleaner:
    """Makes patterns of frames: leaves out what is no measurement. It keeps nothing, so threads may share it."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        dtype: np.dtype,
        background: np.ndarray | None = None,
        rules: ReadingRules = PLAIN_COUNTS,
    ) -> None:
        """Prepare for frames of a type.

        Args:
            preprocessing: the settings.
            dtype: of the frames.
            background: float64 (rows, columns) of the readings that will come, in counts; or None.
            rules: what is known about readings.
        """
        self._threshold = preprocessing.threshold_counts
        self._subtracts = preprocessing.subtract_threshold and self._threshold > 0
        self._background, self._bin_px = background, preprocessing.bin_px
        self._roots = preprocessing.data_are == "amplitudes"
        self._noise_from, self._unit = rules.noise_from, rules.unit
        self._plain = background is None and not self._subtracts and self._bin_px == 1 and self._unit == 1
        self.is_whole = self._plain and not self._roots and dtype.kind in "ui"
        """Whether counts stay the whole numbers that they are."""
        self.limit = self._limit(saturation(preprocessing, None if self._roots else dtype), rules, dtype)
        """The lowest reading that is saturated, or no count, whole where counts are; None where all are counts."""
        self.least = math.ceil(self._threshold)
        """Whole counts below it are taken as none."""

    def clean(self, readings: np.ndarray, bad: np.ndarray) -> CleanFrames:
        """Return the patterns that readings make.

        Args:
            readings: (frames, rows, columns); may be changed.
            bad: bool (rows, columns), True on pixels that are not looked at.
        """
        if self.is_whole:
            return self._whole(readings, bad)
        with np.errstate(over="ignore"):
            values = readings.astype(np.float32 if self._plain else np.float64)
        if self._noise_from:
            values[(values < 0) & (values >= self._noise_from)] = 0
        broken = ~((values >= 0) & (values <= self._level(_LARGEST_COUNT * self._unit))) & ~bad
        saturated = self._saturated(readings) & ~broken & ~bad
        unknown = broken | saturated | bad
        values[unknown] = 0
        amplitudes, free = self._amplitudes(values, unknown)
        counts = np.square(amplitudes, where=~free, out=np.zeros_like(amplitudes))
        return CleanFrames(compact(amplitudes), counts, free, int(broken.sum()), int(saturated.sum()))

    def _whole(self, counts: np.ndarray, bad: np.ndarray) -> CleanFrames:
        """Clean counts that stay whole. What is rare is looked for only where the extremes tell of some."""
        free, broken, saturated = bad[None], 0, 0
        if bad.any():
            np.multiply(counts, ~bad, out=counts)
        assert self.limit is not None  # the type has one
        if self._noise_from:
            counts[(counts < 0) & (counts >= self._noise_from)] = 0
        if counts.max(initial=0) >= self.limit or (counts.dtype.kind == "i" and counts.min(initial=0) < 0):
            negative, above = counts < 0, self._saturated(counts)
            broken, saturated = int(negative.sum()), int(above.sum())
            free = bad | negative | above
            counts[free] = 0
        if self._threshold > 0:
            counts[counts < self.least] = 0
        kind = kind_for(int(counts.max(initial=0)))
        some_free = bool(free.any())
        patterns = counts.astype(kind, copy=some_free) if kind.kind == "u" else np.sqrt(counts, dtype=kind)
        if some_free:
            np.copyto(patterns, mark_of(kind), where=free)
        return CleanFrames(patterns, counts, free, broken, saturated)

    def _amplitudes(self, values: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 square roots of counts, -1 where they are not known, and where that is."""
        if not self._plain:
            return self._from_counts(values, unknown)
        values[values < self._level(self._threshold)] = 0
        if not self._roots:
            np.sqrt(values, out=values)
        values[unknown] = FREE
        return values, unknown

    def _from_counts(self, values: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Subtract, join and take the root of readings in float64, in which whole sums up to 2^53 are exact."""
        counts = np.square(values, out=values) if self._roots else values
        if self._background is not None:
            counts -= self._background
        least = self._threshold * (1 - 2 * _ROOT_PRECISION) if self._roots else self._threshold
        counts[(counts < least) | (counts < 0) | unknown] = 0
        if self._subtracts:
            np.maximum(counts - self._threshold, 0, out=counts)
            counts[unknown] = 0
        if self._unit != 1:
            counts /= self._unit
        amplitudes: np.ndarray = np.sqrt(joined(counts, self._bin_px)).astype(np.float32)
        free = joined(unknown, self._bin_px)
        amplitudes[free] = FREE
        return amplitudes, free

    def _limit(self, saturated: float | None, rules: ReadingRules, dtype: np.dtype) -> float | None:
        """Return the lower of two limits, of counts and of readings, in the unit of the frames; None beyond a type."""
        limits = [] if saturated is None else [self._level(saturated)]
        if rules.no_counts_from is not None:
            limits.append(rules.no_counts_from)
        limit = min(limits, default=None)
        if limit is not None and dtype.kind == "f" and limit > float(np.finfo(dtype).max):
            return None
        return math.ceil(limit) if self.is_whole and limit is not None else limit

    def _saturated(self, readings: np.ndarray) -> np.ndarray:
        """Return where readings reach the limit; as they are, for float32 can't tell the largest 32-bit ones apart."""
        if self.limit is None:
            return np.zeros(readings.shape, bool)
        return np.asarray(readings >= self.limit)

    def _level(self, counts: float) -> float:
        """Return counts in the unit of the frames."""
        return float(np.sqrt(counts) * (1 - _ROOT_PRECISION)) if self._roots else counts


def are_counts(readings: np.ndarray, preprocessing: Preprocessing, rules: ReadingRules = PLAIN_COUNTS) -> np.ndarray:
    """Return where readings are numbers, not below zero but by noise, not saturated and no marks: bool of their shape.

    Args:
        readings: of any real type and shape.
        preprocessing: the settings.
        rules: what is known about readings.
    """
    limit = FrameCleaner(preprocessing, readings.dtype, None, rules).limit
    good = np.isfinite(readings) & (readings >= rules.noise_from)
    return np.asarray(good if limit is None else good & (readings < limit))


def pattern_bytes(dtype: np.dtype, preprocessing: Preprocessing) -> int:
    """Return the most bytes that a pixel of the patterns may take, before any frame is read.

    Whole numbers that stay below the saturation take 1 or 2; anything else takes the 4 of a float32.

    Args:
        dtype: of the frames on the detector.
        preprocessing: the settings.
    """
    whole = preprocessing.data_are == "counts" and np.issubdtype(dtype, np.integer)
    subtracted = preprocessing.threshold_counts if preprocessing.subtract_threshold else 0.0
    if not whole or preprocessing.background_file is not None or subtracted % 1:
        return KINDS[-1].itemsize
    limit = saturation(preprocessing, dtype)
    assert limit is not None
    largest = preprocessing.bin_px**2 * (math.ceil(limit) - 1)
    return kind_for(largest).itemsize


def saturation(preprocessing: Preprocessing, dtype: np.dtype | None) -> float | None:
    """Return the count at and above which a pixel is saturated: as it is said, by its bits, and by its type.

    Args:
        preprocessing: the settings.
        dtype: of frames of counts; None where the type says nothing, as of amplitudes.
    """
    limits: list[float] = []
    if preprocessing.saturation_counts is not None:
        limits.append(preprocessing.saturation_counts)
    if preprocessing.bit_depth is not None:
        limits.append(2**preprocessing.bit_depth - 1)
    if dtype is not None and np.issubdtype(dtype, np.integer):
        limits.append(int(np.iinfo(dtype).max))
    return min(limits, default=None)
