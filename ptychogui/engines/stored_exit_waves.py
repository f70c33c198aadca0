"""Stored exit waves: those of all positions, kept from one iteration to the next, whole or in half of the memory."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend, Launch
from ptychogui.engines.constraints import Changes
from ptychogui.engines.state import EngineState, put


class StoredExitWaves:
    """Exit waves in Fourier space, ortho-normal, complex64 (positions, modes, N, N); or in 16 bits a component.

    Half precision keeps every row in its own unit, a part in 32767 of the row's largest component. Batches then go
    through a worker's own complex64 memory.
    """

    def __init__(self, positions: int, probe_shape: tuple[int, ...], half: bool, backend: Backend) -> None:
        self._backend, self._shape = backend, probe_shape
        self._whole = self._packed = self._units = None
        if half:
            self._packed = backend.empty((positions, *probe_shape, 2), np.int16)
            self._units = backend.empty((positions, *probe_shape[:2]), np.float32)
        else:
            self._whole = backend.empty((positions, *probe_shape), np.complex64)

    def access(self, slots: int) -> WaveAccess:
        """Return one worker's access, to batches of at most `slots` positions."""
        if self._whole is not None:
            return WaveAccess(self._whole)
        waves = self._backend.empty((slots, *self._shape), np.complex64)
        bound = {"packed": self._packed, "units": self._units, "stored": waves}
        return WaveAccess(waves, self._backend.bind("pack_waves", **bound), self._backend.bind("unpack_waves", **bound))

    def state(self) -> EngineState:
        """Return all of them, as they are kept."""
        if self._whole is not None:
            return {"whole": self._whole}
        return {"packed": self._packed, "units": self._units}

    def restore(self, state: EngineState) -> None:
        """Keep those of a state."""
        put(self.state(), state, self._backend)


class WaveAccess:
    """One worker's access to stored exit waves: those of a batch are in `waves`, complex64 (S, modes, N, N)."""

    def __init__(self, waves: Array, pack: Launch | None = None, unpack: Launch | None = None) -> None:
        self.waves, self._pack, self._unpack = waves, pack, unpack

    def take(self, start: int, count: int, fresh: bool = False) -> int:
        """Return where in `waves` those of positions [start, start + count) begin; fresh ones are yet to be written."""
        if self._unpack is None:
            return start
        if not fresh:
            self._unpack(start, count, 0)
        return 0

    def put(self, start: int, count: int) -> None:
        """Keep what was changed of them."""
        if self._pack is not None:
            self._pack(start, count, 0)


class WaveTransform:
    """How exit waves follow a probe and an object that move by whole pixels while the probe's modes turn."""

    def __init__(self, modes: int, n: int, backend: Backend) -> None:
        self.rotation = backend.asarray(np.eye(modes, dtype=np.complex64))
        self.ramp = backend.asarray(np.ones((2, n), np.complex64))
        self._identity = backend.asarray(np.eye(modes, dtype=np.complex64))
        self._index, self._xp = backend.asarray(np.arange(n)), backend.xp

    def set(self, changes: Changes) -> bool:
        """Take what was done to probe and object; return whether exit waves have to follow."""
        if changes.rotation is None and changes.shift is None:
            return False
        self.rotation[...] = self._identity if changes.rotation is None else changes.rotation
        self.ramp[...] = 1 if changes.shift is None else self._ramps(changes.shift)
        return True

    def _ramps(self, shift: Array) -> Array:
        """Return exp(-2 pi i k s / N), complex128 (2, N), of a shift on the device."""
        n = len(self._index)
        return self._xp.exp(-2j * np.pi / n * (shift[:, None] * self._index % n))
