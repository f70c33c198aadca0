"""Coupled refinement of positions: their shifts are solved together with the steps of object and probe."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.position_refinement import PRIOR_FLOOR, Positions
from ptychogui.engines.scan_arrays import ScanArrays


class Coupling:
    """The joint least squares of a group: two steps, and a shift of every position.

    What a shift and the steps change alike counts once, so neither takes what the other explains. Only the slopes that
    `Positions.measure` finds and the directions enter: the exit waves are not visited again.
    """

    def __init__(
        self, scan: ScanArrays, positions: Positions, directions: Mapping[str, Array], sums: Mapping[str, Array],
        backend: Backend,
    ) -> None:  # fmt: skip
        """Bind the kernels.

        Args:
            scan: the arrays of the scan.
            positions: whose slopes are read and whose moves are written.
            directions: `direction` of the object, `power` and `beat` of the probe; see kernels/lsqml.cu.
            sums: `steps`, which are written, `object_sums`, `probe_sums` and `cross`.
            backend: where all of them are.
        """
        count, n = len(scan.corners), scan.misfit.shape[-1]
        bind, order = backend.bind, {"order": scan.order}
        coupling = backend.empty((count, 4, n), np.float32)
        shares = backend.empty((count, 11), np.float32)
        self.couple = bind(
            "couple_shifts", coupling=coupling, object=scan.object, corners=scan.corners, **directions,
            **order)  # fmt: skip
        self._eliminate = bind(
            "eliminate_shifts", shares=shares, slopes=positions.slopes, coupling=coupling, **order)  # fmt: skip
        self._solve = bind("solve_coupled", shares=shares, **sums, **order)
        self._take = bind("take_shifts", moves=positions.moves, shares=shares, steps=sums["steps"], **order)

    def solve(self, start: int, count: int, object_step: float, probe_step: float) -> None:
        """Solve for the steps, and the shifts of positions [start, start + count) of the order, once coupled."""
        self._eliminate(start, count, PRIOR_FLOOR)
        self._solve(start, count, object_step, probe_step)
        self._take(start, count)
