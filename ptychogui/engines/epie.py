"""ePIE (Maiden & Rodenburg 2009) and rPIE (Maiden, Johnson & Li 2017), serial or in groups that do not overlap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ptychogui.backends.base import Array, Backend, Batch
from ptychogui.engines.base import Estimate, Problem, Step
from ptychogui.engines.groups import Grouping, SerialOrder, group_capacity, probe_ellipse
from ptychogui.engines.scratch import Fields, Scratch
from ptychogui.params.model import Reconstruction
from ptychogui.physics.modes import orthogonalize
from ptychogui.physics.probe import phase_ramps

SUPPORT_POWER = 0.95
"""Share of the probe's power inside the ellipses that keep a group's positions apart. What lies outside is weak: where
such tails overlap, the object takes the sum of what each gives."""

_EVERY_ITERATION_UNTIL = 5
"""The support follows the probe in each of the first iterations, later with each orthogonalization."""


_NEGLIGIBLE_PX = 1e-4
"""Sub-pixel rests below this are rounding errors of positions on whole pixels."""

_WORTH_A_WORKER = 1 << 18
"""Elements to pass over that take longer than to wake another worker."""


class EPIE:
    """Extended ptychographical iterative engine.

    With batch_size 1, positions are updated one by one in random order. Otherwise positions whose probe supports do
    not overlap form a group: all start from the same object and probe; the object takes the sum of their updates,
    which is what the serial order gives for a fixed probe, and the probe takes their mean.
    """

    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        self.iteration = 0
        self._problem, self._settings, self._backend = problem, settings, backend
        self._rng = np.random.default_rng(settings.seed)
        positions, n, _ = problem.amplitudes.shape
        geometry = problem.geometry
        sub_pixel = settings.sub_pixel == "fourier" and float(np.abs(geometry.fractions).max()) > _NEGLIGIBLE_PX
        self._probe = backend.asarray(problem.probe.copy())
        self._fields = Fields(
            amplitudes=backend.asarray(problem.amplitudes),
            corners=backend.asarray(geometry.corners),
            order=backend.empty((positions,), np.int32),
            object=backend.asarray(problem.object.copy()),
            misfit=backend.asarray(np.zeros((positions, n), np.float32)),
            expected=backend.asarray(np.zeros((positions, n), np.float32)),
            ramps=backend.asarray(phase_ramps(geometry.fractions, n)) if sub_pixel else None,
        )
        self._capacity = min(settings.batch_size or positions, group_capacity(positions))
        self._pass = _Pass(self._fields, self._probe, self._capacity, settings, backend)

    def step(self) -> Step:
        """Do one pass over all positions, in a fresh order."""
        self.iteration += 1
        if self._support_is_due():
            self._follow_probe()
        groups = self._grouping.draw()
        self._fields.order[...] = self._backend.asarray(np.concatenate(groups))
        start = 0
        for group in groups:
            self._pass.update_group(start, start + len(group), self._learned_modes())
            start += len(group)
        self._constrain()
        return Step(self.iteration, self._error())

    def estimate(self) -> Estimate:
        """Copy object (rows, columns) and probe (modes, N, N) to the host."""
        return Estimate(self._backend.to_numpy(self._fields.object), self._backend.to_numpy(self._probe))

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, whole where none is shifted."""
        geometry = self._problem.geometry
        fractions = geometry.fractions if self._fields.ramps is not None else 0.0
        return np.asarray(geometry.corners + fractions)

    def _learned_modes(self) -> int:
        """Return how many probe modes this iteration updates; all of them are in the model from the start."""
        if self.iteration < self._settings.update_probe:
            return 0
        return 1 if self.iteration < self._settings.update_modes else len(self._probe)

    def _support_is_due(self) -> bool:
        done = self.iteration - 1
        return done < _EVERY_ITERATION_UNTIL or done % self._settings.orthogonalize_every == 0

    def _follow_probe(self) -> None:
        """Group the positions anew for the support that the probe has now."""
        corners = self._problem.geometry.corners
        if self._capacity == 1:
            self._grouping: Grouping | SerialOrder = SerialOrder(len(corners), self._rng)
            return
        power = (np.abs(self._backend.to_numpy(self._pass.probe)) ** 2).sum(axis=0, dtype=np.float64)
        self._grouping = Grouping(corners, probe_ellipse(power, SUPPORT_POWER), self._capacity, self._rng)

    def _constrain(self) -> None:
        """Apply what is asked for between iterations."""
        xp = self._backend.xp
        due = self.iteration % self._settings.orthogonalize_every == 0
        if due and self._learned_modes() > 1:
            self._pass.probe[...] = orthogonalize(self._pass.probe, xp=xp)
            self._pass.take_probe()
        if self.iteration <= self._settings.phase_constraint:
            obj = self._fields.object
            obj[...] = xp.abs(obj) * xp.exp(1j * xp.minimum(xp.angle(obj), 0))

    def _error(self) -> float:
        """Return the misfit of this pass in photon-noise units."""
        misfit, expected = (float(rows.sum(dtype=np.float64)) for rows in (self._fields.misfit, self._fields.expected))
        return float(np.sqrt(misfit / expected)) if expected > 0 else 0.0


