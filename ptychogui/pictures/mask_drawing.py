"""Drawing a mask of bad pixels: discs, boxes, ellipses, polygons and thresholds, each of which can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

Place: TypeAlias = tuple[float, float]
"""Row and column, 0 at the edge of the first pixel."""

_MOST_STEPS = 100


class MaskDrawing:
    """A mask of a detector, bool (rows, columns), True on bad pixels."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.bad = np.zeros(shape, np.bool_)
        self._before: list[np.ndarray] = []
        self._after: list[np.ndarray] = []

    @property
    def can_undo(self) -> bool:
        """Whether a step can be taken back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can be done again."""
        return bool(self._after)

    def mark(self, pixels: np.ndarray, bad: bool = True, goes_on: bool = False) -> None:
        """Mark pixels, bool (rows, columns), as bad or good; with `goes_on` as a part of the step before."""
        changed = self.bad | pixels if bad else self.bad & ~pixels
        self.replace(changed, goes_on)

    def replace(self, bad: np.ndarray, goes_on: bool = False) -> None:
        """Take another mask of the same shape."""
        if np.array_equal(bad, self.bad):
            return
        if not (goes_on and self._before):
            self._before = [*self._before, np.packbits(self.bad)][-_MOST_STEPS:]
        self._after, self.bad = [], np.asarray(bad, np.bool_)

    def undo(self) -> None:
        """Take the last step back."""
        if self._before:
            self._after.append(np.packbits(self.bad))
            self.bad = self._unpacked(self._before.pop())

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self._after:
            self._before.append(np.packbits(self.bad))
            self.bad = self._unpacked(self._after.pop())

    def _unpacked(self, bits: np.ndarray) -> np.ndarray:
        return np.unpackbits(bits, count=self.bad.size).reshape(self.bad.shape).astype(np.bool_)


def disc(shape: tuple[int, int], center: Place, radius_px: float) -> np.ndarray:
    """Return the pixels whose middle is so near, and at least the one at the center: bool (rows, columns)."""
    inside = ellipse(
        shape, (center[0] - radius_px, center[1] - radius_px), (center[0] + radius_px, center[1] + radius_px)
    )
    row, column = (int(np.floor(part)) for part in center)
    if 0 <= row < shape[0] and 0 <= column < shape[1]:
        inside[row, column] = True
    return inside


def box(shape: tuple[int, int], corner: Place, other: Place) -> np.ndarray:
    """Return the pixels that a box between two corners touches: bool (rows, columns)."""
    inside = np.zeros(shape, np.bool_)
    (top, bottom), (left, right) = (sorted(pair) for pair in zip(corner, other, strict=True))
    rows, columns = (slice(max(int(np.floor(low)), 0), max(int(np.ceil(high)), 0)) for low, high in
                     ((top, bottom), (left, right)))  # fmt: skip
    inside[rows, columns] = True
    return inside


def ellipse(shape: tuple[int, int], corner: Place, other: Place) -> np.ndarray:
    """Return the pixels whose middle is in the ellipse of a box: bool (rows, columns)."""
    terms = []
    for low, high, size in zip(corner, other, shape, strict=True):
        middle, half = (low + high) / 2, max(abs(high - low) / 2, 1e-9)
        terms.append(((np.arange(size) + 0.5 - middle) / half) ** 2)
    return np.asarray(np.add.outer(*terms) <= 1)


def polygon(shape: tuple[int, int], corners: Sequence[Place]) -> np.ndarray:
    """Return the pixels in a polygon and on its edge: bool (rows, columns); fewer than three corners have none."""
    drawn = Image.new("1", (shape[1], shape[0]))
    if len(corners) > 2:
        ImageDraw.Draw(drawn).polygon([(column - 0.5, row - 0.5) for row, column in corners], fill=1, outline=1)
    return np.asarray(drawn, np.bool_)


def at_or_above(counts: np.ndarray, limit: float) -> np.ndarray:
    """Return the pixels with so many counts or more: bool (rows, columns)."""
    return np.asarray(counts >= limit)
