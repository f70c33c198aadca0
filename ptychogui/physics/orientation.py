"""The orientation of detector frames and of scan positions: the one place that turns and mirrors them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ptychogui.params.model import Experiment
from ptychogui.params.preprocessing import Preprocessing

_QUARTER = np.array([[0, -1], [1, 0]])
"""A quarter turn counter-clockwise of (row, column), rows growing downwards."""


@dataclass(frozen=True)
class Orientation:
    """How frames and scan positions are turned; each is one of the square's 8 symmetries.

    Frames: quarter turns counter-clockwise, then flips, then transposition. Positions: mirrors, then the swap of axes.

    Attributes:
        rotate90: quarter turns of every frame.
        flip_rows: whether frames are then turned upside down.
        flip_columns: whether they are mirrored left to right.
        transpose: whether their rows and columns are exchanged at last.
        mirror_rows: whether the sign of the row positions is reversed.
        mirror_columns: whether that of the column positions is.
        swap_axes: whether rows and columns of the positions are exchanged then.
    """

    rotate90: int = 0
    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False
    mirror_rows: bool = False
    mirror_columns: bool = False
    swap_axes: bool = False

    _WORDS: ClassVar[dict[str, str]] = {
        "flip_rows": "rows flipped", "flip_columns": "columns flipped", "transpose": "transposed",
        "mirror_rows": "rows mirrored", "mirror_columns": "columns mirrored", "swap_axes": "axes swapped",
    }  # fmt: skip

    @classmethod
    def of(cls, preprocessing: Preprocessing | None = None, experiment: Experiment | None = None) -> Orientation:
        """Return the orientation that the parameters ask for; what is not given is not turned."""
        detector, scan = preprocessing or Preprocessing(), experiment or Experiment()
        return cls(
            detector.rotate90, detector.flip_rows, detector.flip_columns, detector.transpose,
            scan.mirror_rows, scan.mirror_columns, scan.swap_axes,
        )  # fmt: skip

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

    def place(self, positions_m: np.ndarray) -> np.ndarray:
        """Return positions (..., 2), row and column, mirrored and with axes swapped: float64, a new array."""
        signs = [-1 if self.mirror_rows else 1, -1 if self.mirror_columns else 1]
        return self.swapped(np.asarray(positions_m, dtype=np.float64) * signs)

    def swapped(self, pairs: np.ndarray) -> np.ndarray:
        """Return pairs (..., 2) of the scan's axes in the order of the object's."""
        return pairs[..., ::-1] if self.swap_axes else pairs

    def __str__(self) -> str:
        """Say what is turned: "patterns (turned by 90 degrees, rows flipped), positions (axes swapped)"."""
        turn = [f"turned by {90 * self.rotate90} degrees"] if self.rotate90 else []
        patterns = turn + self._said("flip_rows", "flip_columns", "transpose")
        positions = self._said("mirror_rows", "mirror_columns", "swap_axes")
        named = (("patterns", patterns), ("positions", positions))
        return ", ".join(f"{what} ({', '.join(done)})" for what, done in named if done) or "as in the file"

    def _said(self, *names: str) -> list[str]:
        return [self._WORDS[name] for name in names if getattr(self, name)]

    @property
    def changes_nothing(self) -> bool:
        """Whether frames and positions stay as they are."""
        return self == Orientation()

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
