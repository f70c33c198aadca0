"""LSQML: least-squares maximum likelihood (Odstrcil, Menzel & Guizar-Sicairos, Opt. Express 26, 3108, 2018)."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines.base import Estimate, Problem, Step, learned_modes, probe_varies
from ptychogui.engines.constraints import Changes, Constraints, normalize
from ptychogui.engines.error_log import LAG, ErrorLog
from ptychogui.engines.gated_momentum import Gate, GatedMomentum, object_weight
from ptychogui.engines.group_growth import GroupGrowth
from ptychogui.engines.group_runner import GroupRunner
from ptychogui.engines.groups import draw_groups
from ptychogui.engines.lattice_trade import find_trade
from ptychogui.engines.likelihood import LikelihoodChoice
from ptychogui.engines.lsqml_directions import Directions, Updates
from ptychogui.engines.object_movement import ObjectMovement
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, Owner, collected, handed_out, put
from ptychogui.engines.variable_probe import VariableProbe
from ptychogui.errors import ParameterError
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule

_FIRST_DAMPING, _CALMER = 0.5, 0.85
"""Damping of the job's first iteration, and the factor of each one after it, down to the settings' own: while the probe
is wrong, weakly lit pixels would take its errors."""

_SCALE_EVERY = 10
"""Iterations between removals of the scale that object and probe can trade."""


class LSQML:
    """Least-squares maximum likelihood, in groups of positions that are updated together.

    A group's exit waves give preconditioned directions of object and probe, and the pair of real steps along them that
    fits all of its exit waves best. Groups are small at first, for fast convergence, and at last the whole scan, so
    that the noise of single groups averages out: see engines.group_growth.
    """

    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        _check_coupling(problem, settings)
        self.iteration = self._begin = problem.iteration
        self._problem, self._settings, self._backend = problem, settings, backend
        self._rng = np.random.default_rng(settings.seed)
        self._refine, self._update_object, self._vary = map(
            Schedule.parse, (settings.position_correction, settings.update_object, settings.update_opr))  # fmt: skip
        self._variable = VariableProbe(problem, settings, backend) if probe_varies(settings) else None
        self._probe = backend.asarray(problem.probe.copy()) if self._variable is None else self._variable.probe
        order = backend.empty((len(problem.patterns),), np.int32)
        self._scan = ScanArrays.of(problem, order, settings, backend, settings.position_correction != "never")
        self._likelihood = LikelihoodChoice(settings.noise_model)
        self._directions = Directions(
            self._scan, self._probe, problem.geometry, settings, backend, self._likelihood.names, self._variable
        )
        trade = find_trade(problem, self._scan, settings, backend, self._directions.rests)
        self._constraints = Constraints(problem, settings, backend, trade)
        self._group_runner = GroupRunner(self._scan, settings, backend)
        self._errors = ErrorLog(self._scan.misfit, self._scan.expected, backend, self._scan.free_misfits)
        self._gate, gain = Gate(backend), settings.momentum
        moving = (self._scan.object, self._probe) if gain else ()
        self._momenta = [GatedMomentum(array, gain, backend) for array in moving]
        positions, first = len(problem.patterns), settings.batch_size or 0
        photons, improved = photons_per_pixel(problem), problem.iteration > 0
        self._growth = GroupGrowth(positions, first, photons, settings.passes, improved)
        self._movement = ObjectMovement(problem, self._scan.object, backend)
        self._known: list[float] = []

    def step(self) -> Step:
        """Do one pass over all positions."""
        self.iteration += 1
        size = self._group_size()
        updates = self._updates_of(size)
        corners = self._problem.geometry.corners
        groups = draw_groups(self._settings.grouping, corners, size, self._rng)
        self._group_runner.run(groups, self._directions.update_group, updates)
        if updates.positions:
            self._directions.move_positions(updates.coupled)
        if self._variable is not None and updates.variation:
            self._variable.move(bool(updates.modes), updates.damping)
        self._errors.push()
        if self._momenta:
            self._go_on(updates)
        self._constrain(updates)
        if self._settings.batch_growth and self._growth.asks:
            self._movement.look()
        notes = (*self._likelihood.notes(), *self._group_runner.notes(), *self._constraints.notes())
        return self._told(*self._errors.take(), notes)

    def wind_up(self) -> int:
        """Take the whole scan from now on, which takes the noise of small groups out of object and probe."""
        return self._growth.wind_up(self.iteration - self._begin) if self._settings.batch_growth else 0

    def steady_since(self) -> int | None:
        """Return since when groups have not grown and the likelihood is the same; None where groups still may grow."""
        since = self._growth.steady_since if self._settings.batch_growth else 0
        return None if since is None else max(self._begin + since, self._likelihood.since)

    def finish(self) -> Step:
        """Wait for what is under way and return what no step has given yet of the last one."""
        return self._told(*self._errors.finish())

    def _told(self, errors: tuple[float, ...], free_errors: tuple[float, ...], notes: tuple[str, ...] = ()) -> Step:
        """Return what is known by now, and keep its errors: groups grow by them."""
        self._known += errors
        return Step(self.iteration, errors, free_errors, notes)

    def estimate(self) -> Estimate:
        """Copy object (rows, columns), probe (modes, N, N) and how it varies to the host."""
        variation = None if self._variable is None else self._variable.variation()
        return Estimate(self._backend.to_numpy(self._scan.object), self._backend.to_numpy(self._probe), variation)

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, as now refined."""
        return self._directions.positions_px()

    def errors_of_positions(self) -> np.ndarray:
        """float32 (positions,): the error of each by itself, as the last iteration found it; NaN before the first."""
        return self._errors.of_positions()

    def state(self) -> EngineState:
        """Return all that the next iterations depend on."""
        own = {"iteration": self.iteration, "random": self._rng.bit_generator.state, "known": np.array(self._known)}
        return {**own, **self._estimated(), **collected(self._owners())}

    def restore(self, state: EngineState) -> None:
        """Stand where the engine stood that gave this state."""
        self.iteration, self._rng.bit_generator.state = state["iteration"], state["random"]
        self._known = np.array(state["known"]).tolist()
        put(self._estimated(), state, self._backend)
        handed_out(state, self._owners())

    def _estimated(self) -> EngineState:
        """Return object and probe; one that varies is its owner's."""
        return {"object": self._scan.object} | ({} if self._variable else {"probe": self._probe})

    def _owners(self) -> dict[str, Owner]:
        """Return who owns a part of the state, the probe's owner before those who follow it."""
        variable = {} if self._variable is None else {"variable": self._variable}
        momenta = dict(zip(("object_momentum", "probe_momentum"), self._momenta, strict=False))
        return {
            **variable, "directions": self._directions, "gate": self._gate, **momenta, "growth": self._growth,
            "movement": self._movement, "likelihood": self._likelihood, "errors": self._errors,
            "constraints": self._constraints,
        }  # fmt: skip

    def _updates_of(self, size: int) -> Updates:
        """Return what this iteration, in groups of a size, updates."""
        refines = self._refine.due(self.iteration)
        return Updates(
            object=self._update_object.due(self.iteration),
            modes=learned_modes(self.iteration, self._settings, len(self._probe)),
            positions=refines,
            coupled=refines and self._settings.position_coupled and size >= _coupled_from(self._problem),
            damping=max(self._damping(size), _FIRST_DAMPING * _CALMER ** (self.iteration - 1)),
            variation=self._variable is not None and self._vary.due(self.iteration),
            noise_model=self._likelihood.of(self.iteration, self._settled_errors()),
        )

    def _damping(self, size: int) -> float:
        """Return the damping that groups of a size come down to."""
        return self._settings.damping * (self._growth.caution(size) if self._settings.batch_growth else 1.0)

    def _group_size(self) -> int:
        """Return the most positions of a group in this iteration."""
        if not self._settings.batch_growth:
            return self._growth.first
        return self._growth.size(self.iteration - 1 - self._begin, self._settled_errors(), self._movement.goes_on)

    def _settled_errors(self) -> list[float]:
        """Return the errors of the stage's iterations that are known by now on every device."""
        return self._known[: max(0, self.iteration - 1 - self._begin - LAG)]

    def _go_on(self, updates: Updates) -> None:
        """Give what was updated its momentum."""
        self._gate.take(self._errors.latest)
        momentum_of_object, momentum_of_probe = self._momenta
        if updates.object:
            obj = self._scan.object
            momentum_of_object.step(self._gate, len(obj), object_weight(self._directions.illumination))
        if updates.modes:
            momentum_of_probe.step(self._gate, updates.modes)
            self._directions.take_probe()

    def _constrain(self, updates: Updates) -> None:
        """Apply what is asked for between iterations, and take out the scale that object and probe can trade."""
        obj = self._scan.object
        changes = self._constraints.apply(self.iteration, obj, self._probe)
        free = self._settings.object_clamp is None  # a clamp says what the object's scale is
        scaled = free and updates.object and updates.modes and self.iteration % _SCALE_EVERY == 0
        scale = normalize(obj, self._probe, self._directions.illumination, self._backend.xp) if scaled else None
        if self._variable is not None:
            self._variable.follow(changes, scale)
        if changes.probe or scaled or updates.variation:
            self._directions.take_probe()
        if changes.probe or changes.object or scaled:
            self._follow(changes)

    def _follow(self, changes: Changes) -> None:
        """Let momentum start from an object and a probe that were changed between iterations.

        A new scale is close to the old one, so movement goes on; after a shift, or a turn of the modes, it starts anew.
        """
        for momentum, turned in zip(self._momenta, (False, changes.rotation is not None), strict=False):
            if turned or changes.shift is not None:
                momentum.rest()
            else:
                momentum.start_here()


