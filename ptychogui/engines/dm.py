"""The difference map (Thibault et al. 2008, 2009) and RAAR (Luke 2005), relaxed for noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Estimate, Problem, Step, learned_modes
from ptychogui.engines.constraints import Constraints
from ptychogui.engines.errors import ErrorLog
from ptychogui.engines.overlap import Lanes, Overlap
from ptychogui.engines.patterns import Patterns
from ptychogui.engines.scratch import Fields
from ptychogui.params.model import Reconstruction
from ptychogui.params.schedule import Schedule
from ptychogui.physics.modes import orthogonalize
from ptychogui.physics.probe import phase_ramps

_NEGLIGIBLE_PX = 1e-4


@dataclass(frozen=True)
class Weights:
    a: float
    b: float
    c: float

    @classmethod
    def of(cls, settings: Reconstruction) -> Weights:
        if settings.engine == "raar":
            beta = 0.75 if settings.relaxation is None else settings.relaxation
            return cls(1 - 2 * beta, beta, 2.0)
        alpha = 1.0 if settings.relaxation is None else settings.relaxation
        return cls(-alpha, 1.0, 1 + alpha)


class DifferenceMap:
    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        self.iteration = problem.iteration
        self._begin = problem.iteration
        self._problem, self._settings, self._backend = problem, settings, backend
        positions, n, _ = problem.patterns.shape
        geometry = problem.geometry
        sub_pixel = settings.sub_pixel == "fourier" and float(np.abs(geometry.fractions).max()) > _NEGLIGIBLE_PX
        self._probe = backend.asarray(problem.probe.copy())
        import os
        slots = int(os.environ.get("SLOTS","0")) or backend.batch_size(self._probe.nbytes * (3 if sub_pixel else 2))
        self._lanes = Lanes.of(geometry.corners, n, slots, backend.lanes)
        order = backend.asarray(self._lanes.order)
        self._fields = Fields(
            patterns=Patterns(problem.patterns, order, resident=positions, batch=slots, backend=backend),
            corners=backend.asarray(geometry.corners),
            order=order,
            object=backend.asarray(problem.object.copy()),
            misfit=backend.asarray(np.zeros((positions, n), np.float32)),
            expected=backend.asarray(np.zeros((positions, n), np.float32)),
            ramps=backend.asarray(phase_ramps(geometry.fractions, n)) if sub_pixel else None,
        )
        self._object_schedule = Schedule.parse(settings.update_object)
        self._constraints = Constraints(problem, settings.model_copy(update={"orthogonalize_every": 1 << 30}), backend)
        self._stored = _Stored(positions, self._probe.shape, slots, settings.half_precision, backend)
        self._overlap = Overlap(self._fields, self._probe, self._lanes, settings, backend)
        self._spectrum = backend.empty(self._probe.shape, np.complex64) if sub_pixel else None
        self._fft = backend.fft_pair(self._spectrum.reshape(1, *self._probe.shape)) if sub_pixel else None
        self._workers = [_Worker(self, slots) for _ in range(backend.workers)]
        self._errors = ErrorLog(self._fields.misfit, self._fields.expected, backend)
        self._weights = Weights.of(settings)
        self._mean = None
        self.change = None
        self._take_probe()

    def _bound(self):
        import os
        k = (self.iteration - self._begin - 1) / max(1, self._settings.iterations - 1)
        return eval(os.environ["BOUND"], {"k": k, "min": min, "max": max, "it": self.iteration}) if "BOUND" in os.environ else self._settings.power_bound

    def step(self) -> Step:
        fresh = self.iteration == self._begin
        self.iteration += 1
        learned = learned_modes(self.iteration, self._settings, len(self._probe))
        moves = self._object_schedule.due(self.iteration)
        bound = self._bound()
        batches = self._lanes.batches

        def visit(worker: int, lane: int, start: int, stop: int) -> None:
            if stop == start:
                return
            first = start == batches[lane][0]
            self._workers[worker].revise(start, stop - start, fresh, bound, self._weights)
            self._workers[worker].overlap.take(start, stop - start, lane, first, moves, learned)

        self._backend.run(batches, visit)
        self.change = self._overlap.solve(moves, learned)

        def again(worker: int, lane: int, start: int, stop: int) -> None:
            if stop == start:
                return
            first = start == batches[lane][0]
            self._workers[worker].recall(start, stop - start)
            self._workers[worker].overlap.take(start, stop - start, lane, first, moves, learned)

        import os
        for _ in range(int(os.environ.get("SWEEPS", "1")) - 1):
            if learned: self._take_probe()
            self._backend.run(batches, again)
            self.change = self._overlap.solve(moves, learned)
        changes = self._constraints.apply(self.iteration, self._fields.object, self._probe)
        if learned or changes.probe:
            self._take_probe()
        self._errors.push()
        self._average()
        return Step(self.iteration, self._errors.take())

    def _average(self):
        done = self.iteration - self._begin
        last = round(self._settings.average_last * self._settings.iterations)
        k = done - (self._settings.iterations - last)
        if k > 0:
            if self._mean is None:
                self._mean = [self._fields.object.copy(), self._probe.copy()]
            else:
                for m, x in zip(self._mean, (self._fields.object, self._probe)):
                    m += (x - m) * np.float32(1 / k)

    def finish(self) -> tuple[float, ...]:
        """Wait for what is under way and return the errors that no step has given yet."""
        return self._errors.finish()

    def estimate(self) -> Estimate:
        """Copy object (rows, columns) and probe (modes, N, N) to the host."""
        o, p = self._mean or (self._fields.object, self._probe)
        return Estimate(self._backend.to_numpy(o), orthogonalize(self._backend.to_numpy(p)))

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, whole where none is shifted."""
        geometry = self._problem.geometry
        fractions = geometry.fractions if self._fields.ramps is not None else 0.0
        return np.asarray(geometry.corners + fractions)

    def _take_probe(self) -> None:
        if self._spectrum is not None:
            self._backend.xp.multiply(self._probe, np.float32(1 / self._probe.shape[-1] ** 2), out=self._spectrum)
            self._fft.forward(1)


