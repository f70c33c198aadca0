"""Where the direct beam is on a detector, which square is cut out about it, and what a pixel tells of the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters
from ptychogui.physics.crop import plan_crop
from ptychogui.physics.optics import wavelength_m


@dataclass(frozen=True)
class PatternGeometry:
    """Of frames as the detector gives them.

    Attributes:
        center_px: row and column of the direct beam, 0 at the middle of the first pixel.
        is_given: whether somebody said where it is; else it is taken to be the array's center.
        side_px: of the square that is cut out, in detector pixels.
        bin_px: detector pixels that become one of a pattern.
        frequency_per_px: spatial frequency of the sample, in 1/m, that is a detector pixel from the beam; NaN where
            energy, distance or pixel is not known.
    """

    center_px: tuple[float, float]
    is_given: bool
    side_px: int
    bin_px: int
    frequency_per_px: float

    def frequency(self, row: float, column: float) -> float:
        """Return the spatial frequency, in 1/m, at a place of the detector, 0 at the middle of the first pixel."""
        return math.hypot(row - self.center_px[0], column - self.center_px[1]) * self.frequency_per_px


def pattern_geometry(parameters: Parameters, shape: tuple[int, ...]) -> PatternGeometry | None:
    """Return what the values say of frames (rows, columns); None where they don't fit, or the beam is at a corner."""
    given, experiment = parameters.preprocessing, parameters.experiment
    if given.direct_beam == "corner":
        return None
    try:
        crop = plan_crop(shape, given)
    except ParameterError:
        return None
    center_px = given.center_px or (float(shape[0] // 2), float(shape[1] // 2))
    try:
        per_px = (experiment.detector_pixel_m or math.nan) / (
            wavelength_m(experiment.energy_eV) * (experiment.distance_m or math.nan)
        )
    except ParameterError:
        per_px = math.nan
    return PatternGeometry(center_px, given.center_px is not None, crop.n * crop.bin_px, crop.bin_px, per_px)
