"""From detector frames to the patterns that an engine sees: crop, mask, threshold, orientation, square root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.fft

from ptychogui.errors import DataError, ParameterError
from ptychogui.params.model import Preprocessing
from ptychogui.physics.compact import KINDS, PatternStack
from ptychogui.physics.orientation import Orientation

_CHUNK_BYTES = 1 << 24
_SMALLEST_PX = 16


class FrameSource(Protocol):
    """Where frames come from: io.dataset.Frames, or an array in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, columns)."""

    @property
    def dtype(self) -> np.dtype:
        """Of a pixel."""

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack."""


class ArrayFrames:
    """A frame source over an array (frames, rows, columns)."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype = array.dtype

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the frames at these rows."""
        return np.asarray(self._array[np.asarray(rows)])


@dataclass(frozen=True)
class Patterns:
    """Diffraction patterns ready for an engine.

    Attributes:
        patterns: (positions, N, N), direct beam at [0, 0], in the smallest type that loses nothing (physics.compact).
        mean_pattern: float64 (N, N), mean counts of each pixel where it is known, beam at [0, 0]; 0 on dead ones.
        dead: bool (N, N), True where a pixel is free in every pattern.
        counts: float64 (positions,), total counts of each pattern's known pixels.
        max_counts: largest count of a known pixel.
        free_pixels: number of free pixels in `patterns`.
        saturated: number of pixel readings that are free because the detector was saturated.
        center_px: row and column of the detector pixel that became [0, 0].
        notes: what was found and done, a sentence each.
    """

    patterns: np.ndarray
    mean_pattern: np.ndarray
    dead: np.ndarray
    counts: np.ndarray
    max_counts: float
    free_pixels: int
    saturated: int
    center_px: tuple[int, int]
    notes: tuple[str, ...]


def prepare_frames(
    frames: FrameSource, rows: np.ndarray, bad_pixels: np.ndarray | None, preprocessing: Preprocessing
) -> Patterns:
    """Read, crop, clean and orient the frames of a scan. Holds the patterns and one chunk of frames, no more.

    Args:
        frames: counts or amplitudes (frames, rows, columns) of any real type.
        rows: int (positions,), the frame of each position, in any order.
        bad_pixels: bool (rows, columns) of the detector, True where a pixel must not be used; or None.
        preprocessing: the settings.

    Raises:
        DataError: frames, rows or mask don't fit each other, or nothing usable is left.
        ParameterError: center or size don't fit the detector.
    """
    _check(frames, rows, bad_pixels)
    crop = _plan_crop(frames.shape[1:], preprocessing)
    bad = np.zeros(frames.shape[1:], bool) if bad_pixels is None else np.asarray(bad_pixels, bool)
    free = crop.cut(bad[None], outside=True)[0]
    sieve = _Sieve(preprocessing, frames.dtype)
    stack = PatternStack((len(rows), crop.n, crop.n))
    tally = _Tally(len(rows), crop.n)
    for chunk in _chunks(len(rows), frames):
        unique, inverse = np.unique(rows[chunk], return_inverse=True)
        raw = crop.cut(frames.read(unique)[inverse], outside=False)
        amplitudes = sieve.amplitudes(raw, free)
        tally.set_free_if_empty(chunk, amplitudes)
        tally.add(chunk, amplitudes)
        stack.add(amplitudes)
    tally.check()
    return Patterns(
        patterns=stack.patterns,
        mean_pattern=tally.mean(),
        dead=tally.known == 0,
        counts=tally.counts,
        max_counts=tally.max_counts,
        free_pixels=tally.free_pixels,
        saturated=sieve.saturated,
        center_px=crop.center,
        notes=(*crop.notes, *_found(frames.shape, crop, bad), *sieve.notes(), *tally.notes()),
    )


def pattern_size(shape: tuple[int, ...], preprocessing: Preprocessing) -> int:
    """Return N, the rows and columns that patterns will have, before any frame is read.

    Args:
        shape: (frames, rows, columns) as on the detector.
        preprocessing: the settings.

    Raises:
        ParameterError: center or size don't fit the detector.
    """
    return _plan_crop(shape[1:], preprocessing).n


def pattern_center(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, int]:
    """Return row and column of the detector pixel that patterns are cropped about, before any frame is read.

    Args:
        shape: (frames, rows, columns) as on the detector.
        preprocessing: the settings.

    Raises:
        ParameterError: center or size don't fit the detector.
    """
    return _plan_crop(shape[1:], preprocessing).center


