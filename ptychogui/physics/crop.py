"""The crop: which square of the detector becomes a pattern, and how its pixels are joined and turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.errors import ParameterError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.orientation import Orientation

_SMALLEST_PX = 16


@dataclass(frozen=True)
class Crop:
    """A square of the detector about the direct beam.

    Attributes:
        n: rows and columns of a pattern, in joined pixels.
        bin_px: rows and columns of detector pixels that become one of a pattern.
        start: row and column of the first of the detector pixels that become the pattern's center.
        orientation: how patterns are turned.
        beam_at_corner: whether frames hold the direct beam at [0, 0]; `start` is about their center all the same.
        notes: what is to be said about the center.
    """

    n: int
    bin_px: int
    start: tuple[int, int]
    orientation: Orientation
    beam_at_corner: bool
    notes: tuple[str, ...]

    @property
    def center(self) -> tuple[int, int]:
        """Row and column of the detector pixel at the pattern's center; of an even number, the one before it."""
        middle = (self.bin_px - 1) // 2
        return self.start[0] + middle, self.start[1] + middle

    def cut(self, stack: np.ndarray, outside: bool | int) -> np.ndarray:
        """Return (frames, n * bin_px, n * bin_px) of detector pixels, turned, those of the direct beam at [0, 0].

        Pixels that are joined lie together: rows 0 to bin_px - 1, and so on. Those beyond the detector are `outside`.
        """
        if self.beam_at_corner:
            stack = scipy.fft.fftshift(stack, axes=(-2, -1))
        side = self.n * self.bin_px
        source, target = zip(*map(self._span, (0, 1), stack.shape[-2:]), strict=True)
        cut = stack[:, source[0], source[1]]
        if cut.shape[1:] != (side, side):
            whole = np.full((len(stack), side, side), outside, stack.dtype)
            whole[:, target[0], target[1]] = cut
            cut = whole
        return _cornered(self.orientation.apply(cut))

    def _span(self, axis: int, size: int) -> tuple[slice, slice]:
        """Return the part of a detector axis that is cut out, and where it lies in the pattern's detector pixels."""
        start = self.start[axis] - self.bin_px * self.orientation.center_before(self.n)[axis]
        first, last = max(start, 0), min(start + self.n * self.bin_px, size)
        return slice(first, max(first, last)), slice(first - start, max(first, last) - start)


def _cornered(stack: np.ndarray) -> np.ndarray:
    """Return a copy of (frames, n, n) with element [n // 2, n // 2] at [0, 0]: ifftshift, a quarter at a time."""
    moved = np.empty(stack.shape, stack.dtype)
    n = stack.shape[-1]
    halves = ((slice(n // 2, n), slice(0, n - n // 2)), (slice(0, n // 2), slice(n - n // 2, n)))
    for rows, to_rows in halves:
        for columns, to_columns in halves:
            moved[:, to_rows, to_columns] = stack[:, rows, columns]
    return moved


def plan_crop(shape: tuple[int, ...], preprocessing: Preprocessing) -> Crop:
    """Return the crop that the settings ask for.

    Args:
        shape: (rows, columns) of the detector.
        preprocessing: the settings.

    Raises:
        ParameterError: center or size don't fit the detector.
    """
    corner, k = preprocessing.direct_beam == "corner", preprocessing.bin_px
    start, notes = _start(shape, preprocessing, corner)
    n = preprocessing.size_px or _fitting_size(start, shape, k)
    return Crop(n, k, start, Orientation.of(preprocessing), corner, notes)


def pattern_size(shape: tuple[int, ...], preprocessing: Preprocessing) -> int:
    """Return N, the rows and columns that patterns will have, before any frame is read.

    Args:
        shape: (frames, rows, columns) as on the detector.
        preprocessing: the settings.

    Raises:
        ParameterError: center or size don't fit the detector.
    """
    return plan_crop(shape[1:], preprocessing).n


def pattern_center(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, int]:
    """Return row and column of the detector pixel that patterns are cropped about, before any frame is read.

    Args:
        shape: (frames, rows, columns) as on the detector.
        preprocessing: the settings.

    Raises:
        ParameterError: center or size don't fit the detector.
    """
    return plan_crop(shape[1:], preprocessing).center


def joined(pixels: np.ndarray, bin_px: int) -> np.ndarray:
    """Return the sums of bin_px x bin_px pixels (..., rows, columns); bool gives whether any is True."""
    if bin_px == 1:
        return pixels
    parts = (pixels[..., row::bin_px, column::bin_px] for row in range(bin_px) for column in range(bin_px))
    total: np.ndarray = next(parts).copy()
    for part in parts:
        total += part
    return total


def _start(
    shape: tuple[int, ...], preprocessing: Preprocessing, corner: bool
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the first of the pixels that become the pattern's center, and notes about it."""
    wanted, k = preprocessing.center_px, preprocessing.bin_px
    if wanted is None or corner:
        unused = "the pattern center is not used: the frames hold the direct beam at element [0, 0]"
        start = (_middle(shape[0], k), _middle(shape[1], k))
        return start, () if wanted is None else (unused,)
    nearest = (_first(wanted[0], 1), _first(wanted[1], 1))
    if not all(0 <= pixel < size for pixel, size in zip(nearest, shape, strict=True)):
        raise ParameterError(
            f"the pattern center is pixel {nearest}, but the detector has {shape[0]} rows and {shape[1]} columns; "
            "correct the center"
        )
    start = (_first(wanted[0], k), _first(wanted[1], k))
    return start, _rounding(wanted, start, k)


def _first(center: float, k: int) -> int:
    """Return the first of k pixels whose middle is nearest to a center, pixel p reaching from p - 0.5 to p + 0.5."""
    return int(np.floor(center - (k - 1) / 2 + 0.5))


def _middle(size: int, k: int) -> int:
    """Return the first of the k pixels in the middle of a detector axis that is joined from one end to the other."""
    return size % k // 2 + size // k // 2 * k


def _rounding(wanted: tuple[float, float], start: tuple[int, int], k: int) -> tuple[str, ...]:
    middle = (start[0] + (k - 1) / 2, start[1] + (k - 1) / 2)
    asked = f"the pattern center ({wanted[0]:g}, {wanted[1]:g})"
    if middle == wanted:
        return ()
    if k == 1:
        return (f"{asked} is rounded to pixel {start}",)
    return (f"{asked} is rounded to ({middle[0]:g}, {middle[1]:g}), the middle of {k} x {k} pixels",)


def _fitting_size(start: tuple[int, int], shape: tuple[int, ...], k: int) -> int:
    """Return the largest even size about the center that lies on the detector and has a fast FFT."""
    half = min(min(pixel // k, (size - pixel) // k) for pixel, size in zip(start, shape, strict=True))
    if 2 * half < _SMALLEST_PX:
        raise ParameterError(
            f"the pattern center {start} is only {half} pixels from the edge of the {shape[0]} x {shape[1]} detector"
            f"{f', joined {k} x {k}' if k > 1 else ''}; correct the center or give a size, which may reach beyond the "
            "detector"
        )
    return 2 * int(scipy.fft.prev_fast_len(half))
