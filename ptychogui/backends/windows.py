"""What the numpy twins of several kernels share."""

from __future__ import annotations

import numpy as np


def windows(corners: np.ndarray, order: np.ndarray, start: int, count: int, n: int) -> list[tuple[slice, slice]]:
    """Return the window of each slot's position as slices of the object."""
    chosen = corners[order[start : start + count]]
    return [(slice(row, row + n), slice(column, column + n)) for row, column in chosen.tolist()]


def norm(array: np.ndarray) -> np.ndarray:
    """Return squared moduli."""
    return np.asarray(array.real**2 + array.imag**2)