def pattern_bytes(dtype: np.dtype, preprocessing: Preprocessing) -> int:
    """Return the most bytes that a pixel of the patterns may take, before any frame is read.

    Whole numbers that stay below the saturation take 1 or 2; anything else takes the 4 of a float32.

    Args:
        dtype: of the frames on the detector.
        preprocessing: the settings.
    """
    if preprocessing.data_are == "amplitudes" or not np.issubdtype(dtype, np.integer):
        return KINDS[-1].itemsize
    limit = _saturation(preprocessing.bit_depth, dtype)
    assert limit is not None
    return next((kind.itemsize for kind in KINDS[:-1] if limit <= np.iinfo(kind).max), KINDS[-1].itemsize)


@dataclass(frozen=True)
class _Crop:
    """Which part of the detector becomes a pattern, and how it is turned."""

    n: int
    center: tuple[int, int]
    orientation: Orientation
    beam_at_corner: bool
    notes: tuple[str, ...]

    def cut(self, stack: np.ndarray, outside: bool | int) -> np.ndarray:
        """Return (frames, n, n) with the direct beam at [0, 0]; pixels beyond the detector are `outside`."""
        if self.beam_at_corner:
            stack = scipy.fft.fftshift(stack, axes=(-2, -1))
        source, target = zip(*map(self._span, (0, 1), stack.shape[-2:]), strict=True)
        cut = stack[:, source[0], source[1]]
        if cut.shape[1:] != (self.n, self.n):
            whole = np.full((len(stack), self.n, self.n), outside, stack.dtype)
            whole[:, target[0], target[1]] = cut
            cut = whole
        return np.asarray(scipy.fft.ifftshift(self.orientation.apply(cut), axes=(-2, -1)))

    def _span(self, axis: int, size: int) -> tuple[slice, slice]:
        """Return the part of a detector axis that is cut out, and where it lies in the pattern."""
        start = self.center[axis] - self.orientation.center_before(self.n)[axis]
        first, last = max(start, 0), min(start + self.n, size)
        return slice(first, max(first, last)), slice(first - start, max(first, last) - start)


