"""A picture in several sizes, each half as large as the one before, so that a screen gets no more than it can show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ptychogui.pictures.thumbnails import shrink

Box: TypeAlias = tuple[float, float, float, float]
"""Top, left, bottom and right, in pixels of the largest size."""

_SMALLEST_PX = 256
"""A size whose longer side is no more than this is not halved again."""


@dataclass(frozen=True)
class Pyramid:
    """A picture in several sizes.

    Attributes:
        sizes: (rows, columns) each, the largest first.
    """

    sizes: tuple[np.ndarray, ...]

    @property
    def whole(self) -> np.ndarray:
        """The picture in its largest size, (rows, columns)."""
        return self.sizes[0]

    def part(self, box: Box, screen_px: tuple[float, float]) -> tuple[np.ndarray, Box]:
        """Return what a screen shows of a region, in about its own density, and the region's exact edges.

        Args:
            box: the region; what lies outside of the picture is left out.
            screen_px: rows and columns that the region takes on the screen.
        """
        density = min((box[2] - box[0]) / max(screen_px[0], 1), (box[3] - box[1]) / max(screen_px[1], 1))
        wanted = round(math.log2(density)) if density > 1 else 0
        level = min(wanted, len(self.sizes) - 1)
        image, step = self.sizes[level], 2**level
        top, bottom = _cut(box[0] / step, box[2] / step, image.shape[0])
        left, right = _cut(box[1] / step, box[3] / step, image.shape[1])
        return image[top:bottom, left:right], (top * step, left * step, bottom * step, right * step)


def pyramid(image: np.ndarray) -> Pyramid:
    """Make all sizes of a picture (rows, columns)."""
    return Pyramid(tuple(halvings(image)))


def halvings(image: np.ndarray) -> list[np.ndarray]:
    """Return an image and its halves, by the means of 2 x 2 pixels; an odd row or column at the end is left out."""
    sizes = [image]
    while max(sizes[-1].shape) > _SMALLEST_PX and min(sizes[-1].shape) > 1:
        sizes.append(_halved(sizes[-1]))
    return sizes


def reduced(image: np.ndarray, longest_px: int) -> np.ndarray:
    """Do what `thumbnails.shrink` does, faster where blocks can be halved."""
    block = -(-max(image.shape) // longest_px)
    while block > 1 and block % 2 == 0:
        image, block = _halved(image), block // 2
    return shrink(image, -(-max(image.shape) // block)) if block > 1 else image


def _halved(image: np.ndarray) -> np.ndarray:
    rows, columns = (size // 2 * 2 for size in image.shape)
    even, odd = image[0:rows:2, :columns], image[1:rows:2, :columns]
    added = even + odd
    return np.asarray((added[:, 0::2] + added[:, 1::2]) * np.float32(0.25), dtype=image.dtype)


def _cut(low: float, high: float, size: int) -> tuple[int, int]:
    """Return the whole pixels that cover a range, at least one."""
    start = min(max(math.floor(low), 0), size - 1)
    return start, min(max(math.ceil(high), start + 1), size)
