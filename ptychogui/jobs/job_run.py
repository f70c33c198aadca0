"""A job under way: its engines, what is noticed on the way, and what its result file will tell of it."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.backends.breaking import BrokenOffError
from ptychogui.catalog.catalog import note_result
from ptychogui.engines import Extent
from ptychogui.engines.base import Estimate
from ptychogui.engines.state import EngineState, joined, part_of
from ptychogui.errors import OutputError
from ptychogui.io.atomic import check_writable
from ptychogui.io.dataset import Dataset
from ptychogui.io.result import Result, needed_bytes, write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.jobs.checkpoints.second_try import checkpoint_of, standing_of
from ptychogui.jobs.checkpoints.whole_state import Checkpoints, discard_checkpoint, told_of_checkpoint
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.high_error import high_error_notes
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.job_result import result_of
from ptychogui.jobs.preflight.before_run import doubts_of
from ptychogui.jobs.prepare.memory_check import check_memory
from ptychogui.jobs.prepare.prepared_job import NOTHING_IN_MEMORY, InMemory, PreparedJob, prepare
from ptychogui.jobs.prepare.warm_up import warm_up
from ptychogui.jobs.provenance import device_text, now
from ptychogui.jobs.results.other_formats import export_formats
from ptychogui.jobs.results.rescue import keep_elsewhere
from ptychogui.jobs.run_findings import to_json
from ptychogui.jobs.run_watch import RunWatch
from ptychogui.jobs.settling import settling_notes
from ptychogui.jobs.stopwatch import Stopwatch
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.states import State

_WINDING_UP_S = 10.0
"""Seconds that a job which is to stop may still take to make its picture ready for that."""
_LONG_S, _PATIENCE_S = 1.0, 0.15
"""An iteration that takes longer is not waited for at a stop, but for so long in case that it is just about to end."""

_log = logging.getLogger(__name__)


class JobRun:
    """A job under way: its problem, its engines, and what the result file will tell of them.

    Args:
        job: checked by job_checks.check_job.
        backend: an open device; it stays open.
        control: asked, while data are read, whether to give up.
        given: what the job takes from memory in place of files.

    Attributes:
        is_broken_off: whether the last iteration was broken off; nothing can be stepped any more then.

    Raises:
        StoppedEarlyError: the control said so.
        PtychoError: the job can't be done.
    """

    def __init__(self, job: Job, backend: Backend, control: Control, given: InMemory = NOTHING_IN_MEMORY) -> None:
        self._job, self._backend = job, backend
        self._started = now()
        self._preparing, self._iterating = Stopwatch(), Stopwatch()
        self._saved: int | None = None
        self._ends: int | None = None
        self._said = 0
        self._doubts: tuple[str, ...] = ()
        self._settled, self._control = False, control
        self._watch = RunWatch(job.parameters.reconstruction, job.parameters.experiment.modes)
        self.is_broken_off = False
        before = checkpoint_of(job)
        with self._preparing:
            self._prepared: PreparedJob = prepare(job, backend, control, given, self._doubt)
            problem, settings = self._prepared.problem, self._prepared.decide(self.reconstruction)
            self._positions = len(problem.patterns)
            bytes_ = needed_bytes(problem.object.shape, problem.probe.shape, self._positions, settings.components)
            check_writable(job.output, bytes_)
            raw_files = SourceFile.of_series(self._prepared.raw_files)
            self._sources = (*map(SourceFile.of, self._prepared.sources), *raw_files)
            warm_up(problem, settings, backend, control.on_waiting)
            start = None if before is None else standing_of(before, problem, settings)
            done = () if before is None else (before.errors, before.free_errors)
            self._begin = functools.partial(EngineChain, problem, settings, backend, start, *done)
            self._chain = self._begin()
        self._checkpoints = None if given.holds_arrays else Checkpoints(job, self._sources, backend)
        self._notes = [*self._doubts, *self._prepared.notes, *self._prepared.decisions(self.reconstruction)]
        if job.log is not None:
            self._notes.append(f"the log of this job is {job.log}")
        self._take_over(before)
        self._hear()

    def _take_over(self, before: Result | None) -> None:
        """Go on with what the first try has told and measured, and say that this is the second."""
        if self._job.first_try is not None:
            self._notes.append(self._job.first_try.note)
        if before is not None:
            old = [note for note in before.notes if note not in self._notes]
            self._notes, self._said = [*old, *self._notes], self._said + len(old)
            self._started, self._saved = before.started, self._chain.iteration
            self._preparing.seconds += before.timing_s.get("prepare", 0.0)
            self._iterating.seconds += before.timing_s.get("iterate", 0.0)

    def _doubt(self, dataset: Dataset) -> None:
        """Say what is doubtful about the scan while nothing large has been read."""
        self._doubts = doubts_of(self._job, dataset, self._control)
        if self._control.on_doubts is not None:
            self._control.on_doubts(self._doubts)
            self._said = len(self._doubts)

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return self._chain.iteration

    @property
    def done(self) -> bool:
        """Whether all iterations are done."""
        return self.iteration == self._chain.iterations

    @property
    def may_end(self) -> bool:
        """Whether iterations took as long as the job allows, or its errors have settled where that is an end."""
        limit_s = self._job.parameters.reconstruction.time_limit_s
        return self._settled or (limit_s is not None and self._iterating.seconds >= limit_s)

    @property
    def is_ending(self) -> bool:
        """Whether the picture is being made ready for an early end, asked for in this process or an earlier one."""
        return self._ends is not None

    def ready_to_end(self) -> bool:
        """Whether the picture is fit for an early end; where it is not, some more iterations soon make it so.

        What the first call finds holds: those iterations, and no more.
        """
        if self._ends is None:
            more = min(self._chain.wind_up(), int(_WINDING_UP_S / max(self._each_s, 1e-9))) if self.iteration else 0
            self._ends = self.iteration + more
            self._notes += [f"ending early: {more} more iterations make the picture ready for it"] if more else []
        return self.iteration >= self._ends

    @property
    def _each_s(self) -> float:
        """How long an iteration takes."""
        return self._iterating.seconds / max(self._chain.steps, 1)

    @property
    def reconstruction(self) -> Reconstruction:
        """The settings under way."""
        return self._prepared.parameters.reconstruction

    @property
    def errors(self) -> np.ndarray:
        """float64 (iterations,), in photon-noise units; of the last iteration it may not be known yet."""
        return np.array(self._chain.errors)

    @property
    def free_errors(self) -> np.ndarray:
        """float64 (iterations,), those of the held-out pixels; NaN where there are none."""
        return np.array(self._chain.free_errors)

    @property
    def positions_m(self) -> np.ndarray:
        """float64 (positions, 2): row and column of the probe on the object, as refined."""
        return self._chain.positions_m()

    @property
    def _checkpoint_is_due(self) -> bool:
        every = self._job.parameters.output.save_every
        return every is not None and self.iteration % every == 0 and 0 < self.iteration < self._chain.iterations

    def step(self) -> Path | None:
        """Do one iteration; return the path of the result file where a checkpoint was due and written."""
        with self._iterating, told_of_checkpoint(self._job, self._saved):
            if not self._step_whole():
                return None
            if self._checkpoint_is_due:
                self._chain.settle()  # then the errors of all its iterations are known
        self._hear()
        self._notes += self._watch.look(self._chain)
        if self._may_settle and not self._settled:
            self._settle()
        return self._checkpoint() if self._checkpoint_is_due else None

    def _step_whole(self) -> bool:
        """Do one iteration; False if it was broken off, which those that make the picture ready for an end are not."""
        control, is_long = self._control, self._each_s > _LONG_S
        patience_s = math.inf if self.is_ending else _PATIENCE_S if is_long else _LONG_S
        try:
            with self._backend.breakable(lambda: control.cancel_asked or control.stopping_s > patience_s):
                self._chain.step()
        except BrokenOffError:
            now_in, self.is_broken_off = self.iteration + 1, True
            self._notes.append(f"stopped within iteration {now_in}: the picture has what its first positions gave")
        return not self.is_broken_off

    def _settle(self) -> None:
        """See whether a job that may end where its errors have settled has come to that, or to its last iteration."""
        found = self._chain.has_settled()
        self._settled = bool(found)
        self._notes += settling_notes(found, self.done, self.iteration, self.reconstruction.iterations is None)

    @property
    def _may_settle(self) -> bool:
        return self.reconstruction.iterations is None or self.reconstruction.until_converged

    def resume(self) -> None:
        """Go on where an earlier process of the job has left its whole state, if that is there and fits; say so."""
        if self._checkpoints is not None:
            with self._preparing:
                told = self._checkpoints.go_on(self._restore)
            self._notes += told

    def keep_state(self, if_due: bool = False) -> None:
        """Write all that the job needs to go on later, to the bit; where that does not work, say so and go on."""
        if self._checkpoints is None or (if_due and not self._checkpoints.is_due):
            return
        self._hear()
        own = {
            "notes": [*self._notes], "said": self._said, "started": self._started, "saved": self._saved,
            "ends": self._ends, "settled": self._settled,
            "prepare_s": self._preparing.seconds, "iterate_s": self._iterating.seconds,
        }  # fmt: skip
        state = {**own, **joined(chain=self._chain.state(), watch=self._watch.state())}
        self._notes += self._checkpoints.write(state, lambda: not (if_due and self._control.stop_asked))

    def _restore(self, state: EngineState) -> None:
        """Stand where the job stood that kept this state; at its beginning where that can't be."""
        try:
            self._chain.restore(part_of(state, "chain"))
        except Exception:
            del self._chain
            self._chain = self._begin()
            raise
        fresh = [note for note in self._notes if note not in state["notes"]]
        self._notes, self._said = [*state["notes"], *fresh], state["said"]
        self._started, self._saved, self._ends = state["started"], state["saved"], state["ends"]
        self._settled = state["settled"]
        self._watch.restore(part_of(state, "watch"))
        self._preparing.seconds += state["prepare_s"]
        self._iterating.seconds = state["iterate_s"]

    def extend(self, settings: Reconstruction, note: str = "") -> None:
        """Go on from here with other settings, in place of what was still to come.

        Args:
            settings: of the stages that follow; first guesses and what else the data were prepared with are past.
            note: what is to be said about it in the result.

        Raises:
            PtychoError: the settings don't fit the patterns, or the memory.
        """
        problem = self._prepared.problem

        def check() -> None:
            self._notes += check_memory(Extent.of(problem, settings), settings, self._backend)

        self._settled = False
        with self._preparing:
            self._chain.extend(self._prepared.decide(settings), check)
        told = settings.model_copy(update={"engine": self._chain.as_text, "coarse_levels": 0})
        parameters = self._prepared.parameters.model_copy(update={"reconstruction": told})
        self._prepared = replace(self._prepared, parameters=parameters)
        self._notes += (note,) if note else ()
        self._tell(self._prepared.decisions(settings))

    def picture(self) -> Estimate:
        """Copy the estimate."""
        with told_of_checkpoint(self._job, self._saved):
            estimate = self._chain.estimate()
            self._notes += self._watch.see(self._chain, estimate)
            return estimate

    def progress(
        self, state: State = State.RUNNING, estimate: Estimate | None = None, result: Path | None = None
    ) -> Progress:
        """Say where the job stands, with the notes that were not said yet."""
        chain, elapsed_s = self._chain, self._iterating.seconds
        self._hear()
        news, self._said = tuple(self._notes[self._said :]), len(self._notes)
        for note in news:
            _log.info("%s: %s", self._job.title, note)
        return Progress(
            job_id=self._job.id,
            iteration=chain.iteration,
            iterations=chain.iterations,
            error=chain.errors[-1] if chain.errors else math.nan,
            free_error=chain.free_errors[-1] if chain.free_errors else math.nan,
            elapsed_s=elapsed_s,
            positions_per_s=self._positions * chain.steps / elapsed_s if elapsed_s > 0 else 0.0,
            object_pixel_m=chain.pixel_m,
            state=state,
            estimate=estimate,
            stage=chain.stage,
            spots_m=None if estimate is None else chain.spots_m(),
            errors_at=None if estimate is None else chain.errors_of_positions(),
            result=result,
            notes=news,
            findings=self._watch.news(),
        )

    def _checkpoint(self) -> Path | None:
        """Write the result as it stands, and other formats with the checkpoint's number in their names.

        A full disk must not end a reconstruction that may still be written.
        """
        result = self._result(State.CHECKPOINT, self.picture())
        try:
            self._tell(write_result(self._job.output, result))
        except OutputError as error:
            self._chain.notes.append(f"no checkpoint at iteration {self.iteration}: {error}")
            return None
        self._saved = self.iteration
        every = self._job.parameters.output.save_every
        assert every is not None
        self._chain.notes += export_formats(
            result, self._job.output, self._job.parameters.output, self.iteration // every
        )
        return self._job.output

    def finish(self) -> Progress:
        """Write the result and what is asked for besides; nothing if nothing was done."""
        with self._iterating, told_of_checkpoint(self._job, self._saved):
            self._chain.settle()
        estimate = self.picture()
        if not self.iteration:
            return self.progress(State.CANCELLED)
        state = State.DONE if self.done or self._settled else State.STOPPED
        self._chain.notes += self._high_error()
        result = self._result(state, estimate)
        try:
            self._tell(write_result(self._job.output, result))
            discard_checkpoint(self._job)
            _log.info("%s: %s after %d iterations; %s", self._job.title, state.value, self.iteration, self._job.output)
        except OutputError as error:
            raise OutputError(f"{error}; {keep_elsewhere(result, self._job.output.stem)}") from error
        note_result(self._job.output)
        self._chain.notes += export_formats(result, self._job.output, self._job.parameters.output)
        return self.progress(state, estimate, self._job.output)

    def save(self, path: Path) -> tuple[str, ...]:
        """Write the result as it stands, with the other formats that the job asks for; it can go on.

        Returns:
            what could not be written besides the result, a sentence each.

        Raises:
            OutputError: the result can't be written.
        """
        result = self._result(State.DONE if self.done else State.STOPPED, self.picture())
        result = replace(result, notes=(*result.notes, *self._high_error()))
        told = write_result(path, result)
        note_result(path)
        return (*told, *export_formats(result, path, self._job.parameters.output))

    def _tell(self, notes: tuple[str, ...]) -> None:
        """Say what may have been said before, the first time."""
        self._notes += [note for note in notes if note not in self._notes]

    def _high_error(self) -> tuple[str, ...]:
        """Say what may be wrong where the error is high by now."""
        errors = self._chain.errors
        return high_error_notes(self._job, self.iteration, errors[-1]) if errors else ()

    def _hear(self) -> None:
        """Take over what the engines have noticed."""
        self._notes += self._chain.notes
        self._chain.notes.clear()

    def _result(self, state: State, estimate: Estimate) -> Result:
        self._hear()
        return result_of(
            self._job, self._prepared, self._chain, estimate, state=state, sources=self._sources, started=self._started,
            timing_s={"prepare": self._preparing.seconds, "iterate": self._iterating.seconds},
            device=device_text(self._backend), notes=tuple(self._notes), findings=to_json(self._watch.findings),
        )  # fmt: skip
