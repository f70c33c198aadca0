"""The orientation of detector frames: the one place that turns and mirrors them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.params.model import Preprocessing


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
