"""A scan on the device: the arrays that every engine keeps of it, and whether its positions are sub-pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend, Launch
from ptychogui.engines.base import Problem
from ptychogui.engines.device_patterns import DevicePatterns
from ptychogui.engines.resident_patterns import bring_patterns
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.held_out import HeldOut
from ptychogui.physics.probe import phase_ramps

_NEGLIGIBLE_PX = 1e-4
"""Sub-pixel rests below this are rounding errors of positions on whole pixels."""


@dataclass(frozen=True)
class HeldOutArrays:
    """Held-out pixels on the device; see physics.held_out.

    Attributes:
        pixels: int32 (positions, K).
        amplitudes: float32 (positions, K).
        misfits: float32 (2, positions), what an iteration finds of them: misfits, and what photon noise makes of these.
    """

    pixels: Array
    amplitudes: Array
    misfits: Array

    @classmethod
    def of(cls, held_out: HeldOut, backend: Backend) -> HeldOutArrays:
        """Put them on the device."""
        arrays = (held_out.pixels, held_out.amplitudes, np.zeros((2, len(held_out.pixels)), np.float32))
        return cls(*map(backend.asarray, arrays))

    def bind(self, waves: Array, order: Array, backend: Backend) -> Launch:
        """Return what finds the misfits of a batch of far fields, called with its start and count.

        Args:
            waves: complex64 (slots, modes, N, N), the batch as modelled.
            order: int32 (positions,), in which an iteration visits the positions.
            backend: where all of them are.
        """
        arrays = {"pixels": self.pixels, "amplitudes": self.amplitudes, "misfits": self.misfits}
        return backend.bind("free_misfit", waves=waves, order=order, **arrays)


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
        held_out: pixels and amplitudes that are held out, and the misfits of them; None where none are.
    """

    patterns: DevicePatterns
    corners: Array
    order: Array
    object: Array
    misfit: Array
    expected: Array
    ramps: Array | None
    held_out: HeldOutArrays | None = None

    @property
    def free_misfits(self) -> Array | None:
        """float32 (2, positions), misfits of held-out pixels and what noise makes of them; None without any."""
        return None if self.held_out is None else self.held_out.misfits

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
            held_out=None if problem.held_out is None else HeldOutArrays.of(problem.held_out, backend),
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
