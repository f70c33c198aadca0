"""Live pictures: what the window shows of an estimate, made on a worker's thread so that no event loop waits for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.pictures.colors import complex8
from ptychogui.pictures.levels import Levels, robust_levels
from ptychogui.pictures.phase import unit_phase_offset
from ptychogui.pictures.thumbnails import shrink

LIVE_PX = 1024
"""Longest side of the object's picture while a job runs."""
FINAL_PX = 2048
"""Longest side of the object's picture when the job is done."""

_MODE_PX = 256
_SAMPLES = 50_000
_FLAT = 0.05
"""Smallest range of the levels: a first guess without contrast is one even color."""


@dataclass(frozen=True)
class LivePicture:
    """An estimate made ready for the screen.

    Attributes:
        phase: float32 (rows, columns), rad, with the mean phase of the scanned region taken out.
        magnitude: float32 (rows, columns).
        pixel_m: size of a pixel of both.
        scanned_m: top, left, bottom, right of the region that holds the scan positions, from the top left corner.
        phase_levels, magnitude_levels: range of all but the outermost values in the scanned region.
        modes: uint8 RGB (modes, n, n, 3), the probe on the color wheel.
        mode_pixel_m: size of a pixel of the modes.
        powers: share of each mode in the probe's power.
    """

    phase: np.ndarray
    magnitude: np.ndarray
    pixel_m: float
    scanned_m: tuple[float, float, float, float]
    phase_levels: Levels
    magnitude_levels: Levels
    modes: np.ndarray
    mode_pixel_m: float
    powers: tuple[float, ...]


def make_picture(field: np.ndarray, probe: np.ndarray, object_pixel_m: float, limit_px: int = LIVE_PX) -> LivePicture:
    """Make an estimate ready for the screen.

    Args:
        field: the object, complex64 (rows, columns).
        probe: complex64 (modes, N, N).
        object_pixel_m: size of a pixel of both.
        limit_px: longest side of the object's picture; a larger object is averaged down.
    """
    block = -(-max(field.shape) // limit_px)
    field = shrink(field, limit_px)
    rows, columns = scanned_region(field.shape, probe.shape[-1] // block)
    seen = _ellipse(rows, columns, field.shape)
    field = unit_phase_offset(field, seen).astype(np.complex64)
    phase, magnitude = np.angle(field), np.abs(field)
    modes = [shrink(mode, _MODE_PX) for mode in probe]
    powers = [float(np.vdot(mode, mode).real) for mode in probe]
    pixel_m = object_pixel_m * block
    return LivePicture(
        phase=phase,
        magnitude=magnitude,
        pixel_m=pixel_m,
        scanned_m=(rows.start * pixel_m, columns.start * pixel_m, rows.stop * pixel_m, columns.stop * pixel_m),
        phase_levels=_levels(phase[seen]),
        magnitude_levels=_levels(magnitude[seen]),
        modes=np.stack([complex8(mode) for mode in modes]),
        mode_pixel_m=object_pixel_m * -(-probe.shape[-1] // _MODE_PX),
        powers=tuple(power / (sum(powers) or 1) for power in powers),
    )


def scanned_region(object_shape: tuple[int, ...], window_px: int) -> tuple[slice, slice]:
    """Return the rows and columns between the outermost scan positions, at least one pixel of each.

    Follows from how `place_windows` lays an object around its windows: half a window on every side.
    """
    edges = [min(window_px // 2, (side - 1) // 2) for side in object_shape]
    rows, columns = (slice(edge, side - edge) for edge, side in zip(edges, object_shape, strict=True))
    return rows, columns


def _ellipse(rows: slice, columns: slice, shape: tuple[int, ...]) -> np.ndarray:
    """Return bool (rows, columns), True in the ellipse that fills a region: a round scan does not reach its corners."""
    row, column = (
        (2 * np.arange(side) + 1 - cut.start - cut.stop) / (cut.stop - cut.start)
        for side, cut in zip(shape, (rows, columns), strict=True)
    )
    return np.asarray(np.add.outer(row**2, column**2) <= 1)


def _levels(values: np.ndarray) -> Levels:
    """Return levels as fast as the screen wants them: from a part of the values where there are many."""
    return robust_levels(values[:: max(1, values.size // _SAMPLES)], least_range=_FLAT)
