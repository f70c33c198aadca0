"""The check that energy, distance and detector pixel give a possible object pixel, and what sets the object's size."""

from __future__ import annotations

import numpy as np

from ptychogui.errors import ParameterError
from ptychogui.params.model import Experiment

_SMALLEST_PIXEL_M, _LARGEST_PIXEL_M = 1e-13, 0.1
"""Object pixels beyond these are a mistake."""


def check_pixel(experiment: Experiment, pixel_m: float) -> None:
    """Refuse an object pixel that nobody has ever seen a sample with.

    Raises:
        ParameterError: it is as small as a nucleus, or as large as a hand.
    """
    if not _SMALLEST_PIXEL_M < pixel_m < _LARGEST_PIXEL_M:
        raise ParameterError(
            f"{_values(experiment)} give an object pixel of {pixel_m:.3g} m, which can't be: check them and their units"
        )


def scale_text(experiment: Experiment, pixel_m: float, positions_m: np.ndarray) -> str:
    """Say what sets the size of the object.

    Args:
        experiment: with energy, distance and detector pixel.
        pixel_m: object pixel.
        positions_m: float (positions, 2).
    """
    with np.errstate(over="ignore"):
        rows_m, columns_m = np.ptp(positions_m, axis=0) if len(positions_m) else (0.0, 0.0)
    pixel = f"{_values(experiment)} give an object pixel of {pixel_m:.3g} m"
    return f"{pixel}; the positions reach over {rows_m:.3g} m x {columns_m:.3g} m"


def _values(experiment: Experiment) -> str:
    return (
        f"an energy of {experiment.energy_eV:g} eV, a distance of {experiment.distance_m:g} m and a detector pixel of "
        f"{experiment.detector_pixel_m:g} m"
    )
