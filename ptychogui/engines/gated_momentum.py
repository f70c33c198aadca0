"""Gated momentum: object and probe go on as they moved only while the error falls and their updates agree.

After Odstrcil, Menzel & Guizar-Sicairos (Opt. Express 26, 3108, 2018), who accelerate LSQML so. Whether and how far is
decided on the device: every number here is an array of no dimensions, and the host never looks.
"""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.state import EngineState, in_order, joined, numbered, part_of, put, taken

_MEMORY = 2
"""How many updates before the present one it must agree with."""

_FALLING = 3
"""Iterations over which the error must have fallen, each against the one before."""

_DIM = 0.1
"""Part of the brightest illumination at which a pixel of the object goes on half as far."""


class Gate:
    """Whether the error has fallen lately; the momenta of object and probe share one."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._past: list[Array] = []

    def take(self, misfit: Array) -> None:
        """Take the misfit of the iteration that was done, 0-d, in whatever unit."""
        self._past = [*self._past[1 - _FALLING :], misfit]

    @property
    def open(self) -> Array | None:
        """bool, 0-d: whether the error has fallen; None while that can't be known."""
        if len(self._past) < _FALLING:
            return None
        first, second, third = self._past
        return (second < first) & (third < second)

    def state(self) -> EngineState:
        """Return the misfits that it knows."""
        return numbered(self._past)

    def restore(self, state: EngineState) -> None:
        """Know these misfits, and no other."""
        self._past = [taken(misfit, self._backend) for misfit in in_order(state)]


class GatedMomentum:
    """Lets an array go on as its last iterations have moved it.

    With u_k the update of k iterations ago, u_0 the present one, and c_k their correlation Re <u_0, u_k> / |u_0| |u_k|:
    if the gate is open and every c_k is above 0,

        v = (1 - f) v + u_0,   x = x + g w v,

    with g the gain, w a weight for each pixel, and f half of what log c_k falls by from one k to the next; else v is
    halved.
    """

    def __init__(self, values: Array, gain: float, backend: Backend) -> None:
        """Follow a complex64 array of any shape, which is at rest."""
        self._values, self._gain, self._backend, self._xp = values, np.float32(gain), backend, backend.xp
        self._velocity, self._past = (backend.empty(values.shape, np.complex64) for _ in range(2))
        self._kept = [backend.empty(values.shape, np.complex64) for _ in range(_MEMORY + 1)]
        self.rest()

    def step(self, gate: Gate, learned: int, weight: Array | None = None) -> None:
        """Take in the iteration's update and go on, if the gate lets it.

        Args:
            gate: of the job.
            learned: how many along the first axis go on.
            weight: float (as the array), w; 1 everywhere if None.
        """
        update = self._next_update()
        agreed = self._agreement(update)
        if agreed is None or gate.open is None:
            self.start_here()
            return
        agrees, keep = agreed
        free = (agrees & gate.open).astype(np.float32)
        self._velocity *= free * keep + (1 - free) * np.float32(0.5)
        self._velocity += free * update
        going = self._velocity[:learned] if weight is None else weight * self._velocity[:learned]
        self._values[:learned] += (self._gain * free) * going
        self.start_here()

    def start_here(self) -> None:
        """Take what was done to the array since the last step as no movement."""
        self._past[...] = self._values

    def rest(self) -> None:
        """Forget all movement: the array means something else now."""
        self._velocity[...] = 0
        self._known: list[tuple[Array, Array]] = []
        self.start_here()

    def state(self) -> EngineState:
        """Return velocity, last place, and the updates that the next ones must agree with."""
        updates, sizes = (numbered(known) for known in zip(*self._known, strict=True)) if self._known else ({}, {})
        return {**self._places(), **joined(updates=updates, sizes=sizes)}

    def restore(self, state: EngineState) -> None:
        """Move on as one that gave this state."""
        put(self._places(), state, self._backend)
        updates, sizes = (part_of(state, name) for name in ("updates", "sizes"))
        latest = self._kept[len(self._kept) - len(updates) :]
        put(numbered(latest), updates, self._backend)
        self._known = [
            (update, taken(size, self._backend)) for update, size in zip(latest, in_order(sizes), strict=True)
        ]

    def _places(self) -> EngineState:
        return {"velocity": self._velocity, "past": self._past}

    def _next_update(self) -> Array:
        """Write the present update over the oldest."""
        update = self._kept.pop(0)
        self._kept.append(update)
        self._xp.subtract(self._values, self._past, out=update)
        return update

    def _agreement(self, update: Array) -> tuple[Array, Array] | None:
        """Return whether an update agrees with all that are kept, and 1 - f; None while they are too few.

        The straight line that fits 0, log c_1 and log c_2 best at 0, 1 and 2 has the slope log(c_2) / 2.
        """
        xp, before = self._xp, self._known
        size = _product(update, update)
        self._known = [*before[1 - _MEMORY :], (update, size)]
        if len(before) < _MEMORY:
            return None
        tiny = np.float64(np.finfo(np.float64).tiny)
        last, first = (
            _product(update, old) / xp.sqrt(xp.maximum(size * old_size, tiny)) for old, old_size in reversed(before)
        )
        friction = -0.25 * xp.log(xp.clip(first, 1e-30, 1))
        return (last > 0) & (first > 0), xp.maximum(1 - friction, 0).astype(np.float32)


def object_weight(illumination: Array) -> Array:
    """Return float32 (rows, columns): near 1 where the object is lit, falling to 0 where it is not."""
    return illumination / (np.float32(_DIM) * illumination.max() + illumination + np.float32(1e-30))


def _product(one: Array, other: Array) -> Array:
    """Return Re <one, other>, float64 0-d."""
    return (one.real * other.real + one.imag * other.imag).sum(dtype=np.float64)
