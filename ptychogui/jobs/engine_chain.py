"""Chain of a job's engines: each goes on from the estimate of the one before, or goes back where it diverges."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import create_engine
from ptychogui.engines.base import Engine, Estimate, Problem, Step
from ptychogui.engines.lsqml import photons_per_pixel
from ptychogui.engines.state import EngineState, joined, part_of
from ptychogui.errors import DivergedError, ParameterError
from ptychogui.jobs.checkpoints.standing import Standing, named_standings, named_state
from ptychogui.jobs.convergence import setback, steps_text, way_out_of_divergence
from ptychogui.jobs.free_error import FreeErrorWatch
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.jobs.settling import has_settled
from ptychogui.jobs.stages import PlannedStage, check_crops, coarsest, planned_stages
from ptychogui.params.chain import ENGINE_TITLES, Stage
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.coarser_pixel import (
    counts_share,
    crop_patterns,
    matching_scale,
    resample_object,
    resample_probe,
    resample_variation,
)
from ptychogui.physics.scan import ScanGeometry, coarser, illumination, move_windows

_log = logging.getLogger(__name__)

_COPY_EVERY = 10
"""Iterations between copies of the estimate that a diverging engine goes back to."""

_MOST_HALVINGS = 4

_BLOWN_UP = 10
"""An error that is so many times the first one means that the engine diverges."""

_DIM = 0.01
"""Part of the brightest pixel's light below which an engine hardly sees the object."""

_FEW_COUNTS = 0.75
"""Share of the counts below which cropped patterns lack a part of the beam's cone."""


