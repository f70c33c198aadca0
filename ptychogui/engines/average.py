"""The mean of object and probe over the last iterations of a stage, where an engine does not come to rest."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.constraints import Changes, move
from ptychogui.engines.state import EngineState, taken
from ptychogui.physics.modes import rotate_modes


class Average:
    """Mean of an object and a probe, in the frame of the present ones.

    Between iterations both may move, turn their modes and trade scale, which changes no exit wave but for its place.
    The mean does the same, so that like is averaged with like.
    """

    def __init__(self, obj: Array, probe: Array, iterations: int, last: int, backend: Backend) -> None:
        """Follow a complex64 object (rows, columns) and probe (modes, N, N) that change in place.

        Args:
            obj: the object.
            probe: the probe.
            iterations: that there will be.
            last: how many of them, at the end, count.
            backend: where both are.
        """
        self._now, self._backend, self._xp = (obj, probe), backend, backend.xp
        self._wait, self._taken, self._wanted = iterations - last, 0, last > 0
        self._mean: tuple[Array, Array] | None = None

    @property
    def arrays(self) -> tuple[Array, Array]:
        """Object and probe: the mean, or the present ones before it begins."""
        return self._mean or self._now

    def begin(self, least: int) -> int:
        """Begin now, where a mean is wanted; return how many are missing to a mean of at least so many."""
        self._wait = 0 if self._wanted else self._wait
        return max(0, least - self._taken) if self._wanted else 0

    def take(self, changes: Changes) -> None:
        """Let the mean follow what an iteration's end has changed, and then take in the present object and probe."""
        if self._wait > 0:
            self._wait -= 1
            return
        self._taken += 1
        if self._mean is None:
            self._mean = (self._now[0].copy(), self._now[1].copy())
            return
        self._follow(changes, *self._mean)
        for mean, now in zip(self._mean, self._now, strict=True):
            mean += (now - mean) * np.float32(1 / self._taken)

    def state(self) -> EngineState:
        """Return the mean, if it has begun, and of how many it is."""
        mean = {} if self._mean is None else dict(zip(("object", "probe"), self._mean, strict=True))
        return {"wait": self._wait, "taken": self._taken, **mean}

    def restore(self, state: EngineState) -> None:
        """Go on with the mean of one that gave this state."""
        self._wait, self._taken = state["wait"], state["taken"]
        begun = "object" in state
        self._mean = (taken(state["object"], self._backend), taken(state["probe"], self._backend)) if begun else None

    def _follow(self, changes: Changes, obj: Array, probe: Array) -> None:
        if changes.shift is not None:
            move(obj, probe, changes.shift, self._xp)
        if changes.rotation is not None:
            probe[...] = rotate_modes(probe, changes.rotation, self._xp)
        if changes.scale is not None:
            probe *= changes.scale
            obj /= changes.scale
        if changes.traded is not None:
            obj *= changes.traded[0]
            probe *= changes.traded[1]
