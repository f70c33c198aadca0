"""The difference map (Thibault et al. 2008, 2009) and RAAR (Luke 2005), relaxed for noise where asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.average import Average
from ptychogui.engines.base import Estimate, Problem, Step, learned_modes
from ptychogui.engines.constraints import Changes, Constraints
from ptychogui.engines.dm_worker import IterationPlan, Shared, Spectrum, Visit, Weights, Worker, bound_at
from ptychogui.engines.error_log import ErrorLog
from ptychogui.engines.lattice_trade import find_trade
from ptychogui.engines.overlap import Lanes, Overlap, Rounds
from ptychogui.engines.scan_arrays import ScanArrays, is_sub_pixel
from ptychogui.engines.state import EngineState, Owner, collected, handed_out, put
from ptychogui.engines.stored_exit_waves import StoredExitWaves, WaveTransform
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule

_AVERAGED_AT_LEAST = 5
"""Iterations whose objects and probes are averaged where a run ends early."""


class DifferenceMap:
    """Difference map and relaxed averaged alternating reflections.

    The exit waves of all positions are the state. An iteration takes each one, and the product of object and probe in
    its place, to the next exit wave, and then finds the object and the probe whose products fit all of these best. With
    photon noise no product fits, and the iteration goes on wandering about the solution: the result is the mean of the
    last objects and probes.
    """

    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        self.iteration = self._begin = problem.iteration
        self._problem, self._settings, self._backend = problem, settings, backend
        modes, n, _ = problem.probe.shape
        self._probe = backend.asarray(problem.probe.copy())
        shifted = is_sub_pixel(problem, settings)
        slots = backend.batch_size(self._probe.nbytes * (3 if shifted else 2))
        lanes = Lanes.of(problem.geometry.corners, n, slots, backend.lanes)
        self._scan = ScanArrays.of(problem, backend.asarray(lanes.order), settings, backend)
        self._batches, self._weights = lanes.batches, Weights.of(settings)
        self._update_object = Schedule.parse(settings.update_object)
        trade = find_trade(problem, self._scan, settings, backend)
        self._constraints = Constraints(problem, settings, backend, trade)
        self._overlap = Overlap(self._scan, self._probe, lanes, settings, backend)
        self._rounds, self._transform = Rounds(settings, backend), WaveTransform(modes, n, backend)
        self._spectrum = Spectrum(self._probe, backend) if shifted else None
        self._kept = StoredExitWaves(len(lanes.order), self._probe.shape, settings.half_precision, backend)
        reflected = backend.asarray(np.zeros((len(lanes.order), 2, n), np.float32))
        shared = Shared(self._scan, reflected, self._probe, self._spectrum, self._overlap, self._kept, self._transform)
        self._workers = [Worker(shared, slots, backend) for _ in range(backend.workers)]
        self._errors = ErrorLog(self._scan.misfit, self._scan.expected, backend, self._scan.free_misfits)
        last = round(settings.average_last * settings.passes)
        self._average = Average(self._scan.object, self._probe, settings.passes, last, backend)

    def step(self) -> Step:
        """Do one pass over all positions."""
        plan = IterationPlan(
            fresh=self.iteration == self._begin,
            moves=self._update_object.due(self.iteration + 1),
            learned=learned_modes(self.iteration + 1, self._settings, len(self._probe)),
            bound=bound_at((self.iteration - self._begin) / self._settings.passes, self._settings),
            weights=self._weights,
        )
        self.iteration += 1
        self._project(plan)
        changes = self._constraints.apply(self.iteration, self._scan.object, self._probe)
        self._follow(changes)
        self._average.take(changes)
        self._errors.push()
        return Step(self.iteration, *self._errors.take(), self._constraints.notes())

    def wind_up(self) -> int:
        """Begin with the mean, unless it is under way or none is wanted; return how many iterations it still takes."""
        return self._average.begin(_AVERAGED_AT_LEAST)

    def steady_since(self) -> int | None:
        """Return None: how far the modulus constraint is kept, and the mean, depend on how much of the run is over."""
        return None

    def finish(self) -> Step:
        """Wait for what is under way and return what no step has given yet of the last one."""
        return Step(self.iteration, *self._errors.finish())

    def estimate(self) -> Estimate:
        """Copy object (rows, columns) and probe (modes, N, N) to the host: the mean of the last ones, at the end."""
        obj, probe = self._average.arrays
        return Estimate(self._backend.to_numpy(obj), self._backend.to_numpy(probe))

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, whole where none is shifted."""
        geometry = self._problem.geometry
        fractions = geometry.fractions if self._scan.ramps is not None else 0.0
        return np.asarray(geometry.corners + fractions)

    def errors_of_positions(self) -> np.ndarray:
        """float32 (positions,): the error of each by itself, as the last iteration found it; NaN before the first."""
        return self._errors.of_positions()

    def state(self) -> EngineState:
        """Return all that the next iterations depend on; the exit waves are most of it, once there are some."""
        return {"iteration": self.iteration, **self._estimated(), **collected(self._owners())}

    def restore(self, state: EngineState) -> None:
        """Stand where the engine stood that gave this state."""
        self.iteration = state["iteration"]
        put(self._estimated(), state, self._backend)
        if self._spectrum is not None:
            self._spectrum.renew()
        handed_out(state, self._owners())

    def _owners(self) -> dict[str, Owner]:
        waves = {"waves": self._kept} if self.iteration > self._begin else {}
        return {
            "rounds": self._rounds, "average": self._average, "errors": self._errors,
            "constraints": self._constraints, **waves,
        }  # fmt: skip

    def _estimated(self) -> EngineState:
        return {"object": self._scan.object, "probe": self._probe}

    def _project(self, plan: IterationPlan) -> None:
        """Renew all exit waves, and project them onto products of object and probe in as many rounds as it takes."""
        rounds = self._rounds.begin() if plan.learned else 1
        self._visit(lambda worker, visit: worker.revise(visit, plan))
        changes = [self._solve(plan)]
        for _ in range(rounds - 1):
            changes += [self._solve_again(part) for part in plan.parts]
        self._rounds.end([change for change in changes if change is not None])

    def _solve_again(self, plan: IterationPlan) -> Array | None:
        """Visit the same exit waves once more."""
        self._visit(lambda worker, visit: worker.recall(visit, plan))
        return self._solve(plan)

    def _solve(self, plan: IterationPlan) -> Array | None:
        change = self._overlap.solve(plan.moves, plan.learned)
        if change is not None and self._spectrum is not None:
            self._spectrum.renew()
        return change

    def _follow(self, changes: Changes) -> None:
        """Renew what follows from a probe and an object that were changed between iterations."""
        if changes.probe and self._spectrum is not None:
            self._spectrum.renew()
        if self._transform.set(changes):
            self._visit(Worker.follow)

    def _visit(self, work: Callable[[Worker, Visit], None]) -> None:
        """Let the workers do something with the exit waves of every batch."""
        batches = self._batches

        def visit(worker: int, lane: int, start: int, stop: int) -> None:
            self._backend.break_point()
            work(self._workers[worker], Visit(start, stop - start, lane, start == batches[lane][0]))

        self._backend.run(batches, visit)
