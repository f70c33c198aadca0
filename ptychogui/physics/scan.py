"""Scan positions: patterns, transforms, and where each window lies in the object array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.errors import DataError


@dataclass(frozen=True)
class ScanGeometry:
    """Where the N x N window of each scan position lies in the object array.

    Attributes:
        corners: int32 (positions, 2), row and column of the window's first element.
        fractions: float64 (positions, 2), sub-pixel rest in [-0.5, 0.5): the probe of a position is the probe
            shifted by this much towards higher rows and columns.
        object_shape: rows and columns of the object array; every window lies inside.
        window_px: N.
        origin_px: row and column, in pixels of the scan's own axes, of the object array's element [0, 0] such
            that position_px = origin_px + corner + fraction + N // 2.
    """

    corners: np.ndarray
    fractions: np.ndarray
    object_shape: tuple[int, int]
    window_px: int
    origin_px: tuple[float, float]

    @property
    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): window centers on the scan's own axes, in object pixels."""
        return self.corners + self.fractions + self.window_px // 2 + np.asarray(self.origin_px)


def place_windows(positions_px: np.ndarray, window_px: int, margin_px: int = 2) -> ScanGeometry:
    """Lay an object array around the windows of all scan positions.

    Args:
        positions_px: float (positions, 2), row and column of the window centers in object pixels, any origin.
        window_px: N, rows and columns of a window.
        margin_px: spare pixels around the outermost windows.

    Raises:
        DataError: a position is not finite, or there is none.
    """
    positions_px = np.asarray(positions_px, dtype=np.float64)
    if positions_px.ndim != 2 or positions_px.shape[1] != 2 or not len(positions_px):
        raise DataError(f"scan positions must be a list of (row, column) pairs, not an array of shape {positions_px.shape}")
    broken = np.flatnonzero(~np.isfinite(positions_px).all(axis=1))
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(positions_px)} scan positions are not numbers, the first is position {broken[0]}: "
            f"{tuple(positions_px[broken[0]])}; repair the positions or give a position list"
        )
    origin = np.floor(positions_px.min(axis=0)) - margin_px
    relative = positions_px - origin
    corners = np.floor(relative + 0.5)
    shape = corners.max(axis=0).astype(int) + window_px + margin_px
    return ScanGeometry(
        corners=corners.astype(np.int32),
        fractions=relative - corners,
        object_shape=(int(shape[0]), int(shape[1])),
        window_px=window_px,
        origin_px=(float(origin[0] - window_px // 2), float(origin[1] - window_px // 2)),
    )
