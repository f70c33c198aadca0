"""Cases of orientation that a scan can be in, and which of them nobody can tell apart.

A case turns or mirrors the frames by D and the scan positions by S, each one of the square's 8 symmetries. One that is
wrong fits as well as the right one in just two ways, and in what follows from them:

- **Together.** Frames and positions turned by the same G are the same measurement of a sample turned by G. So only
  T = S^-1 D tells: 8 kinds, not 64. Of the 16 cases here (8 turns of the frames, columns of the scan mirrored or not)
  each has a partner that gives the object's **mirror image**. No measurement tells them apart: one has to know which
  way the stage or the detector faces.
- **Conjugates.** |FFT(P O)|^2 at -x is that of conj(P O). So frames turned by 180 degrees are fitted by the conjugate
  object and the conjugate beam, phases having the other sign. Patterns alone do not tell. What does: matter lowers
  phase and modulus together (physics.gradients.matter_correlation), or a beam that is known beforehand.

So there are **four classes**, T up to its sign: as it is, a quarter turn, mirrored, transposed. Two things tell them:

- The **fit** of a few neighbors' patterns.
- The **curl**. The patterns' centers of mass over the scan are a gradient, whose slopes are a symmetric matrix H. A
  class turns it into T H, which has no curl for T = 1, the Laplacian for a quarter turn, and 2 H_rc and H_rr - H_cc
  for the other two. Conjugates change the sign of it all and have the same curl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ptychogui.params.model import Experiment, Parameters, by_path
from ptychogui.physics.orientation import Orientation

_TURNS = ([[1, 0], [0, 1]], [[0, -1], [1, 0]], [[1, 0], [0, -1]], [[0, 1], [1, 0]])
CLASSES = tuple(np.array(turn) for turn in _TURNS)
"""What can be told apart by patterns: the square's symmetries but for their sign."""

_SPELT = (
    *(Orientation(rotate90=turns) for turns in range(4)),
    Orientation(flip_rows=True),
    Orientation(flip_columns=True),
    Orientation(transpose=True),
    Orientation(rotate90=2, transpose=True),
)
"""The square's 8 symmetries in the fewest operations."""


@dataclass(frozen=True)
class Case:
    """One way to read a scan.

    Attributes:
        orientation: of the frames.
        mirror_columns: of the scan.
        turn: int (2, 2), T: how the frames of the job would have to be turned, its positions staying as they are.
        misfit: error in photon-noise units; NaN before anything was fitted.
        curl: of the centers of mass, as a part of that of the worst class.
        current: whether the job has it so.
    """

    orientation: Orientation
    mirror_columns: bool
    turn: np.ndarray = field(compare=False)
    misfit: float = np.nan
    curl: float = np.nan
    current: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Its class, and 1 or -1, the sign of its turn."""
        signed = ((number, sign) for number in range(len(CLASSES)) for sign in (1, -1))
        return next(place for place in signed if (self.turn == place[1] * CLASSES[place[0]]).all())

    @property
    def values(self) -> dict[str, Any]:
        """Return its parameters, path -> value."""
        given = self.orientation
        return {
            "preprocessing.rotate90": given.rotate90,
            "preprocessing.flip_rows": given.flip_rows,
            "preprocessing.flip_columns": given.flip_columns,
            "preprocessing.transpose": given.transpose,
            "experiment.mirror_columns": self.mirror_columns,
        }

    @property
    def options(self) -> str:
        """Return what to type for it, "" for frames and scan as they come."""
        return options_text({path: value for path, value in self.values.items() if value})

    @property
    def changes(self) -> int:
        """Number of operations that it takes."""
        return sum(bool(value) for value in self.values.values())


def all_cases(parameters: Parameters, positions_are_final: bool = False) -> tuple[Case, ...]:
    """Return the 16 cases, the job's own among them as it is spelt there.

    Args:
        parameters: of the job.
        positions_are_final: whether its scan settings have no effect, as on positions of a result: 8 cases then.
    """
    own = Orientation.of(parameters.preprocessing)
    mirrors = (parameters.experiment.mirror_columns,) if positions_are_final else (False, True)
    frames = [own if (given.matrix == own.matrix).all() else given for given in _SPELT]
    return tuple(_case(parameters, given, mirror) for mirror in mirrors for given in frames)


def options_text(values: Mapping[str, Any]) -> str:
    """Write parameters as command-line options."""
    return " ".join(_option_text(path, value) for path, value in values.items())


def _case(parameters: Parameters, given: Orientation, mirror_columns: bool) -> Case:
    """Turn the frames from the job's orientation to this one, and undo what the scan is turned by besides."""
    own, experiment = Orientation.of(parameters.preprocessing), parameters.experiment
    frames = given.matrix @ own.matrix.T
    scan = _scan_matrix(experiment, mirror_columns) @ _scan_matrix(experiment, experiment.mirror_columns).T
    current = given == own and mirror_columns == experiment.mirror_columns
    return Case(given, mirror_columns, scan.T @ frames, current=current)


def _scan_matrix(experiment: Experiment, mirror_columns: bool) -> np.ndarray:
    signs = np.diag([-1 if experiment.mirror_rows else 1, -1 if mirror_columns else 1])
    return signs[::-1] if experiment.swap_axes else signs


def _option_text(path: str, value: Any) -> str:
    option = by_path()[path].option
    if isinstance(value, bool):
        return option if value else option.replace("--", "--no-", 1)
    return f"{option} {value}"