class _Stored:
    """The exit waves of all positions, in Fourier space."""

    def __init__(self, positions, probe_shape, slots, half, backend) -> None:
        self._half, self._backend = half, backend
        if half:
            self.packed = backend.empty((positions, *probe_shape, 2), np.int16)
            self.units = backend.empty((positions, *probe_shape[:2]), np.float32)
            self.slots = slots
        else:
            self.whole = backend.empty((positions, *probe_shape), np.complex64)

    def worker(self, probe_shape):
        return _Drawer(self, probe_shape)


class _Drawer:
    def __init__(self, store, probe_shape) -> None:
        self._half = store._half
        if self._half:
            self.waves = store._backend.empty((store.slots, *probe_shape), np.complex64)
            self._pack = store._backend.bind("pack_waves", packed=store.packed, units=store.units, stored=self.waves)
            self._unpack = store._backend.bind("unpack_waves", packed=store.packed, units=store.units, stored=self.waves)
        else:
            self.waves = store.whole

    def open(self, start, count):
        if self._half:
            self._unpack(start, count, 0)
            return 0
        return start

    def at(self, start):
        return 0 if self._half else start

    def close(self, start, count):
        if self._half:
            self._pack(start, count, 0)


class _Worker:
    def __init__(self, engine: DifferenceMap, slots: int) -> None:
        backend, fields, probe = engine._backend, engine._fields, engine._probe
        empty, bind = backend.empty, backend.bind
        modes, n, _ = probe.shape
        self._sub_pixel = fields.ramps is not None
        self.waves = empty((slots, modes, n, n), np.complex64)
        brightest, reflected, slack = empty((slots, n), np.float32), empty((slots, 2, n), np.float32), empty((slots,), np.float32)
        self._fft = backend.fft_pair(self.waves)
        if self._sub_pixel:
            self.probe = empty((slots, modes, n, n), np.complex64)
            self._probe_fft = backend.fft_pair(self.probe)
            self._shift = bind("shift_probe", probes=self.probe, spectrum=engine._spectrum, ramps=fields.ramps, order=fields.order)
        else:
            self.probe = probe.reshape(1, modes, n, n)
        self._drawer = engine._stored.worker(probe.shape)
        stored = self._drawer.waves
        self._exit_wave = bind("exit_wave", waves=self.waves, probe=self.probe, object=fields.object, brightest=brightest,
            corners=fields.corners, order=fields.order)  # fmt: skip
        self._misfit = bind("dm_misfit", misfit=fields.misfit, expected=fields.expected, reflected=reflected, waves=self.waves,
                            stored=stored, patterns=fields.patterns.slots, order=fields.order)
        self._slack = bind("dm_slack", slack=slack, reflected=reflected)
        self._update = bind("dm_update", waves=self.waves, stored=stored, slack=slack, patterns=fields.patterns.slots,
                            order=fields.order)
        self._recall = bind("dm_recall", waves=self.waves, stored=stored)
        self.overlap = engine._overlap.worker(self.waves, self.probe, self._fft)

    def _shifted(self, start, count):
        if self._sub_pixel:
            self._shift(start, count)
            self._probe_fft.inverse(count)

    def revise(self, start, count, fresh, bound, weights) -> None:
        self._shifted(start, count)
        self._exit_wave(start, count)
        self._fft.forward(count)
        at = self._drawer.at(start) if fresh else self._drawer.open(start, count)
        self._misfit(start, count, at, int(fresh), weights.c)
        self._slack(count, bound)
        self._update(start, count, at, int(fresh), weights.a, weights.b, weights.c)
        self._drawer.close(start, count)
        self._fft.inverse(count)

    def recall(self, start, count) -> None:
        self._shifted(start, count)
        self._recall(count, self._drawer.open(start, count))
        self._fft.inverse(count)
