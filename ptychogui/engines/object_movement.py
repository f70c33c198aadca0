"""Movement of the object: whether it still goes somewhere, or only its noise does.

In small groups the object never stands still: each leaves the noise of its few positions. But noise comes and goes, so
that five iterations bring it hardly further than one, while what still converges goes on in one direction. What varies
slowly over the object is the last to do so, and hardly shows in the misfit; it does in sums over squares.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from ptychogui.backends.base import Array, Backend, Pending
from ptychogui.backends.host_memory import Arrived
from ptychogui.engines.base import Problem
from ptychogui.engines.error_log import LAG
from ptychogui.engines.state import EngineState, in_order, numbered

_SQUARES = 256
"""Squares at most, each around the middle of a position's window, where the object is lit."""

_PART = 8
"""Windows are so many times as wide as a square."""

_ACROSS = 16
"""Pixels across a square, at most, that are added up."""

_APART = 5
"""Iterations over which movement is compared with that over one."""

_TIMES = 1.6
"""The object still goes somewhere if it has moved so many times as far over them: as far is noise that comes and goes,
2.2 times a walk without aim, 5 times a straight line."""


class ObjectMovement:
    """Sums of the object over some squares, of the last iterations."""

    def __init__(self, problem: Problem, obj: Array, backend: Backend) -> None:
        """Look at an object.

        Args:
            problem: where its positions are.
            obj: complex64 (rows, columns), on the device.
            backend: the device.
        """
        self._object, self._backend = obj, backend
        self._pixels = backend.asarray(_pixels_of_squares(problem.geometry.corners, problem.probe.shape[-1], obj.shape))
        self._sums: deque[Pending] = deque(maxlen=1 + _APART + LAG)
        self.look()

    def look(self) -> None:
        """Queue the sums over the object as it is now."""
        self._sums.append(self._backend.read_later(self._object.reshape(-1)[self._pixels].sum(axis=1)))

    @property
    def goes_on(self) -> bool:
        """Whether the object still goes somewhere, or that is not known yet."""
        known = list(self._sums)[:-LAG]
        if len(known) <= _APART:
            return True
        first, before, last = (known[i].wait() for i in (-1 - _APART, -2, -1))
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # what is no number goes nowhere
            return _distance(first, last) > _TIMES * _distance(before, last)

    def state(self) -> EngineState:
        """Return the sums, in order; waits for the device."""
        return numbered(pending.wait() for pending in self._sums)

    def restore(self, state: EngineState) -> None:
        """Go on from these sums."""
        self._sums = deque(map(Arrived, in_order(state)), maxlen=self._sums.maxlen)


def _pixels_of_squares(corners: np.ndarray, window: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return int32 (squares, pixels): places in the flat object."""
    chosen = corners[:: -(-len(corners) // _SQUARES)]
    side = max(1, window // _PART)
    steps = np.arange(0, side, -(-side // _ACROSS)) + (window - side) // 2
    rows, columns = chosen[:, :1] + steps, chosen[:, 1:] + steps
    return (rows[:, :, None] * shape[1] + columns[:, None, :]).reshape(len(chosen), -1).astype(np.int32)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far one is from the other, apart from a factor for all."""
    factor = np.vdot(one, other) / np.vdot(one, one)
    return float(np.linalg.norm(other - factor * one))
