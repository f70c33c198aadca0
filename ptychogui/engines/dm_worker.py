"""A worker of the difference map: its share of an iteration, from stored exit waves to the next ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.overlap import Overlap
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.stored_exit_waves import StoredExitWaves, WaveTransform
from ptychogui.params.reconstruction import Reconstruction


@dataclass(frozen=True)
class Weights:
    """The factors that make the next exit wave from psi: (1 - a - b) psi + a PO + b Pi_F(c PO + (1 - c) psi).

    PO is its overlap projection, Pi_F the one onto the measured modulus.
    """

    a: float
    b: float
    c: float

    @classmethod
    def of(cls, settings: Reconstruction) -> Weights:
        """Return the difference map's weights, a = -alpha, b = 1, c = 1 + alpha; or RAAR's, 1 - 2 beta, beta, 2."""
        relaxation = settings.relaxation_used
        assert relaxation is not None, f"{settings.engine} does not relax"
        if settings.engine == "raar":
            return cls(1 - 2 * relaxation, relaxation, 2.0)
        return cls(-relaxation, 1.0, 1 + relaxation)


_FIRST_BOUND, _LAST_BOUND = 0.5, 1.0
"""Misfit that the modulus constraint leaves, in units of photon noise: at first so little that the iteration keeps
searching, in the end all that noise explains, so that it comes to rest."""

_RISEN_AT = 0.9
"""Part of a stage's iterations after which a rising bound is at its last value: what is averaged then is at rest."""


def bound_at(done: float, settings: Reconstruction) -> float:
    """Return the misfit that the modulus constraint leaves, in units of photon noise: the settings', or a rising one.

    Args:
        done: part of the stage's iterations.
        settings: of the stage.
    """
    if settings.power_bound is not None:
        return settings.power_bound
    return _FIRST_BOUND + (_LAST_BOUND - _FIRST_BOUND) * min(1.0, done / _RISEN_AT) ** 2


@dataclass(frozen=True)
class IterationPlan:
    """What an iteration of the difference map does.

    Attributes:
        fresh: whether there are no exit waves yet, so that those of the model are taken.
        moves: whether the object is updated.
        learned: how many of the probe's modes are.
        bound: misfit that the modulus constraint leaves, in units of photon noise.
        weights: of the equation.
    """

    fresh: bool
    moves: bool
    learned: int
    bound: float
    weights: Weights

    @property
    def parts(self) -> list[IterationPlan]:
        """The update of the object alone, if there is one, and that of the probe alone."""
        parts = [replace(self, learned=0), replace(self, moves=False)]
        return parts if self.moves else parts[1:]


@dataclass(frozen=True)
class Visit:
    """A batch: positions [start, start + count) of the order, on a lane, whose first one it may be."""

    start: int
    count: int
    lane: int
    first: bool


class Spectrum:
    """A probe's FFT over N^2, which sub-pixel shifts begin with."""

    def __init__(self, probe: Array, backend: Backend) -> None:
        self._probe, self._factor = probe, np.float32(1 / probe.shape[-1] ** 2)
        self.values = backend.empty(probe.shape, np.complex64)
        self._fft = backend.fft_pair(self.values[None])
        self.renew()

    def renew(self) -> None:
        """Follow the probe."""
        self.values[...] = self._probe
        self._fft.forward(1)
        self.values *= self._factor


@dataclass(frozen=True)
class Shared:
    """What all workers share: the scan, the probe, and what is kept of the exit waves.

    `spectrum` is there where sub-pixel positions are honored, else None; `reflected`, float32 (positions, 2,
    N), are misfits of what the modulus constraint last acted on, and what photon noise makes of them, row by row.
    """

    scan: ScanArrays
    reflected: Array
    probe: Array
    spectrum: Spectrum | None
    overlap: Overlap
    kept: StoredExitWaves
    transform: WaveTransform


