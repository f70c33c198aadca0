"""Momentum of object and probe, as mPIE has it (Maiden, Johnson & Li, Optica 4, 736, 2017)."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.partition import run_on_rows
from ptychogui.engines.state import EngineState, put


class Momentum:
    """Lets an array go on as it has moved since the step before.

    With x the array, b what it was after the step before and m the share that goes on:
    v = m v + (x - b), x = x + m v, b = x. Steps are an iteration apart: within one, other
    positions move every pixel at another time, which says little about where it goes.
    """

    def __init__(self, values: Array, share: float, backend: Backend) -> None:
        """Follow a complex64 array (..., columns), which is at rest."""
        self._values = values.reshape(-1, values.shape[-1])
        self._share, self._backend = share, backend
        self._velocity, self._past = (backend.empty(self._values.shape, np.complex64) for _ in range(2))
        self.rest()
        self._go = backend.bind("momentum_step", values=self._values, velocity=self._velocity, past=self._past)

    def step(self, part: float = 1.0) -> None:
        """Let the first part of the rows go on."""
        rows, work = round(part * len(self._values)), 2 * self._values.size
        run_on_rows(self._backend, rows, work, lambda first, count: self._go(first, count, self._share))

    def start_here(self) -> None:
        """Take what was done to the array since the last step as no movement."""
        self._past[...] = self._values

    def rest(self) -> None:
        """Forget all movement: the array means something else now."""
        self._velocity[...] = 0
        self.start_here()

    def state(self) -> EngineState:
        """Return velocity and last place."""
        return {"velocity": self._velocity, "past": self._past}

    def restore(self, state: EngineState) -> None:
        """Move on as one that gave this state."""
        put(self.state(), state, self._backend)