def _coupled_from(problem: Problem) -> int:
    """Return the fewest positions of a group whose shifts are coupled to its steps: half of the scan.

    In a small group, the object's direction at a position is what this position itself asks for: it would explain the
    position's shift as well, and take it.
    """
    return len(problem.geometry.corners) // 2


def _check_coupling(problem: Problem, settings: Reconstruction) -> None:
    """Refuse coupled positions that are never refined, or in no group that is large enough.

    Raises:
        ParameterError: positions stay, or groups don't grow and are smaller than half of the scan.
    """
    if settings.position_coupled and settings.position_correction == "never":
        raise ParameterError(
            "reconstruction.position_coupled has no effect on positions that are never refined: leave "
            "--position-coupled out, or give another --position-correction"
        )
    half = _coupled_from(problem)
    if settings.position_coupled and not settings.batch_growth and (settings.batch_size or 0) < half:
        raise ParameterError(
            f"reconstruction.position_coupled needs groups of half of the scan, {half} positions, or more: leave "
            f"--no-batch-growth out, or give --batch-size {half}"
        )


def photons_per_pixel(problem: Problem) -> float:
    """Return the photons that all positions together bring to a pixel of the object.

    The lit area is a rectangle around the scan, as wide as the part of the probe above a tenth of its peak.
    """
    power = (np.abs(problem.probe) ** 2).sum(axis=0, dtype=np.float64)
    width_px = np.sqrt(np.count_nonzero(power > 0.1 * power.max()))
    area = np.prod(np.ptp(problem.geometry.corners, axis=0) + width_px)
    return float(power.sum() * len(problem.geometry.corners) / area)