class Worker:
    """One worker's batch of exit waves, with the kernels bound to it."""

    def __init__(self, shared: Shared, slots: int, backend: Backend) -> None:
        bind, scan, (modes, n, _) = backend.bind, shared.scan, shared.probe.shape
        self._access = shared.kept.access(slots)
        self._waves, self._beam = backend.empty((slots, modes, n, n), np.complex64), _Beam(shared, slots, backend)
        self._slack = backend.asarray(np.zeros(slots, np.float32))
        self._fft = backend.fft_pair(self._waves)
        self._patterns = scan.patterns
        measured = {"patterns": scan.patterns.slots, "places": scan.patterns.places, "order": scan.order}
        held = {"waves": self._waves, "stored": self._access.waves}
        self._exit_wave = bind(
            "exit_wave", waves=self._waves, probe=self._beam.probe, object=scan.object,
            brightest=backend.empty((slots, n), np.float32), corners=scan.corners, order=scan.order)  # fmt: skip
        self._judge = None if scan.held_out is None else scan.held_out.bind(self._waves, scan.order, backend)
        self._begin = bind("dm_begin", **held)
        self._find_slack = bind("dm_slack", slack=self._slack, reflected=shared.reflected, order=scan.order)
        self._reflect = bind("dm_reflected", reflected=shared.reflected, **held, **measured)
        errors = {"misfit": scan.misfit, "expected": scan.expected}
        self._update = bind("dm_update", slack=self._slack, **errors, **held, **measured)
        self._recall = bind("dm_recall", **held)
        self._follow = bind("dm_follow", rotation=shared.transform.rotation, ramp=shared.transform.ramp, **held)
        self._overlap = shared.overlap.worker(self._waves, self._beam.probe, self._fft)

    def revise(self, visit: Visit, plan: IterationPlan) -> None:
        """Take the exit waves of a batch on to the next ones, and add what they give to object and probe."""
        start, count, weights = visit.start, visit.count, plan.weights
        self._patterns.bring(start, start + count)
        self._beam.bring(visit)
        self._exit_wave(start, count, 0)
        self._fft.forward(count)
        if self._judge is not None:
            self._judge(start, count)
        at = self._access.take(start, count, plan.fresh)
        if plan.fresh:
            self._begin(count, at)
        if plan.bound:
            self._reflect(start, count, at, weights.c)
            self._find_slack(start, count, plan.bound)
        self._update(start, count, at, weights.a, weights.b, weights.c)
        self._access.put(start, count)
        self._give(visit, plan)

    def recall(self, visit: Visit, plan: IterationPlan) -> None:
        """Add what the same exit waves give to the object and the probe as they are now."""
        self._beam.bring(visit)
        self._recall(visit.count, self._access.take(visit.start, visit.count))
        self._give(visit, plan)

    def follow(self, visit: Visit) -> None:
        """Let the exit waves of a batch follow the frame of probe and object."""
        count, at = visit.count, self._access.take(visit.start, visit.count)
        self._follow(count, at)
        self._begin(count, at)
        self._access.put(visit.start, count)

    def _give(self, visit: Visit, plan: IterationPlan) -> None:
        if plan.moves or plan.learned:
            self._fft.inverse(visit.count)
            self._overlap.take(visit.start, visit.count, visit.lane, visit.first, plan.moves, plan.learned)


class _Beam:
    """The probe at the positions of a batch: shifted to each, or one for all."""

    def __init__(self, shared: Shared, slots: int, backend: Backend) -> None:
        self.probe = shared.probe[None]
        self._fft = self._shift = None
        if shared.spectrum is not None:
            self.probe = backend.empty((slots, *shared.probe.shape), np.complex64)
            self._fft = backend.fft_pair(self.probe)
            self._shift = backend.bind(
                "shift_probe", probes=self.probe, spectrum=shared.spectrum.values, ramps=shared.scan.ramps,
                order=shared.scan.order)  # fmt: skip

    def bring(self, visit: Visit) -> None:
        """Shift the probe to the positions of a batch, if any are between pixels."""
        if self._shift is not None and self._fft is not None:
            self._shift(visit.start, visit.count)
            self._fft.inverse(visit.count)
