"""The error of each iteration, summed on the device and read while the next iteration is under way."""

from __future__ import annotations

import math
from collections import deque
from typing import TypeAlias

import numpy as np

from ptychogui.backends.base import Array, Backend, Pending
from ptychogui.backends.host_memory import Arrived
from ptychogui.engines.state import EngineState, in_order, numbered

Errors: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Of some iterations in their order: the errors, and the free errors; none of these where no pixel is held out."""

LAG = 2
"""Iterations whose errors may not be known yet: the same on every device, so that all do the same."""


class ErrorLog:
    """Errors in photon-noise units, sqrt(sum of misfit / sum of expected); see docs/conventions.md.

    An iteration ends with `push`, which queues the sums and waits for nothing, and `take`, which keeps the host at most
    `backend.ahead` iterations ahead of the device. What `take` gives never depends on timing.
    """

    def __init__(self, misfit: Array, expected: Array, backend: Backend, free: Array | None = None) -> None:
        """Keep the arrays that an iteration fills.

        Args:
            misfit: float32 (positions, N).
            expected: float32 (positions, N).
            backend: the device.
            free: float32 (2, positions), the same of the pixels that are held out, if there are any.
        """
        self._parts, self._free, self._backend = (misfit, expected), free, backend
        self._sums = backend.empty((2 if free is None else 4,), np.float64)
        self._known_later: deque[Pending] = deque()

    def push(self) -> None:
        """Queue the sums over what the arrays hold now, in an order that does not depend on threads.

        Of each position first: CuPy gives a sum that is one number to one block of threads.
        """
        for i, part in enumerate(self._parts):
            self._sums[i] = part.sum(axis=-1, dtype=np.float64).sum()
        if self._free is not None:
            self._sums[2:] = self._free.sum(axis=-1, dtype=np.float64)
        self._known_later.append(self._backend.read_later(self._sums))

    @property
    def latest(self) -> Array:
        """float64, 0-d on the device: the square of the error that was pushed last."""
        return self._sums[0] / self._sums[1]

    def take(self) -> Errors:
        """Return the errors that no call has given yet, in order, but for the `backend.ahead` latest ones."""
        return self._first(len(self._known_later) - self._backend.ahead)

    def finish(self) -> Errors:
        """Wait for the device and return the rest."""
        return self._first(len(self._known_later))

    def of_positions(self) -> np.ndarray:
        """Return the error of each position by itself, as the last iteration found it: float32 (positions,)."""
        misfit, expected = (self._backend.to_numpy(part.sum(axis=-1, dtype=np.float64)) for part in self._parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(misfit / expected), np.float32)

    def state(self) -> EngineState:
        """Return the sums that nobody has asked for yet, in order; waits for the device."""
        return numbered(pending.wait() for pending in self._known_later)

    def restore(self, state: EngineState) -> None:
        """Have these sums asked for next."""
        self._known_later = deque(Arrived(sums) for sums in in_order(state))

    def _first(self, count: int) -> Errors:
        sums = [self._known_later.popleft().wait().tolist() for _ in range(count)]
        return tuple(_error(*known[:2]) for known in sums), tuple(_error(*known[2:]) for known in sums if known[2:])


def _error(misfit: float, expected: float) -> float:
    """Return 0 where no pixel is known, NaN where any misfit is."""
    return math.sqrt(misfit / expected) if expected > 0 else 0 * expected
