"""What the twins of several kernels share: a position's window, slopes, squared moduli, the steps of LSQML."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Window: TypeAlias = tuple[slice, slice]
"""Rows and columns of the object that a position sees."""

TINY = np.float32(1e-30)
"""Keeps a division by what may be 0 finite."""


def windows(corners: np.ndarray, order: np.ndarray, start: int, count: int, n: int) -> list[Window]:
    """Return the window of each slot's position as slices of the object."""
    chosen = corners[order[start : start + count]]
    return [(slice(row, row + n), slice(column, column + n)) for row, column in chosen.tolist()]


def chunks(n: int, count: int) -> list[slice]:
    """Return the rows of each chunk of a window of n rows."""
    return [slice(n * k // count, n * (k + 1) // count) for k in range(count)]


def object_slopes(object: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:  # noqa: A002
    """Return how the object changes a pixel down and a pixel across its window: complex64 (N, N) each."""
    rows, columns = window
    wide = object[rows.start - 1 : rows.stop + 1, columns.start - 1 : columns.stop + 1]
    return (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2, (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2


def norm(array: np.ndarray) -> np.ndarray:
    """Return squared moduli."""
    return np.asarray(array.real**2 + array.imag**2)


def real_steps(pulls: np.ndarray, lengths: np.ndarray, cross: np.floating, both: bool) -> np.ndarray:
    """Solve two real normal equations for the steps of object and probe, none below 0.

    Each is solved for itself where the two depend on each other, or where not `both` steps are wanted.

    Args:
        pulls: float (2,), right-hand sides.
        lengths: float (2,), the diagonal.
        cross: the element beside it.
        both: whether both steps will be taken.
    """
    free = lengths[0] * lengths[1]
    determinant = free - cross**2
    if determinant > 1e-6 * free and both:
        return np.asarray(np.maximum((lengths[::-1] * pulls - cross * pulls[::-1]) / determinant, 0))
    return np.asarray(np.where(lengths > 0, np.maximum(pulls, 0) / np.where(lengths > 0, lengths, 1), 0))
