"""A batch of exit waves: one worker's memory for it, and the kernels that model it and fit it to the patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptychogui.backends.base import Array, Backend, Launch
from ptychogui.engines.likelihood import bind_likelihood
from ptychogui.engines.scan_arrays import ScanArrays


class ExitWaveBatch:
    """One worker's batch: exit waves, and the probe of each position, made and fitted to the patterns."""

    def __init__(
        self, scan: ScanArrays, probe: Array, spectrum: Array | None, slots: int, backend: Backend,
        noise_models: Sequence[str] = ("gaussian",), mix: Array | None = None,
    ) -> None:  # fmt: skip
        """Bind the kernels.

        Args:
            scan: the arrays of the scan.
            probe: complex64 (modes, N, N), components of a varying one behind it.
            spectrum: of `probe`, where positions are sub-pixel.
            slots: positions of a batch.
            backend: the device.
            noise_models: those that far fields may be fitted by, as in engines.likelihood.
            mix: float32 (positions, 1 + components), the shares that make each position's probe, where it varies.
        """
        planes, n, _ = probe.shape
        modes = planes if mix is None else planes + 1 - mix.shape[1]
        self.waves = backend.empty((slots, modes, n, n), np.complex64)
        self._patterns = scan.patterns
        self.brightest = backend.empty((slots, n), np.float32)
        self.fft = backend.fft_pair(self.waves)
        self._sub_pixel = scan.ramps is not None
        self._make_probes: Launch | None = None
        if self._sub_pixel or mix is not None:
            self.probe = backend.empty((slots, modes, n, n), np.complex64)
            self._make_probes = _probe_maker(self.probe, probe, spectrum, mix, scan, backend)
        else:
            self.probe = probe.reshape(1, modes, n, n)
        if self._sub_pixel:
            self._probe_fft = backend.fft_pair(self.probe)
        self._exit_wave = backend.bind(
            "exit_wave", waves=self.waves, probe=self.probe, object=scan.object, brightest=self.brightest,
            corners=scan.corners, order=scan.order)  # fmt: skip
        measured = {"patterns": scan.patterns.slots, "places": scan.patterns.places, "order": scan.order}
        sums = {"misfit": scan.misfit, "expected": scan.expected}
        self._judge = None if scan.held_out is None else scan.held_out.bind(self.waves, scan.order, backend)
        self._fits = {name: bind_likelihood(name, self.waves, measured, sums, backend) for name in noise_models}

    def revise(self, start: int, stop: int, light: bool = False, noise_model: str = "gaussian") -> None:
        """Model the exit waves of positions [start, stop) of the order and fit them to what was measured.

        With `light`, `brightest` gets the largest |object|^2 of each row of each window.
        """
        count = stop - start
        self._patterns.bring(start, stop)
        if self._make_probes is not None:
            self._make_probes(start, count)
        if self._sub_pixel:
            self._probe_fft.inverse(count)
        self._exit_wave(start, count, int(light))
        self.fft.forward(count)
        if self._judge is not None:
            self._judge(start, count)
        self._fits[noise_model](start, count)
        self.fft.inverse(count)


def _probe_maker(
    probes: Array, probe: Array, spectrum: Array | None, mix: Array | None, scan: ScanArrays, backend: Backend
) -> Launch:
    """Return what gives each slot the probe of its position, or the spectrum of it where positions are sub-pixel."""
    if mix is None:
        return backend.bind("shift_probe", probes=probes, spectrum=spectrum, ramps=scan.ramps, order=scan.order)
    if scan.ramps is None:
        return backend.bind("vary_probe", probes=probes, basis=probe, mix=mix, order=scan.order)
    places = {"ramps": scan.ramps, "order": scan.order}
    return backend.bind("vary_probe_shifted", probes=probes, basis=spectrum, mix=mix, **places)
