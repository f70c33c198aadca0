"""A scan on the device: the arrays that every engine keeps of it, and whether its positions are sub-pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Problem
from ptychogui.engines.device_patterns import DevicePatterns
from ptychogui.engines.resident_patterns import bring_patterns
from ptychogui.params.model import Reconstruction
from ptychogui.physics.probe import phase_ramps

_NEGLIGIBLE_PX = 1e-4
"""Sub-pixel rests below this are rounding errors of positions on whole pixels."""


@dataclass(frozen=True)
class ScanArrays:
    """The arrays of a scan that all workers share; shapes and dtypes as in kernels/*.cu.

    Attributes:
        patterns: what was measured.
        corners: first row and column of each position's window in the object.
        order: in which an iteration visits the positions.
        object: the estimate, which the engine changes.
        misfit, expected: for the error, see engines.error_log; a number for each row of each pattern.
        ramps: what shifts the probe to sub-pixel positions; None where all are taken as whole.
    """

    patterns: DevicePatterns
    corners: Array
    order: Array
    object: Array
    misfit: Array
    expected: Array
    ramps: Array | None

    @classmethod
    def of(
        cls, problem: Problem, order: Array, settings: Reconstruction, backend: Backend, moving: bool = False
    ) -> ScanArrays:  # fmt: skip
        """Put a problem on the device.

        Args:
            problem: with the object to start from, which is copied.
            order: int32 (positions,) of the device, in which an iteration visits the positions.
            settings: of the stage.
            backend: the device.
            moving: as in is_sub_pixel.
        """
        positions, n, _ = problem.patterns.shape
        geometry, sub_pixel = problem.geometry, is_sub_pixel(problem, settings, moving)
        return cls(
            patterns=bring_patterns(problem, order, sub_pixel, settings, backend),
            corners=backend.asarray(geometry.corners.copy()),
            order=order,
            object=backend.asarray(problem.object.copy()),
            misfit=backend.asarray(np.zeros((positions, n), np.float32)),
            expected=backend.asarray(np.zeros((positions, n), np.float32)),
            ramps=backend.asarray(phase_ramps(geometry.fractions, n)) if sub_pixel else None,
        )


def is_sub_pixel(problem: Problem, settings: Reconstruction, moving: bool = False) -> bool:
    """Whether probes are to be shifted by parts of pixels: where that is asked for and some positions need it.

    Args:
        problem: with the positions.
        settings: of the stage.
        moving: whether positions may move, so that those on whole pixels will not stay there.
    """
    needed = moving or float(np.abs(problem.geometry.fractions).max()) > _NEGLIGIBLE_PX
    return settings.sub_pixel == "fourier" and needed
