"""From detector frames to the patterns that an engine sees: crop, mask, counts, orientation, square root."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ptychogui.errors import DataError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.cleaning import PLAIN_COUNTS, FrameCleaner, ReadingRules, pattern_bytes
from ptychogui.physics.crop import Crop, joined, pattern_center, pattern_size, plan_crop
from ptychogui.physics.parallel import map_in_order
from ptychogui.physics.pattern_maker import PatternMaker, PatternSpec, numpy_maker
from ptychogui.physics.pattern_storage import PatternStack
from ptychogui.physics.survey import Sums, Survey, Tally

__all__ = [
    "ArrayFrames", "FrameSource", "Patterns", "check_scan", "pattern_bytes", "pattern_center", "pattern_size",
    "prepare_frames",
]  # fmt: skip

_CHUNK_BYTES = 1 << 24
"""Bytes of frames that a thread works on; a pixel that may become a float32 counts as 4 bytes."""

_BLOCK_PX = 1 << 20
"""Pixels of frames that it reads at once."""


class FrameSource(Protocol):
    """Where frames come from: io.dataset.Frames, or an array in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, columns)."""

    @property
    def dtype(self) -> np.dtype:
        """Of a pixel."""

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack; several threads may ask at a time.

        `out` is memory for them that may be used, and given back.
        """


class ArrayFrames:
    """A frame source over an array (frames, rows, columns)."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype = array.dtype

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these rows."""
        return np.asarray(self._array[np.asarray(rows)])


