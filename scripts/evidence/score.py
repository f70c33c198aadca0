"""How like the truth a reconstruction is, and how like each other two reconstructions are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ptychogui.io.result import Result
from ptychogui.physics.metrics import RingCorrelation, align, frc

_LIT = 0.1
"""Part of the strongest illumination from which on a pixel of the object counts."""


@dataclass(frozen=True)
class Likeness:
    """What is left between two objects without scale, ramp and shift: relative error, and ring correlation.

    `estimate` is the other object, complex (rows, columns) of the reference.
    """

    error: float
    ring: RingCorrelation
    estimate: np.ndarray = field(repr=False)


class Reference:
    """An object that others are compared with, on the area that its own scan lit well."""

    def __init__(self, result: Result) -> None:
        assert result.object_origin_m is not None, "a truth or a result of this program says where its object lies"
        self._object, self._pixel_m = result.object, result.object_pixel_m
        self._origin_px = np.array(result.object_origin_m) / self._pixel_m
        self.lit = self._illumination(result) > 0
        self.square = _largest_square(self.lit)

    def compare(self, other: np.ndarray, origin_m: tuple[float, float]) -> Likeness:
        """Align another object onto this one.

        Args:
            other: complex (rows, columns), pixels of the same size.
            origin_m: row and column of its element [0, 0].
        """
        offset = np.rint(np.array(origin_m) / self._pixel_m - self._origin_px).astype(int)
        aligned = align(_laid(other, offset, self._object.shape), self._object, self.lit)
        return Likeness(aligned.error, frc(aligned.estimate[self.square], self._object[self.square]), aligned.estimate)

    def _illumination(self, result: Result) -> np.ndarray:
        """Return sum |probe|^2 over modes and positions, 0 where it is below a tenth of its largest value."""
        power = np.sum(np.abs(result.probe) ** 2, axis=0)
        corners = np.rint(result.positions_m / self._pixel_m - self._origin_px).astype(int) - len(power) // 2
        light = np.zeros(self._object.shape)
        for row, column in corners:
            light[row : row + len(power), column : column + len(power)] += power
        return np.where(light > _LIT * light.max(), light, 0)


def position_errors_px(found: Result, truth: Result) -> np.ndarray:
    """Return how far each position is from the true one, in pixels, after taking off the mean shift."""
    off = (found.positions_m - truth.positions_m) / truth.object_pixel_m
    return np.asarray(np.hypot(*(off - off.mean(axis=0)).T))


def _laid(image: np.ndarray, offset: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Cut and pad an image to another frame, whose element [0, 0] is the image's [-offset]."""
    laid = np.full(shape, image.mean(), np.complex128)
    spans = [_shared(int(shift), old, new) for shift, old, new in zip(offset, image.shape, shape, strict=True)]
    laid[spans[0][1], spans[1][1]] = image[spans[0][0], spans[1][0]]
    return laid


def _shared(shift: int, old: int, new: int) -> tuple[slice, slice]:
    start, stop = max(shift, 0), min(shift + old, new)
    return slice(start - shift, stop - shift), slice(start, stop)


def _largest_square(lit: np.ndarray) -> tuple[slice, slice]:
    """Return the largest square about the lit area's center that is lit all over."""
    row, column = np.argwhere(lit).mean(axis=0).astype(int)
    half = next(size for size in range(1, max(lit.shape)) if not _square(lit, row, column, size + 1).all())
    return np.s_[row - half : row + half, column - half : column + half]


def _square(lit: np.ndarray, row: int, column: int, half: int) -> np.ndarray:
    return np.pad(lit, half)[row : row + 2 * half, column : column + 2 * half]
