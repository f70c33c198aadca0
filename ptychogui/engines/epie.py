"""ePIE (Maiden & Rodenburg 2009), rPIE and mPIE (Maiden, Johnson & Li 2017), serial or in groups without overlap."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend, Pending
from ptychogui.backends.host_memory import Arrived
from ptychogui.engines.base import Estimate, Problem, Step, learned_modes
from ptychogui.engines.constraints import Changes, Constraints
from ptychogui.engines.error_log import ErrorLog
from ptychogui.engines.exit_wave_batch import ExitWaveBatch
from ptychogui.engines.group_runner import GroupRunner
from ptychogui.engines.groups import Grouping, SerialOrder, group_capacity, probe_ellipse
from ptychogui.engines.lattice_trade import find_trade
from ptychogui.engines.momentum import Momentum
from ptychogui.engines.partition import run_on_rows, split_batches
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, Owner, collected, handed_out, put
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule

SUPPORT_POWER = 0.95
"""Share of the probe's power inside the ellipses that keep a group's positions apart. What lies outside is weak: where
such tails overlap, the object takes the sum of what each gives."""

_EVERY_ITERATION_UNTIL = 5
"""The support follows the probe in each of the first iterations, later as often as modes are made orthogonal."""

_SUPPORT_CHANGE = 0.05
"""Part of the support's area that must change before positions are grouped anew, which takes the host a while."""