class EngineChain:
    """The stages of a job under way.

    Attributes:
        iteration: iterations done, counted through all stages; it falls where an engine goes back.
        iterations: those of all stages together.
        errors: of the iterations done, in their order; the last ones may not be known yet.
        free_errors: the same over the held-out pixels; NaN where there are none.
        notes: what happened, a sentence each.
        findings: how it diverged, each time.
        steps: steps that engines made, those that came to nothing included.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Reconstruction,
        backend: Backend,
        start: Standing | None = None,
        errors: Iterable[float] = (),
        free_errors: Iterable[float] = (),
    ) -> None:
        """Make the first stage's engine, or that of the stage to go on in.

        Args:
            problem: the whole patterns, in an object whose sides are multiples of the largest crop.
            settings: of the job.
            backend: an open device.
            start: where an earlier try of the same job stood, short of its end; None to begin with the guesses.
            errors: of the iterations done by then.
            free_errors: of the same.
        """
        self._whole, self._settings, self._backend = problem, settings, backend
        self._stages = planned_stages(settings)
        self.iterations = sum(stage.iterations for stage in self._stages)
        self.errors = [*errors]
        self.free_errors = [*free_errors] or [math.nan] * len(self.errors)
        self.notes: list[str] = []
        self.findings: list[RunFinding] = []
        self._noticed: set[str] = set()
        self._watch = FreeErrorWatch()
        self._made: Engine | None = None
        self._copy: Estimate | None = None
        self._first = Standing(0, 1, Estimate(problem.object, problem.probe, problem.variation), problem.geometry)
        start = start or self._first
        self.iteration = self.steps = start.iteration
        self._enter(next(i for i in range(len(self._stages)) if start.iteration < self._last_of(i)), start)

    @property
    def crop(self) -> int:
        """What the patterns' size is divided by in the present stage."""
        return self._stage.crop

    @property
    def pixel_m(self) -> float:
        """Object pixel of the present stage."""
        return self._whole.object_pixel_m * self.crop

    @property
    def origin_m(self) -> tuple[float, float]:
        """Row and column of the object's element [0, 0] on the scan's axes."""
        row_px, column_px = self._problem.geometry.origin_px
        return row_px * self.pixel_m, column_px * self.pixel_m

    def positions_m(self) -> np.ndarray:
        """float64 (positions, 2): window centers on the scan's axes, as refined."""
        geometry = self._problem.geometry
        return np.asarray(self._engine.positions_px() + geometry.window_px // 2 + geometry.origin_px) * self.pixel_m

    def spots_m(self) -> np.ndarray:
        """float32 (positions, 2): window centers from the object's top left corner, as refined."""
        return np.asarray(self.positions_m() - self.origin_m, np.float32)

    def errors_of_positions(self) -> np.ndarray:
        """float32 (positions,): the error of each by itself; NaN before the first iteration."""
        return self._engine.errors_of_positions()

    @property
    def stage(self) -> tuple[str, int]:
        """The engine of the present stage, and the iterations before it."""
        return self._stage.engine, self._ends - self._stage.iterations

    def step(self) -> None:
        """Do one iteration, in the next stage where the present one is done.

        Raises:
            DivergedError: the engine diverged, with smaller steps as well.
            BrokenOffError: it was broken off. The estimate has what whole groups of it gave; no step can follow.
        """
        if self.iteration == self._ends:
            self._enter(self._place + 1, self._good)
        self._copy = None
        with np.errstate(all="ignore"):  # numbers that are none are looked for below
            step = self._engine.step()
        self.steps += 1
        self.iteration += 1
        self._notice(step.notes)
        ended = self.iteration == self._ends
        self._take(step)
        if ended and self.iteration == self._ends:
            self._take(self._engine.finish())
        self.notes += self._watch.look(self.errors, self.free_errors)
        if ended or self.iteration % _COPY_EVERY == 0:
            self.estimate()

    def wind_up(self) -> int:
        """Get the engine ready for an early end; return how many iterations more the picture would gain by."""
        return min(self._engine.wind_up(), self._ends - self.iteration)

    def has_settled(self) -> bool | None:
        """Whether the errors of the last stage have settled; None unless its engine has come to do the same always."""
        since = self._engine.steady_since() if self._place == len(self._stages) - 1 else None
        if since is None:
            return None
        return has_settled(self.errors, self.free_errors, since, self.iteration, photons_per_pixel(self._problem))

    def _notice(self, notes: Iterable[str]) -> None:
        """Take over what was noticed, once."""
        for note in notes:
            if note not in self._noticed:
                self._noticed.add(note)
                self.notes.append(note)

    def settle(self) -> None:
        """Wait for the engine, before the result is written: then all errors are known.

        Raises:
            DivergedError: the engine diverged, with smaller steps as well.
        """
        if self.iteration < self._ends:
            self._take(self._engine.finish())

    def extend(self, settings: Reconstruction, check: Callable[[], object] = lambda: None) -> None:
        """End the stage under way, leave out those to come, and go on from here with the stages of other settings.

        Args:
            settings: of the new stages.
            check: called when the engine's memory is free; what it raises leaves the chain where it was, as long as
                nothing is stepped.

        Raises:
            ParameterError: the object has no room for patterns cropped as the stages want.
            DivergedError: the engine diverged, with smaller steps as well.
        """
        stages = planned_stages(settings)
        check_crops(stages, self._whole.patterns.shape[-1])
        if any(side % coarsest(stages) for side in self._whole.object.shape):
            raise ParameterError(
                f"patterns can't be cropped by {coarsest(stages)} from here on, only in the stages that a "
                "reconstruction begins with; leave out the crop"
            )
        self.settle()
        self.estimate()
        self._made = None
        try:
            check()
        except Exception as error:
            _log.info("the stages stay as they were: %s", error)
            self._engage(self._good)
            raise
        self._settings = settings
        self._stages = (*self._stages_done(), *stages)
        self.iterations = self.iteration + sum(stage.iterations for stage in stages)
        self._enter(len(self._stages) - len(stages), self._good if self.iteration else self._first)

    @property
    def as_text(self) -> str:
        """The stages as a parameter gives them: "dm:50,lsqml:100"."""
        return ",".join(str(Stage(stage.engine, stage.iterations, stage.crop)) for stage in self._stages)

    def _stages_done(self) -> tuple[PlannedStage, ...]:
        """Return the stages so far, the last one with the iterations that it had."""
        done = self.iteration - (self._ends - self._stage.iterations)
        last = (replace(self._stage, iterations=done),) if done else ()
        return (*self._stages[: self._place], *last)

    def estimate(self) -> Estimate:
        """Copy the estimate, once in an iteration; where it has no numbers, go back to the last that had.

        Raises:
            DivergedError: the engine diverged, with smaller steps as well.
        """
        if self._copy is None:
            copy = self._engine.estimate()
            broken = [name for name in ("object", "probe") if not np.isfinite(getattr(copy, name)).all()]
            if broken:
                self._go_back(f"the {broken[0]} has values that are not numbers", self.iteration)
            else:
                self._copy = copy
                self._good = Standing(self.iteration, self.crop, copy, self._geometry())
        return self._good.estimate

    def state(self) -> EngineState:
        """Return all that the rest of the stages depends on, where they have not been extended; see engines.state."""
        own = {
            "iteration": self.iteration, "steps": self.steps, "place": self._place, "halvings": self._halvings,
            "errors": np.array(self.errors), "free_errors": np.array(self.free_errors), "notes": [*self.notes],
            "noticed": sorted(self._noticed), "copied": self._copy is not None,
        }  # fmt: skip
        standings = named_state(start=self._start, good=self._good, engaged=self._engaged)
        return {**own, **joined(standings=standings, watch=self._watch.state(), engine=self._engine.state())}

    def restore(self, state: EngineState) -> None:
        """Stand where a chain of the same problem and settings stood, to the bit.

        Raises:
            DataError: the state is of something else; the chain is of no use any more.
        """
        self._take_stage(state["place"])
        self.iteration, self.steps, self._halvings = state["iteration"], state["steps"], state["halvings"]
        self.errors, self.free_errors = state["errors"].tolist(), state["free_errors"].tolist()
        self.notes, self._noticed = [*state["notes"]], {*state["noticed"]}
        self._watch.begin(self._held_out, self.iteration)
        self._watch.restore(part_of(state, "watch"))
        of_state = part_of(state, "standings"), self._whole.geometry
        self._start, self._good, engaged = named_standings(*of_state, "start", "good", "engaged")
        self._engage(engaged)
        self._copy = self._good.estimate if state["copied"] else None
        self._engine.restore(part_of(state, "engine"))

    def _take_stage(self, place: int) -> None:
        """Make a stage the present one; the memory of its engine is free."""
        self._place, self._stage = place, self._stages[place]
        self._ends, self._halvings = self._last_of(place), 0
        self._made = None
        patterns = self._whole.patterns
        n, held_out = patterns.shape[-1], self._whole.held_out
        self._patterns = patterns if self.crop == 1 else crop_patterns(patterns, n // self.crop)
        self._held_out = None if held_out is None else held_out.cropped(n, n // self.crop)

    def _enter(self, place: int, standing: Standing) -> None:
        """Begin a stage where the one before ended, or go on in one."""
        self._take_stage(place)
        self._watch.begin(self._held_out, standing.iteration)
        follows = place > 0 and standing.iteration == self._last_of(place - 1)
        self._start = self._good = self._handed_on(standing) if follows else self._resampled(standing)
        self._engage(self._start)
        if len(self._stages) > 1 or self.crop > 1:
            self.notes.append(self._announcement())

    def _last_of(self, place: int) -> int:
        """Return the iteration with which a stage ends."""
        return sum(stage.iterations for stage in self._stages[: place + 1])

    def _announcement(self) -> str:
        """Say which stage begins."""
        begin = f"{ENGINE_TITLES[self._stage.engine]} from iteration {self._start.iteration + 1}"
        if self.crop == 1:
            return begin
        n, share = self._patterns.shape[-1], counts_share(self._patterns, self._whole.patterns)
        poor = "; so few are a poor start, crop less" if share < _FEW_COUNTS else ""
        last = "; the result has this coarser pixel" if self._place == len(self._stages) - 1 else ""
        return f"{begin}, patterns cropped to {n} x {n} with {share:.0%} of the counts{poor}{last}"

    def _engage(self, standing: Standing) -> None:
        """Make an engine that goes on from here; the one before gives its memory back first."""
        self._made = None
        self._engaged, self._copy = standing, standing.estimate
        self._problem = Problem(
            patterns=self._patterns,
            geometry=coarser(standing.geometry, self.crop),
            probe=standing.estimate.probe,
            object=standing.estimate.object,
            iteration=standing.iteration,
            object_pixel_m=self.pixel_m,
            variation=standing.estimate.variation,
            held_out=self._held_out,
        )
        self._made = create_engine(self._problem, self._engine_settings(standing), self._backend)
        self._first_px = self._engine.positions_px()

    def _handed_on(self, standing: Standing) -> Standing:
        """Take over an estimate, but for what the engine before made of pixels of the object that it hardly saw."""
        first, last = self._whole.object, standing.estimate.object
        geometry, (rows, columns) = coarser(standing.geometry, standing.crop), last.shape
        power = (np.abs(standing.estimate.probe) ** 2).sum(axis=0, dtype=np.float64)
        light = illumination(power, geometry)
        seen = np.minimum(light / (_DIM * light.max()), 1).astype(np.float32)
        first = first if standing.crop == 1 else resample_object(first, (rows, columns))
        obj = np.where(seen < 1, first + seen * (last - first), last)
        return self._resampled(replace(standing, estimate=replace(standing.estimate, object=obj)))

    def _resampled(self, standing: Standing) -> Standing:
        """Bring an estimate to the pixel of the present stage."""
        if standing.crop == self.crop:
            return standing
        rows, columns = (side // self.crop for side in self._whole.object.shape)
        obj = resample_object(standing.estimate.object, (rows, columns))
        probe = resample_probe(standing.estimate.probe, self._patterns.shape[-1])
        variation = resample_variation(standing.estimate.variation, self._patterns.shape[-1])
        if self._settings.rescale_probe:
            scale = matching_scale(probe, obj, coarser(standing.geometry, self.crop), self._patterns) or 1.0
            probe = np.asarray(probe * scale, np.complex64)
            variation = None if variation is None else variation.scaled(scale)
        return Standing(standing.iteration, self.crop, Estimate(obj, probe, variation), standing.geometry)

    def _geometry(self) -> ScanGeometry:
        """Return the windows of whole patterns as the engine has moved them."""
        moved = (self._engine.positions_px() - self._first_px) * self.crop
        return move_windows(self._engaged.geometry, moved) if moved.any() else self._engaged.geometry

    def _take(self, step: Step) -> None:
        for error, free_error in itertools.zip_longest(step.errors, step.free_errors, fillvalue=math.nan):
            wrong = self._wrong_with(error)
            self.errors.append(error)
            self.free_errors.append(free_error)
            if wrong:
                self._go_back(wrong, len(self.errors))
                return

    def _wrong_with(self, error: float) -> str:
        """Say why the next error is one of an engine that has diverged; "" if it is not."""
        if not math.isfinite(error):
            return "the error is not a number"
        begin = self._start.iteration
        first = max((*self.errors[:1], *self.errors[begin : begin + 1]), default=math.inf)
        return f"the error is {error:.3g}, up from {first:.3g} at first" if error > _BLOWN_UP * first else ""

    def _go_back(self, what: str, iteration: int) -> None:
        """Start again from the last good estimate, or from the stage's first if that did not help, more carefully."""
        if self._halvings == _MOST_HALVINGS:
            raise DivergedError(
                f"the reconstruction diverged: {what} after iteration {iteration}; try "
                f"{way_out_of_divergence(self._stage.engine)}, a "
                "later --update-probe or another first probe"
            )
        self._halvings += 1
        _log.info("%s after iteration %d; going back, for the %d. time in this stage", what, iteration, self._halvings)
        fresh = self._good is not self._engaged and self._good.iteration < iteration
        good = self._good if fresh else self._start
        del self.errors[good.iteration :], self.free_errors[good.iteration :]
        self.iteration, self._good = good.iteration, good
        self._engage(good)
        settings = self._engine_settings(good)
        self.findings.append(setback(what, iteration, settings))
        how = steps_text(settings)
        self.notes.append(f"iteration {iteration} diverged; going on from iteration {good.iteration} with {how}")

    def _engine_settings(self, standing: Standing) -> Reconstruction:
        """Return the settings for what is left of the stage, halved as often as it took."""
        settings, factor = self._stage.settings(self._settings), 0.5**self._halvings
        changed: dict[str, float] = {"iterations": max(1, self._ends - standing.iteration)}
        relaxation = settings.relaxation_used
        if relaxation is not None:
            changed |= {"relaxation": relaxation * factor} if self._halvings else {}
        else:
            changed |= {"object_step": settings.object_step * factor, "probe_step": settings.probe_step * factor}
        return settings.model_copy(update=changed)

    @property
    def _engine(self) -> Engine:
        assert self._made is not None
        return self._made
