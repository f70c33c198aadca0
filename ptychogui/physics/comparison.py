"""Comparison of two reconstructions: laid over each other, aligned, and correlated ring by ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.errors import DataError
from ptychogui.physics.metrics import Aligned, RingCorrelation, align, frc

_SAME_PIXEL = 1e-3
"""Pixels that differ by less, relatively, are of one size: over a picture of 1000 pixels that is one pixel."""
LEAST_PX = 16
"""Sides of the smallest area that is compared."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One of two reconstructions.

    Attributes:
        field: complex (rows, columns).
        pixel_m: size of its pixel; 0 if not known.
        weight: bool (rows, columns), where it is to be compared.
        origin_m: row and column of element [0, 0] on the axes of the scan; None if not known.
    """

    field: np.ndarray
    pixel_m: float
    weight: np.ndarray
    origin_m: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two reconstructions, compared on the area that both have.

    Attributes:
        first: complex128 (rows, columns), the common area of the first one.
        second: complex128 (rows, columns), that of the second one, aligned onto it.
        weight: bool (rows, columns), where they were compared.
        pixel_m: size of a pixel of both; 0 if not known.
        error: relative root mean square of their difference.
        shift_px: by what the second one was shifted, towards higher rows and columns.
        ramp_rad: phase per pixel, of rows and columns, that was taken off.
        rings: Fourier ring correlation of the compared area.
        notes: what was done to compare them.
    """

    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray
    pixel_m: float
    error: float
    shift_px: tuple[float, float]
    ramp_rad: tuple[float, float]
    rings: RingCorrelation
    notes: tuple[str, ...] = ()

    @property
    def resolution_m(self) -> float | None:
        """Half period at the half-bit threshold; None where the size of a pixel is not known."""
        return self.rings.resolution_px * self.pixel_m or None

    @property
    def one_bit_resolution_m(self) -> float | None:
        """Half period at the one-bit threshold; None where the size of a pixel is not known."""
        return self.rings.one_bit_resolution_px * self.pixel_m or None


def compare(first: Picture, second: Picture) -> Comparison:
    """Lay one reconstruction over another, take off what no measurement tells, and compare them.

    They are laid by where they lie on the scan, or by their middles; where their pixels differ in size, the picture
    with the smaller ones gets the larger ones. The second one is aligned to a part of a pixel.

    Raises:
        DataError: they have no area in common that is large enough.
    """
    pixel_m = max(first.pixel_m, second.pixel_m)
    resampled = [_with_pixel(picture, pixel_m) for picture in (first, second)]
    one, other = resampled
    areas = _common(one, other)
    (field, weight), (estimate, more) = (
        (picture.field[area], picture.weight[area]) for picture, area in zip(resampled, areas, strict=True)
    )
    both = weight & more
    rows, columns = _box(both)
    found: Aligned = align(estimate, field, both)
    rings = frc(np.asarray(field[rows, columns], np.complex128), found.estimate[rows, columns])
    changed = one is not first or other is not second
    return Comparison(
        first=np.asarray(field, np.complex128), second=found.estimate, weight=both, pixel_m=pixel_m, error=found.error,
        shift_px=found.shift_px, ramp_rad=found.ramp_rad, rings=rings,
        notes=("the one with the smaller pixels was brought to the larger ones, by cubic splines",) * changed,
    )  # fmt: skip


def _with_pixel(picture: Picture, pixel_m: float) -> Picture:
    """Return a picture with pixels of another size, about the same element [0, 0]."""
    ratio = pixel_m / picture.pixel_m if picture.pixel_m else 1.0
    if abs(ratio - 1) < _SAME_PIXEL:
        return picture
    shape = tuple(int((size - 1) / ratio) + 1 for size in picture.field.shape)
    parts = [
        scipy.ndimage.affine_transform(part, [ratio, ratio], output_shape=shape, mode="nearest")
        for part in (picture.field.real, picture.field.imag)
    ]
    weight = scipy.ndimage.affine_transform(
        picture.weight.astype(np.float32), [ratio, ratio], output_shape=shape, order=0
    )
    return Picture(field=parts[0] + 1j * parts[1], pixel_m=pixel_m, weight=weight > 0, origin_m=picture.origin_m)


def _common(one: Picture, other: Picture) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return rows and columns of the area that both have, in each of them."""
    shapes = np.array([one.field.shape, other.field.shape])
    if one.origin_m is not None and other.origin_m is not None and one.pixel_m:
        offset = np.rint((np.array(other.origin_m) - one.origin_m) / one.pixel_m).astype(int)
    else:
        offset = (shapes[0] - shapes[1]) // 2
    low, high = np.maximum(offset, 0), np.minimum(shapes[0], offset + shapes[1])
    if (high - low < LEAST_PX).any():
        raise DataError(f"the two objects have less than {LEAST_PX} x {LEAST_PX} pixels in common")
    (row, column), (row_end, column_end) = low.tolist(), high.tolist()
    (down, right) = offset.tolist()
    return (
        (slice(row, row_end), slice(column, column_end)),
        (slice(row - down, row_end - down), slice(column - right, column_end - right)),
    )


def _box(weight: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of the smallest rectangle that holds a compared area."""
    spans = [np.flatnonzero(weight.any(axis=axis)) for axis in (1, 0)]
    if not all(len(span) and span[-1] - span[0] >= LEAST_PX - 1 for span in spans):
        raise DataError(f"the scanned areas of the two have less than {LEAST_PX} x {LEAST_PX} pixels in common")
    rows, columns = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return rows, columns
