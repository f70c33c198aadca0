"""A map of values at scan positions: an image of them, whatever the pattern of the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

_PER_STEP = 3
"""Pixels between neighboring positions."""

_REACH = 0.9
"""How far a position's value reaches, in mean distances: to the next line even where lines are as far as 3 steps."""


@dataclass(frozen=True)
class PositionMap:
    """An image of what was measured at scan positions.

    Attributes:
        image: float32 (rows, columns), the value of the nearest position; NaN where none is near.
        pixel_m: size of a pixel.
        corner_m: row and column of the image's top left corner, in the positions' coordinates.
    """

    image: np.ndarray
    pixel_m: float
    corner_m: tuple[float, float]


def map_positions(positions_m: np.ndarray, values: np.ndarray, limit_px: int = 512) -> PositionMap:
    """Draw the value of each scan position around it.

    Args:
        positions_m: float (positions, 2), row and column; at least one.
        values: float (positions,).
        limit_px: longest side of the image.
    """
    low, high = positions_m.min(axis=0), positions_m.max(axis=0)
    step_m = _mean_distance(high - low, len(positions_m))
    pixel_m = max(step_m / _PER_STEP, float((high - low + step_m).max()) / limit_px)
    shape = np.ceil((high - low + step_m) / pixel_m - 1e-9).astype(int)
    corner_m = (low + high) / 2 - shape * pixel_m / 2
    rows, columns = (corner_m[axis] + (np.arange(shape[axis]) + 0.5) * pixel_m for axis in (0, 1))
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    distance_m, nearest = scipy.spatial.cKDTree(positions_m).query(places)
    image = np.where(distance_m <= _REACH * step_m, np.asarray(values, np.float32)[nearest], np.float32(np.nan))
    return PositionMap(image, pixel_m, (float(corner_m[0]), float(corner_m[1])))


def _mean_distance(extent_m: np.ndarray, count: int) -> float:
    """Return the distance of neighbors if positions were spread evenly over an extent."""
    steps = max(count - 1, 1)
    along_a_line = float(extent_m.max()) / steps
    side_m = float(np.sqrt(extent_m.prod() / steps))
    return max(along_a_line, side_m) or 1e-9
