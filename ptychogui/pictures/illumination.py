"""Illumination: where on the object light fell, from the positions of the beam; what got none has no meaning."""

from __future__ import annotations

import numpy as np
import scipy

from ptychogui.pictures.thumbnails import shrink

_LONGEST_PX = 512
"""Of the map of light; it is smooth."""
_FULL = 0.15
"""Part of the usual light from which on a pixel is shown as it is."""
_NONE = 0.003
"""Part of it up to which it is not shown at all."""
_EVENLY = 256
"""Rows and columns of positions where none are known."""


def illumination(shape: tuple[int, int], probe: np.ndarray, centers_px: np.ndarray) -> np.ndarray:
    """Return the light on the pixels of an object, as a part of what is usual at the positions: float32 (R, C).

    It has at most 512 rows and columns, so several pixels of a large object share one; above the usual it is 1.

    Args:
        shape: rows and columns of the object.
        probe: complex64 (modes, N, N) on the object's pixels.
        centers_px: float (positions, 2), row and column of the probe's center in the object.
    """
    block = max(1, -(-max(shape) // _LONGEST_PX))
    rows, columns = (max(size // block, 1) for size in shape)
    power = np.asarray(np.sum(np.abs(probe) ** 2, axis=0, dtype=np.float32))
    spot = shrink(power, max(1, probe.shape[-1] // block))
    cells = np.clip(np.asarray(centers_px) // block, 0, (rows - 1, columns - 1)).astype(int)
    visits = np.zeros((rows, columns), np.float32)
    np.add.at(visits, (cells[:, 0], cells[:, 1]), 1)
    light = scipy.signal.fftconvolve(visits, spot, mode="full")
    half = spot.shape[0] // 2
    light = light[half : half + rows, half : half + columns]
    usual = float(np.percentile(light[cells[:, 0], cells[:, 1]], 90)) if len(cells) else 0.0
    if not usual > 0:
        return np.ones((rows, columns), np.float32)
    return np.asarray(np.clip(light / usual, 0, 1), np.float32)


def stretched(light: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a map of light on an object's pixels, each with the value of the nearest."""
    rows, columns = (np.minimum(np.arange(size) * have // size, have - 1)
                     for size, have in zip(shape, light.shape, strict=True))  # fmt: skip
    return np.asarray(light[np.ix_(rows, columns)])


def opacity(light: np.ndarray) -> np.ndarray:
    """Return how clearly pixels are shown that have so much of the usual light: float32 of the same shape, 0 to 1."""
    return np.asarray(np.clip((light - _NONE) / (_FULL - _NONE), 0, 1), np.float32)


def even_centers(rows: slice, columns: slice) -> np.ndarray:
    """Return positions (n, 2) spread evenly over a region, where those of the beam are not known."""
    row, column = (np.linspace(cut.start, max(cut.stop - 1, cut.start), _EVENLY) for cut in (rows, columns))
    return np.stack(np.meshgrid(row, column, indexing="ij"), axis=-1).reshape(-1, 2)