class _Sieve:
    """Tells counts from what is not a measurement, and counts what it took out."""

    def __init__(self, preprocessing: Preprocessing, dtype: np.dtype) -> None:
        self._threshold = preprocessing.threshold_counts
        self._roots = preprocessing.data_are == "amplitudes"
        self._limit = _saturation(preprocessing.bit_depth, None if self._roots else dtype)
        self.saturated = 0
        self._broken = 0

    def amplitudes(self, raw: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return float32 square roots of the counts of raw frames (frames, n, n), -1 where they are not known."""
        values = raw.astype(np.float32)
        broken = ~(np.isfinite(values) & (values >= 0))
        self._broken += int(np.count_nonzero(broken & ~free))
        if self._limit is not None:
            # Raw integers, since float32 can't tell the largest 32-bit numbers apart.
            saturated = (raw >= self._level(self._limit)) & ~broken & ~free
            self.saturated += int(np.count_nonzero(saturated))
            broken |= saturated
        broken |= free
        values[broken] = 0
        values[values < self._level(self._threshold)] = 0
        if not self._roots:
            np.sqrt(values, out=values)
        values[broken] = -1
        return values

    def _level(self, counts: float) -> float:
        """Return counts in the unit of the frames; a root's last digits are not trusted."""
        return float(np.sqrt(counts) * (1 - 1e-6)) if self._roots else counts

    def notes(self) -> Iterator[str]:
        """Say what was taken out."""
        if self._broken:
            yield f"{self._broken} negative or undefined pixel readings are left free"
        if self.saturated:
            yield f"{self.saturated} saturated pixel readings (at or above {self._limit}) are left free"


class _Tally:
    """Sums over patterns in float64, so that no number of counts overflows."""

    def __init__(self, frames: int, n: int) -> None:
        self.counts = np.zeros(frames)
        self.empty = np.zeros(frames, bool)
        self.known = np.zeros((n, n), np.int64)
        self._sum = np.zeros((n, n))
        self.max_counts = 0.0
        self.free_pixels = 0

    def set_free_if_empty(self, chunk: slice, amplitudes: np.ndarray) -> None:
        """Set all pixels of a pattern without a single count to free: it was not exposed, and says nothing."""
        dark = ~(amplitudes > 0).any(axis=(1, 2))
        self.empty[chunk] = dark & (amplitudes >= 0).any(axis=(1, 2))
        amplitudes[dark] = -1

    def add(self, chunk: slice, amplitudes: np.ndarray) -> None:
        """Add the patterns (frames, n, n) of positions `chunk`."""
        known = amplitudes >= 0
        counts = np.square(amplitudes, where=known, out=np.zeros_like(amplitudes))
        self.counts[chunk] = counts.sum(axis=(1, 2), dtype=np.float64)
        self.known += known.sum(axis=0)
        self._sum += counts.sum(axis=0, dtype=np.float64)
        self.max_counts = max(self.max_counts, float(counts.max()))
        self.free_pixels += known.size - int(np.count_nonzero(known))

    def mean(self) -> np.ndarray:
        """Return float64 (n, n), the mean of each pixel where it is known."""
        return np.asarray(self._sum / np.maximum(self.known, 1))

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


def _check(frames: FrameSource, rows: np.ndarray, bad_pixels: np.ndarray | None) -> None:
    if len(frames.shape) != 3:
        raise DataError(f"frames must be a stack (frames, rows, columns), not of shape {tuple(frames.shape)}")
    if not len(rows):
        raise DataError("there is no diffraction pattern with a position")
    if np.min(rows) < 0 or np.max(rows) >= frames.shape[0]:
        raise DataError(
            f"positions ask for frames {np.min(rows)} to {np.max(rows)}, but there are only 0 to {frames.shape[0] - 1}"
        )
    if bad_pixels is not None and bad_pixels.shape != tuple(frames.shape[1:]):
        raise DataError(
            f"the mask of bad pixels has shape {bad_pixels.shape}, but frames have {tuple(frames.shape[1:])}; "
            "give a mask of the whole detector"
        )


def _plan_crop(shape: tuple[int, ...], preprocessing: Preprocessing) -> _Crop:
    notes = []
    corner = preprocessing.direct_beam == "corner"
    wanted = preprocessing.center_px
    if wanted is None or corner:
        center = (shape[0] // 2, shape[1] // 2)
        if wanted is not None:
            notes.append("the pattern center is not used: the frames hold the direct beam at element [0, 0]")
    else:
        center = (int(np.floor(wanted[0] + 0.5)), int(np.floor(wanted[1] + 0.5)))
        if center != wanted:
            notes.append(f"the pattern center ({wanted[0]:g}, {wanted[1]:g}) is rounded to pixel {center}")
        if not all(0 <= pixel < size for pixel, size in zip(center, shape, strict=True)):
            raise ParameterError(
                f"the pattern center is pixel {center}, but the detector has {shape[0]} rows and {shape[1]} columns; "
                "correct the center"
            )
    n = preprocessing.size_px or _fitting_size(center, shape)
    return _Crop(n, center, Orientation.of(preprocessing), corner, tuple(notes))


def _fitting_size(center: tuple[int, int], shape: tuple[int, ...]) -> int:
    """Return the largest even size about the center that lies on the detector and has a fast FFT."""
    half = min(min(pixel, size - pixel) for pixel, size in zip(center, shape, strict=True))
    if 2 * half < _SMALLEST_PX:
        raise ParameterError(
            f"the pattern center {center} is only {half} pixels from the edge of the {shape[0]} x {shape[1]} detector; "
            "correct the center or give a size, which may reach beyond the detector"
        )
    return 2 * int(scipy.fft.prev_fast_len(half))


def _saturation(bit_depth: int | None, dtype: np.dtype | None) -> int | None:
    """Return the count at and above which a pixel is saturated: by its bits, and by its type."""
    limits = []
    if bit_depth is not None:
        limits.append(2**bit_depth - 1)
    if dtype is not None and np.issubdtype(dtype, np.integer):
        limits.append(int(np.iinfo(dtype).max))
    return min(limits, default=None)


def _found(shape: tuple[int, ...], crop: _Crop, bad: np.ndarray) -> Iterator[str]:
    """Say how much of the crop is bad or off the detector."""
    beyond = int(crop.cut(np.zeros((1, *shape[1:]), bool), outside=True).sum())
    marked = int(crop.cut(bad[None], outside=False).sum())
    if beyond:
        yield f"{beyond} of {crop.n**2} pixels of a pattern lie beyond the detector and are left free"
    if marked:
        yield f"{marked} of {crop.n**2} pixels of a pattern are marked as bad and are left free"


def _chunks(count: int, frames: FrameSource) -> Iterator[slice]:
    frame_bytes = frames.shape[1] * frames.shape[2] * max(4, frames.dtype.itemsize)
    size = max(1, _CHUNK_BYTES // frame_bytes)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
