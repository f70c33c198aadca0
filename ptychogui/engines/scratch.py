"""Scratch memory of one worker, with the kernels bound to it: from object and probe to the revised exit wave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.patterns import Patterns


@dataclass(frozen=True)
class Fields:
    """The device arrays that all workers share; shapes as in kernels/*.cu.

    `ramps` is there where sub-pixel positions are honored, else None.
    """

    patterns: Patterns
    corners: Array
    order: Array
    object: Array
    misfit: Array
    expected: Array
    ramps: Array | None


class Scratch:
    """One worker's batch: exit waves, shifted probes, and the way to the revised exit waves and back."""

    def __init__(self, fields: Fields, probe: Array, spectrum: Array | None, slots: int, backend: Backend) -> None:
        modes, n, _ = probe.shape
        self.waves = backend.empty((slots, modes, n, n), np.complex64)
        self._patterns = fields.patterns
        self.brightest = backend.empty((slots, n), np.float32)
        self.fft = backend.fft_pair(self.waves)
        self._sub_pixel = fields.ramps is not None
        if self._sub_pixel:
            self.probe = backend.empty((slots, modes, n, n), np.complex64)
            self._probe_fft = backend.fft_pair(self.probe)
            ramps = {"ramps": fields.ramps, "order": fields.order}
            self._shift = backend.bind("shift_probe", probes=self.probe, spectrum=spectrum, **ramps)
        else:
            self.probe = probe.reshape(1, modes, n, n)
        self._exit_wave = backend.bind(
            "exit_wave", waves=self.waves, probe=self.probe, object=fields.object, brightest=self.brightest,
            corners=fields.corners, order=fields.order)  # fmt: skip
        self._modulus = backend.bind(
            "modulus", waves=self.waves, patterns=fields.patterns.slots, places=fields.patterns.places,
            misfit=fields.misfit, expected=fields.expected, order=fields.order)  # fmt: skip

    def revise(self, start: int, stop: int) -> None:
        """Model the exit waves of positions [start, stop) of the order and give them the measured modulus."""
        self._patterns.bring(start, stop)
        count = stop - start
        if self._sub_pixel:
            self._shift(start, count)
            self._probe_fft.inverse(count)
        self._exit_wave(start, count)
        self.fft.forward(count)
        self._modulus(start, count)
        self.fft.inverse(count)
