"""Refinement of scan positions: where they are now, and how they move."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, put
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.scan import ScanGeometry

_PRIOR_PX = 0.5
"""Standard deviation of a position's error that the damping takes for granted: it keeps windows without structure, or
without photons, where they are. A shift d px is worth 2 d^2 sum |P dO|^2 in the likelihood of amplitudes."""

PRIOR_FLOOR = 0.5 / _PRIOR_PX**2
"""What that adds to the diagonal of a position's normal equations, in counts."""


class Positions:
    """The positions on the device: window corners and sub-pixel rests. Least squares with the object's slope move them.

    Windows keep a pixel away from the object's rim, where there is no slope.
    """

    def __init__(
        self, scan: ScanArrays, geometry: ScanGeometry, pulls: Array, power: Array, settings: Reconstruction,
        backend: Backend,
    ) -> None:  # fmt: skip
        positions, n = len(geometry.corners), geometry.window_px
        _check_rim(geometry)
        self._backend, self._xp, self._settings = backend, backend.xp, settings
        self._corners, self._ramps = scan.corners, scan.ramps
        self.rests = backend.asarray(geometry.fractions.astype(np.float32))
        self.moves = backend.empty((positions, 2), np.float32)
        self._last = backend.asarray(np.array(geometry.object_shape, np.int32) - n - 1)
        self.slopes = backend.empty((positions, 5, n), np.float32)
        self._slopes = backend.bind(
            "position_slopes", slopes=self.slopes, pulls=pulls, object=scan.object, power=power,
            corners=scan.corners, order=scan.order)  # fmt: skip
        self._solve = backend.bind("solve_moves", moves=self.moves, slopes=self.slopes)
        self._basis, self._fit = (backend.asarray(part) for part in _affine(geometry))
        self._fill = None
        if scan.ramps is not None:
            self._fill = backend.bind("fill_ramps", ramps=scan.ramps, rests=self.rests)

    def measure(self, start: int, count: int, first: int) -> None:
        """Find the slopes of positions [start, start + count) of the order, whose pulls begin at slot `first`."""
        self._slopes(start, count, first)

    def move(self, solved: bool) -> None:
        """Shift every position, once all are measured, and unless the moves are `solved` find them first."""
        xp, limit = self._xp, np.float32(self._settings.position_limit_px)
        if not solved:
            self._solve(len(self.rests), PRIOR_FLOOR)
        moves = self._settings.position_step * self.moves
        moves = xp.clip(moves, -limit, limit)
        self.rests += self._allowed(moves)
        whole = xp.rint(self.rests)
        corners = xp.clip(self._corners + whole.astype(xp.int32), 1, self._last)
        self.rests -= corners - self._corners
        xp.clip(self.rests, -1, 1, out=self.rests)  # at the object's rim
        self._corners[...] = corners
        if self._fill is not None:
            self._fill(len(self.rests))

    def state(self) -> EngineState:
        """Return where they are, and the ramps that shift probes there, whose first ones no kernel made."""
        ramps = {} if self._ramps is None else {"ramps": self._ramps}
        return {"corners": self._corners, "rests": self.rests, **ramps}

    def restore(self, state: EngineState) -> None:
        """Be where those were that gave this state."""
        put(self.state(), state, self._backend)

    def _allowed(self, moves: Array) -> Array:
        """Take out what the settings don't leave free; the mean shift always, since object and probe can follow it."""
        moves = moves - moves.mean(axis=0)
        freedom = self._settings.position_freedom
        if freedom == "all":
            return moves
        affine = self._basis @ (self._fit @ moves)
        return affine if freedom == "affine" else moves - affine


def _check_rim(geometry: ScanGeometry) -> None:
    """Refuse windows that touch the object's rim, where kernels would read beside it.

    Raises:
        ValueError: any does.
    """
    last = np.array(geometry.object_shape) - geometry.window_px - 1
    if (geometry.corners < 1).any() or (geometry.corners > last).any():
        raise ValueError("positions to be refined need a pixel of the object around their windows")


def _affine(geometry: ScanGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Return the scan's own rows and columns as a basis, float32 (positions, 2), and its pseudo-inverse."""
    places = geometry.positions_px - geometry.positions_px.mean(axis=0)
    basis = places / max(float(np.abs(places).max()), 1.0)
    return basis.astype(np.float32), np.linalg.pinv(basis).astype(np.float32)