@dataclass(frozen=True)
class Patterns:
    """Diffraction patterns ready for an engine.

    Attributes:
        patterns: (positions, N, N), direct beam at [0, 0], in the smallest type that loses nothing.
        mean_pattern: float64 (N, N), mean counts of each pixel where it is known, beam at [0, 0]; 0 on dead ones.
        dead: bool (N, N), True where a pixel is free in every pattern.
        counts: float64 (positions,), total counts of each pattern's known pixels.
        max_counts: largest count of a known pixel.
        free_pixels: number of free pixels in `patterns`.
        saturated: number of pixel readings that are free because the detector was saturated.
        center_px: row and column of the detector pixel that became [0, 0].
        survey: what the scan shows before any reconstruction.
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
    survey: Survey
    notes: tuple[str, ...]


def prepare_frames(  # noqa: PLR0913 - what frames are, what is done to them, and how
    frames: FrameSource,
    rows: np.ndarray,
    bad_pixels: np.ndarray | None,
    preprocessing: Preprocessing,
    background: np.ndarray | None = None,
    keep: bool = True,
    maker: PatternMaker = numpy_maker,
    rules: ReadingRules | None = None,
) -> Patterns:
    """Read, crop, clean and orient the frames of a scan. Holds the patterns and one chunk of frames, no more.

    Args:
        frames: counts or amplitudes (frames, rows, columns) of any real type.
        rows: int (positions,), the frame of each position, in any order.
        bad_pixels: bool (rows, columns) of the detector, True where a pixel must not be used; or None.
        preprocessing: the settings; physics.calibration does before what `find_center` and `find_bad_pixels` ask for.
        background: float (rows, columns) of the detector, counts that are subtracted from every frame; or None.
        keep: whether the patterns are wanted; there are none in what is returned if not, but all that is known of them.
        maker: what makes the patterns.
        rules: what is known about readings, see physics.calibration; None where nothing is.

    Raises:
        DataError: frames, rows, mask or background don't fit each other, or nothing usable is left.
        ParameterError: center or size don't fit the detector.
    """
    check_scan(frames, rows, bad_pixels, background)
    crop = plan_crop(frames.shape[1:], preprocessing)
    bad = np.zeros(frames.shape[1:], bool) if bad_pixels is None else np.asarray(bad_pixels, bool)
    _check_mask(crop.cut(bad[None], outside=False)[0])
    free = crop.cut(bad[None], outside=True)[0]
    dark = None if background is None else crop.cut(np.asarray(background, np.float64)[None], outside=0)[0]
    rules = rules or PLAIN_COUNTS
    cleaner = FrameCleaner(preprocessing, frames.dtype, dark, rules)
    stack = PatternStack((len(rows) if keep else 0, crop.n, crop.n))
    tally = Tally(len(rows), crop.n)
    spec = PatternSpec(frames.shape[1:], frames.dtype, crop, free, cleaner)
    make = maker(spec, stack if keep else _Forgetting())

    def work(start: int) -> Sums:
        return make(start, _blocks(frames, rows[start : start + at_once]))

    at_once = _chunk(frames, cleaner)
    for sums in map_in_order(work, range(0, len(rows), at_once)):
        tally.add(sums)
    tally.check()
    found = *_found(frames.shape, crop, bad), *_taken_out(tally, cleaner.limit, rules)
    return _patterns(stack, tally, crop, found)


def _patterns(stack: PatternStack, tally: Tally, crop: Crop, found: tuple[str, ...]) -> Patterns:
    """Put together what was made of the frames, with what was found in them."""
    return Patterns(
        patterns=stack.patterns,
        mean_pattern=tally.mean(),
        dead=tally.known == 0,
        counts=tally.counts,
        max_counts=tally.max_counts,
        free_pixels=tally.free_pixels,
        saturated=tally.saturated,
        center_px=crop.center,
        survey=tally.survey(),
        notes=(*crop.notes, *found, *tally.notes()),
    )


def check_scan(
    frames: FrameSource, rows: np.ndarray, bad_pixels: np.ndarray | None, background: np.ndarray | None = None
) -> None:
    """Refuse frames, rows, mask and background that don't fit each other.

    Raises:
        DataError: they don't; the message says which.
    """
    if len(frames.shape) != 3:
        raise DataError(f"frames must be a stack (frames, rows, columns), not of shape {tuple(frames.shape)}")
    if not len(rows):
        raise DataError("there is no diffraction pattern with a position")
    if np.min(rows) < 0 or np.max(rows) >= frames.shape[0]:
        raise DataError(
            f"positions ask for frames {np.min(rows)} to {np.max(rows)}, but there are only 0 to {frames.shape[0] - 1}"
        )
    for image, what, kind in ((bad_pixels, "mask of bad pixels", "mask"), (background, "background", "background")):
        if image is not None and image.shape != tuple(frames.shape[1:]):
            raise DataError(
                f"the {what} has shape {image.shape}, but frames have {tuple(frames.shape[1:])}; "
                f"give a {kind} of the whole detector"
            )


def _check_mask(bad: np.ndarray) -> None:
    """Refuse a mask that leaves nothing."""
    if bad.all():
        raise DataError(
            f"the mask marks all {bad.size} pixels of a pattern as bad: nothing is left to reconstruct from; turn it "
            "round (--invert-mask for the file's own, --invert-mask-file for a Mask file), or correct it"
        )


def _found(shape: tuple[int, ...], crop: Crop, bad: np.ndarray) -> Iterator[str]:
    """Say how much of the crop is bad or off the detector."""
    on_detector = np.zeros((1, *shape[1:]), bool)
    beyond = int(np.count_nonzero(joined(crop.cut(on_detector, outside=True), crop.bin_px)))
    marked = int(np.count_nonzero(joined(crop.cut(bad[None], outside=False), crop.bin_px)))
    if beyond:
        yield f"{beyond} of {crop.n**2} pixels of a pattern lie beyond the detector and are left free"
    if marked:
        yield f"{marked} of {crop.n**2} pixels of a pattern are marked as bad and are left free"


def _taken_out(tally: Tally, limit: float | None, rules: ReadingRules) -> Iterator[str]:
    """Say what was no measurement."""
    if tally.broken:
        yield f"{tally.broken} negative or undefined pixel readings are left free"
    if tally.saturated and limit is not None:
        marks = limit == rules.no_counts_from
        what = "pixel readings that are no counts" if marks else "saturated pixel readings"
        yield f"{tally.saturated} {what} (at or above {limit:.12g}) are left free"


def _blocks(frames: FrameSource, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Read the frames of some positions, a few at a time into the same memory: new memory is slow."""
    size = max(1, _BLOCK_PX // math.prod(frames.shape[1:]))
    memory = np.empty((min(size, len(rows)), *frames.shape[1:]), frames.dtype)
    return (_read(frames, rows[start : start + size], memory) for start in range(0, len(rows), size))


def _read(frames: FrameSource, rows: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Read the frames of some positions, each frame once."""
    if np.all(rows[1:] > rows[:-1]):
        return frames.read(rows, memory[: len(rows)])
    unique, inverse = np.unique(rows, return_inverse=True)
    return frames.read(unique, memory[: len(unique)])[inverse]


def _chunk(frames: FrameSource, cleaner: FrameCleaner) -> int:
    """Return how many frames a thread works on."""
    pixel_bytes = frames.dtype.itemsize if cleaner.is_whole else max(4, frames.dtype.itemsize)
    return max(1, _CHUNK_BYTES // (math.prod(frames.shape[1:]) * pixel_bytes))


class _Forgetting:
    """A sink for patterns that nobody wants: it forgets them."""

    def put(self, first: int, piece: np.ndarray, kind: np.dtype) -> None:
        """Do nothing."""

    def room(self, first: int, count: int, kind: np.dtype) -> contextlib.AbstractContextManager[None]:
        """Offer no room."""
        return contextlib.nullcontext()