class _Pass:
    """What a pass over the positions needs: scratch memory of every worker, and the kernels bound to it."""

    def __init__(self, fields: Fields, probe: Array, capacity: int, settings: Reconstruction, backend: Backend) -> None:
        self.probe = probe
        self._fields, self._settings, self._backend = fields, settings, backend
        modes, self._n, _ = probe.shape
        self._sub_pixel = fields.ramps is not None
        self._spectrum = backend.empty(probe.shape, np.complex64) if self._sub_pixel else None
        self._sums = backend.empty((backend.lanes, *probe.shape), np.complex64)
        self._strongest = backend.empty((1,), np.float32)
        rows = backend.empty((1, self._n), np.float32)
        self._slots = backend.batch_size(probe.nbytes * (2 if self._sub_pixel else 1))
        self._pulls = backend.empty((capacity, self._n, self._n), np.complex64)
        self._workers = [self._worker() for _ in range(backend.workers)]
        places = {"corners": fields.corners, "order": fields.order}
        self._gather = backend.bind("gather_object", object=fields.object, pulls=self._pulls, **places)
        self._step = backend.bind("probe_step", probe=self._spectrum if self._sub_pixel else probe, sums=self._sums)
        self._power = backend.bind("probe_power", rows=rows, probe=probe)
        self._max = backend.bind("row_max", most=self._strongest, rows=rows)
        self._fft = backend.fft_pair(probe.reshape(1, modes, self._n, self._n))
        self.take_probe()

    def _worker(self) -> _Worker:
        scratch = Scratch(self._fields, self.probe, self._spectrum, self._slots, self._backend)
        pie = (self._pulls, self._sums, self._strongest)
        return _Worker(scratch, self._fields, *pie, self._settings, self._backend)

    def take_probe(self) -> None:
        """Renew what follows from the probe: its spectrum and its strongest pixel."""
        if self._spectrum is not None:
            self._fft.forward(1)
            self._spectrum[...] = self.probe * np.float32(1 / self._n**2)
            self._fft.inverse(1)
            self.probe *= np.float32(1 / self._n**2)
        self._power(0, self._n)
        self._max(1)

    def update_group(self, start: int, stop: int, modes: int) -> None:
        """Update the object and the first `modes` probe modes from positions [start, stop) of the order."""
        batches = _split(start, stop, self._slots, self._backend.lanes)
        lanes = self._backend.lanes

        def explore(worker: int, lane: int, first: int, last: int) -> None:
            fresh = first == batches[lane][0]
            self._workers[worker].explore(first, last, first - start, lane, fresh, modes > 0)

        self._backend.run(batches, explore)
        rows = self._fields.object.shape[0]
        step = self._settings.object_step
        work = (stop - start) * self._n**2
        self._on_rows(rows, work, lambda top, count: self._gather(start, stop - start, top, count, step))
        if modes:
            self._move_probe(modes, min(lanes, len(batches)), self._settings.probe_step / (stop - start))

    def _move_probe(self, modes: int, used: int, step: float) -> None:
        """Add the mean direction to the first `modes` modes of the probe."""
        rows = modes * self._n
        if self._spectrum is not None:
            step /= self._n**2
        self._on_rows(rows, used * rows * self._n, lambda first, count: self._step(first, count, used, step))
        if self._spectrum is not None:
            self.probe[...] = self._spectrum
            self._fft.inverse(1)
        self._on_rows(self._n, self.probe.size, self._power)
        self._max(1)

    def _on_rows(self, rows: int, elements: int, work: Callable[[int, int], None]) -> None:
        """Call work(first, count) on blocks of rows, as many as `elements` in all are worth workers."""
        blocks = max(1, min(self._backend.workers, elements // _WORTH_A_WORKER))
        cuts = [rows * i // blocks for i in range(blocks + 1)]
        self._backend.run(list(pairwise(cuts)), lambda _worker, _lane, first, last: work(first, last - first))


class _Worker:
    """One worker's share of a group."""

    def __init__(  # noqa: PLR0913 - all that it binds
        self, scratch: Scratch, fields: Fields, pulls: Array, sums: Array, strongest: Array, settings: Reconstruction,
        backend: Backend,
    ) -> None:  # fmt: skip
        self._scratch, self._settings = scratch, settings
        self._sub_pixel = fields.ramps is not None
        self._update = backend.bind(
            "pie_update", waves=scratch.waves, pulls=pulls, probe=scratch.probe, object=fields.object,
            brightest=scratch.brightest, strongest=strongest, corners=fields.corners, order=fields.order)  # fmt: skip
        if self._sub_pixel:
            ramps = {"ramps": fields.ramps, "order": fields.order}
            self._sum_shifted = backend.bind("sum_waves_shifted", sums=sums, waves=scratch.waves, **ramps)
        else:
            self._sum = backend.bind("sum_waves", sums=sums, waves=scratch.waves)

    def explore(self, start: int, stop: int, first: int, lane: int, fresh: bool, learn_probe: bool) -> None:
        """Revise the exit waves of a batch and find what they give: to the object from slot `first`, to the lane."""
        count = stop - start
        self._scratch.revise(start, stop)
        self._update(start, count, first, self._settings.regularization)
        if not learn_probe:
            return
        if self._sub_pixel:
            self._scratch.fft.forward(count)
            self._sum_shifted(start, lane, count, int(fresh))
        else:
            self._sum(lane, count, int(fresh))


def _split(start: int, stop: int, slots: int, lanes: int) -> list[Batch]:
    """Cut [start, stop) into even batches of at most `slots`, at least enough of them to keep several workers busy."""
    pieces = max(-(-(stop - start) // slots), min(lanes, stop - start))
    cuts = [start + (stop - start) * i // pieces for i in range(pieces + 1)]
    return list(pairwise(cuts))
