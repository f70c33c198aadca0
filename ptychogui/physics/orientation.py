"""The orientation of detector frames: the one place that turns and mirrors them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.params.model import Preprocessing

_QUARTER = np.array([[0, -1], [1, 0]])
"""A quarter turn counter-clockwise of (row, column), rows growing downwards."""


@dataclass(frozen=True)
class Orientation:
    """Quarter turns counter-clockwise, then flips, then transposition; together one of the square's 8 symmetries."""

    rotate90: int = 0
    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Orientation:
        """Return the orientation that the parameters ask for."""
        return cls(preprocessing.rotate90, preprocessing.flip_rows, preprocessing.flip_columns, preprocessing.transpose)

    @property
    def matrix(self) -> np.ndarray:
        """Where a step (row, column) from the beam's pixel goes: int (2, 2), orthogonal."""
        turned = np.linalg.matrix_power(_QUARTER, self.rotate90)
        flipped = np.diag([-1 if self.flip_rows else 1, -1 if self.flip_columns else 1]) @ turned
        return np.asarray(flipped[::-1] if self.transpose else flipped)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Return a view of frames or a mask (..., N, N) with the last two axes oriented."""
        turned = np.rot90(frames, self.rotate90, axes=(-2, -1))
        turned = turned[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return turned.swapaxes(-2, -1) if self.transpose else turned

    def center_before(self, n: int) -> tuple[int, int]:
        """Return row and column of the pixel of an n x n frame that `apply` moves to [n // 2, n // 2]; n is even.

        A flip exchanges pixels n // 2 - 1 and n // 2, so the direct beam must start on one of the four in the middle.
        """
        middle = self.apply(np.arange(4).reshape(2, 2))[1, 1]
        return n // 2 - 1 + int(middle) // 2, n // 2 - 1 + int(middle) % 2


def turn_beam(probe: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn or mirror a probe about its center: complex (modes, N, N), what was at x from the center is at `matrix` x.

    Args:
        probe: complex (modes, N, N), centered at [N // 2, N // 2]; taken to go on periodically, so nothing is lost.
        matrix: int (2, 2), one of the square's 8 symmetries.
    """
    n = probe.shape[-1]
    from_center = np.indices((n, n)).reshape(2, -1) - n // 2
    row, column = (matrix.T @ from_center + n // 2) % n
    return np.asarray(probe[:, row, column].reshape(probe.shape))