class EPIE:
    """Extended ptychographical iterative engine.

    With batch_size 1, positions are updated one by one in random order. Otherwise positions whose probe supports do
    not overlap form a group: all start from the same object and probe; the object takes the sum of their updates,
    which is what the serial order gives for a fixed probe, and the probe takes their mean.
    """

    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        self.iteration = problem.iteration
        self._problem, self._settings, self._backend = problem, settings, backend
        self._rng = np.random.default_rng(settings.seed)
        positions, n, _ = problem.patterns.shape
        self._probe = backend.asarray(problem.probe.copy())
        order = backend.empty((positions,), np.int32)
        self._scan = ScanArrays.of(problem, order, settings, backend)
        self._object_schedule = Schedule.parse(settings.update_object)
        trade = find_trade(problem, self._scan, settings, backend)
        self._constraints = Constraints(problem, settings, backend, trade)
        self._capacity = min(settings.batch_size or positions, group_capacity(positions))
        self._pass = _Pass(self._scan, self._probe, self._capacity, settings, backend)
        self._group_runner = GroupRunner(self._scan, settings, backend)
        self._errors = ErrorLog(self._scan.misfit, self._scan.expected, backend, self._scan.free_misfits)
        self._grouping: Grouping | SerialOrder = SerialOrder(positions, self._rng)
        self._support = np.zeros((n, n), bool)
        self._seen: Pending | None = None
        if self._capacity > 1:
            self._group_for(problem.probe)

    def step(self) -> Step:
        """Do one pass over all positions, in a fresh order."""
        self.iteration += 1
        self._follow_probe()
        groups = self._grouping.draw()
        learned = learned_modes(self.iteration, self._settings, len(self._probe))
        moves = self._object_schedule.due(self.iteration)
        self._group_runner.run(groups, self._pass.update_group, learned, moves)
        self._pass.go_on(learned, moves)
        self._pass.follow(self._constraints.apply(self.iteration, self._scan.object, self._probe))
        self._errors.push()
        notes = (*self._group_runner.notes(), *self._constraints.notes())
        return Step(self.iteration, *self._errors.take(), notes)

    def wind_up(self) -> int:
        """Return 0: every iteration is as good an end as the other."""
        return 0

    def steady_since(self) -> int | None:
        """Return the first iteration's: all do the same."""
        return self._problem.iteration

    def finish(self) -> Step:
        """Wait for what is under way and return what no step has given yet of the last one."""
        return Step(self.iteration, *self._errors.finish())

    def estimate(self) -> Estimate:
        """Copy object (rows, columns) and probe (modes, N, N) to the host."""
        return Estimate(self._backend.to_numpy(self._scan.object), self._backend.to_numpy(self._probe))

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, whole where none is shifted."""
        geometry = self._problem.geometry
        fractions = geometry.fractions if self._scan.ramps is not None else 0.0
        return np.asarray(geometry.corners + fractions)

    def errors_of_positions(self) -> np.ndarray:
        """float32 (positions,): the error of each by itself, as the last iteration found it; NaN before the first."""
        return self._errors.of_positions()

    def state(self) -> EngineState:
        """Return all that the next iterations depend on."""
        seen = {} if self._seen is None else {"seen": self._seen.wait()}
        own = {"iteration": self.iteration, "random": self._rng.bit_generator.state, "support": self._support, **seen}
        return {**own, **self._estimated(), **collected(self._owners())}

    def restore(self, state: EngineState) -> None:
        """Stand where the engine stood that gave this state."""
        self.iteration, self._rng.bit_generator.state = state["iteration"], state["random"]
        put(self._estimated(), state, self._backend)
        self._seen = Arrived(state["seen"]) if "seen" in state else None
        if self._capacity > 1:
            self._group_within(np.array(state["support"]))
        handed_out(state, self._owners())

    def _owners(self) -> dict[str, Owner]:
        return {
            "groups": self._grouping, "passing": self._pass, "errors": self._errors, "constraints": self._constraints,
        }  # fmt: skip

    def _estimated(self) -> EngineState:
        return {"object": self._scan.object, "probe": self._probe}

    def _follow_probe(self) -> None:
        """Group the positions anew where the probe of one iteration ago asks for it.

        That copy was queued then, so nothing waits for it now, and which probe it is does not depend on timing.
        """
        if self._seen is not None:
            self._group_for(self._seen.wait())
        self._seen = self._backend.read_later(self._probe) if self._support_is_due_next() else None

    def _support_is_due_next(self) -> bool:
        early = self.iteration < _EVERY_ITERATION_UNTIL
        return self._capacity > 1 and (early or self.iteration % self._settings.orthogonalize_every == 0)

    def _group_for(self, probe: np.ndarray) -> None:
        """Group the positions for a probe, complex64 (modes, N, N) on the host, if its support differs by much."""
        power = (np.abs(probe) ** 2).sum(axis=0, dtype=np.float64)
        support = probe_ellipse(power, SUPPORT_POWER)
        if np.count_nonzero(support != self._support) > _SUPPORT_CHANGE * np.count_nonzero(self._support):
            self._group_within(support)

    def _group_within(self, support: np.ndarray) -> None:
        self._support = support
        self._grouping = Grouping(self._problem.geometry.corners, support, self._capacity, self._rng)


class _Pass:
    """One pass over the positions after the other: the memory for it, and the kernels bound to that."""

    def __init__(
        self, scan: ScanArrays, probe: Array, capacity: int, settings: Reconstruction, backend: Backend
    ) -> None:
        self.probe = probe
        self._scan, self._settings, self._backend = scan, settings, backend
        self._n = probe.shape[-1]
        self._sub_pixel = scan.ramps is not None
        self._spectrum = backend.empty(probe.shape, np.complex64) if self._sub_pixel else None
        self._slices = 1 if self._sub_pixel else backend.slices
        self._sums = backend.empty((backend.lanes * self._slices, *probe.shape), np.complex64)
        self._strongest = backend.empty((1, self._n), np.float32)
        self._slots = backend.batch_size(probe.nbytes * (2 if self._sub_pixel else 1))
        self._pulls = backend.empty((capacity, self._n, self._n), np.complex64)
        self._workers = [self._worker() for _ in range(backend.workers)]
        places = {"corners": scan.corners, "order": scan.order}
        self._gather = backend.bind("gather_object", object=scan.object, pulls=self._pulls, **places)
        stepped = probe if self._spectrum is None else self._spectrum
        self._step = backend.bind("probe_step", probe=stepped, sums=self._sums)
        self._copy = backend.bind("scale_waves", scaled=probe, waves=stepped)
        self._power = backend.bind("probe_power", rows=self._strongest, probe=probe)
        self._probe_fft, self._spectrum_fft = (backend.fft_pair(array[None]) for array in (probe, stepped))
        self._take_probe()
        share = settings.momentum
        self._momenta = [Momentum(array, share, backend) for array in (scan.object, stepped)] if share else []

    def _worker(self) -> _Worker:
        exit_waves = ExitWaveBatch(self._scan, self.probe, self._spectrum, self._slots, self._backend)
        pie = (self._pulls, self._sums, self._strongest)
        return _Worker(exit_waves, self._scan, *pie, self._settings, self._backend)

    def follow(self, changes: Changes) -> None:
        """Renew what follows from an object and a probe that were changed between iterations."""
        if changes.probe:
            self._take_probe()
        turned = changes.shift is not None or changes.rotation is not None or changes.scale is not None
        for momentum in self._momenta:
            if turned:
                momentum.rest()
            elif changes.probe or changes.object:
                momentum.start_here()

    def state(self) -> EngineState:
        """Return the spectrum, which steps change where it is there, and what moves by momentum."""
        return {**self._stepped(), **collected(self._moving())}

    def restore(self, state: EngineState) -> None:
        """Go on as one that gave this state; the probe is there already."""
        put(self._stepped(), state, self._backend)
        handed_out(state, self._moving())
        self._find_strongest()

    def _moving(self) -> dict[str, Owner]:
        return dict(zip(("object", "probe"), self._momenta, strict=False))

    def _stepped(self) -> EngineState:
        return {} if self._spectrum is None else {"spectrum": self._spectrum}

    def update_group(self, start: int, stop: int, modes: int, moves: bool) -> None:
        """Update the object, if it moves, and the first `modes` probe modes from positions [start, stop) of order."""
        batches = split_batches(start, stop, self._slots, self._backend.lanes)

        def explore(worker: int, lane: int, first: int, last: int) -> None:
            self._backend.break_point()
            fresh = first == batches[lane][0]
            self._workers[worker].explore(first, last, first - start, lane, fresh, modes > 0)

        self._backend.run(batches, explore)
        if moves:
            self._move_object(start, stop - start)
        if modes:
            used = self._slices * min(self._backend.lanes, len(batches))
            self._move_probe(modes, used, self._settings.probe_step / (stop - start))

    def _move_object(self, start: int, count: int) -> None:
        """Add what the positions of a group give to the object."""
        rows, step = self._scan.object.shape[0], self._settings.object_step
        work = count * self._n**2
        run_on_rows(self._backend, rows, work, lambda top, here: self._gather(start, count, top, here, step))

    def _move_probe(self, modes: int, used: int, step: float) -> None:
        """Add the mean direction to the first `modes` modes of the probe."""
        rows = modes * self._n
        if self._spectrum is not None:
            step /= self._n**2
        run_on_rows(
            self._backend, rows, used * rows * self._n, lambda first, count: self._step(first, count, used, step)
        )
        self._renew()

    def go_on(self, modes: int, moves: bool) -> None:
        """Give the object, if it moves, and the first `modes` modes of the probe their momentum."""
        for momentum, part in zip(self._momenta, (float(moves), modes / len(self.probe)), strict=False):
            if part:
                momentum.step(part)
        if self._momenta and modes:
            self._renew()

    def _take_probe(self) -> None:
        """Begin with the probe that is there: renew its spectrum and its strongest pixels."""
        if self._spectrum is not None:
            self._spectrum[...] = self.probe
            self._spectrum_fft.forward(1)
            self._spectrum *= np.float32(1 / self._n**2)
        self._find_strongest()

    def _renew(self) -> None:
        """Renew what follows from the spectrum, or from the probe where no spectrum is kept."""
        if self._spectrum is not None:
            run_on_rows(self._backend, len(self.probe) * self._n, self.probe.size, lambda *rows: self._copy(*rows, 1.0))
            self._probe_fft.inverse(1)
        self._find_strongest()

    def _find_strongest(self) -> None:
        run_on_rows(self._backend, self._n, self.probe.size, self._power)


class _Worker:
    """One worker's share of a group."""

    def __init__(  # noqa: PLR0913 - all that it binds
        self, exit_waves: ExitWaveBatch, scan: ScanArrays, pulls: Array, sums: Array, strongest: Array,
        settings: Reconstruction, backend: Backend,
    ) -> None:  # fmt: skip
        self._exit_waves, self._alpha = exit_waves, settings.regularization
        self._sub_pixel, self._slices = scan.ramps is not None, backend.slices
        arrays = {
            "waves": exit_waves.waves, "pulls": pulls, "probe": exit_waves.probe, "object": scan.object,
            "brightest": exit_waves.brightest, "strongest": strongest, "corners": scan.corners, "order": scan.order,
        }  # fmt: skip
        if self._sub_pixel:
            self._update = backend.bind("pie_update", **arrays)
            ramps = {"ramps": scan.ramps, "order": scan.order}
            self._sum_shifted = backend.bind("sum_waves_shifted", sums=sums, waves=exit_waves.waves, **ramps)
        else:
            self._summed_update = backend.bind("pie_summed_update", sums=sums, **arrays)

    def explore(self, start: int, stop: int, first: int, lane: int, fresh: bool, learn_probe: bool) -> None:
        """Revise the exit waves of a batch and find what they give: to the object from slot `first`, to the lane."""
        count = stop - start
        self._exit_waves.revise(start, stop, light=True)
        if not self._sub_pixel:
            lanes = lane * self._slices, self._slices
            self._summed_update(start, count, first, *lanes, int(fresh), self._alpha)
            return
        self._update(start, count, first, self._alpha)
        if learn_probe:
            self._exit_waves.fft.forward(count)
            self._sum_shifted(start, lane, count, int(fresh))
