"""The one loop: a reconstruction from its job to its result file, an iteration at a time."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import platform
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from ptychogui import __version__
from ptychogui.backends import list_devices
from ptychogui.backends.base import Backend
from ptychogui.engines.base import Estimate
from ptychogui.errors import DivergedError, MemoryBudgetError, OutputError
from ptychogui.io.export import export_binary, export_csv
from ptychogui.io.result import Result, SourceFile, check_writable, needed_bytes, write_result
from ptychogui.jobs.course import Course
from ptychogui.jobs.job import Control, Job, JobState, Progress
from ptychogui.jobs.layers import check_job
from ptychogui.jobs.outputs import keep_elsewhere
from ptychogui.jobs.prepare import Prepared, prepare
from ptychogui.jobs.stages import total_iterations
from ptychogui.jobs.waiting import StoppedEarlyError
from ptychogui.params.storage import to_json
from ptychogui.physics.variation import Variation

_LIBRARIES = ("numpy", "scipy", "h5py", "pyfftw", "cupy-cuda12x", "cupy-cuda13x")


def run_job(
    job: Job,
    backend: Backend,
    control: Control | None = None,
    wants_picture: Callable[[int], bool] | None = None,
) -> Generator[Progress, None, None]:
    """Reconstruct, and write the result.

    Iteration 0 comes first, with nothing done yet; then every iteration of every stage, counted through; then a
    closing Progress that repeats the last iteration with state DONE or STOPPED, the estimate, and the path of the
    result. An engine that diverges goes on from an earlier iteration with smaller steps: that iteration comes again
    then, with a note. Closing the generator cancels, and so does a stop before the first iteration, after which the
    closing Progress has state CANCELLED: no result is written. Time counts while an engine works, so a consumer
    pauses a job by not asking on.

    Args:
        job: what to do.
        backend: an open device; it stays open.
        control: how to stop early with the result kept.
        wants_picture: asked for each iteration whether its Progress shall have an estimate; never, if None.

    Raises:
        PtychoError: the job can't be done or diverged; a checkpoint that was written before is kept.
    """
    try:
        yield from _run(job, backend, control or Control(), wants_picture or (lambda _iteration: False))
    except MemoryError as error:
        raise MemoryBudgetError(
            f"the memory of {backend.name} was used up ({error}); crop the patterns (--size), use fewer probe modes or "
            "end other programs"
        ) from error


def _run(
    job: Job, backend: Backend, control: Control, wants_picture: Callable[[int], bool]
) -> Generator[Progress, None, None]:
    check_job(job)
    check_writable(job.output)
    try:
        run = _Reconstruction(job, backend, control)
    except StoppedEarlyError:
        yield _cancelled(job)
        return
    yield run.progress(estimate=run.picture() if wants_picture(0) else None)
    while not (run.done or control.stop_asked or run.out_of_time):
        run.step()
        saved = run.checkpoint() if run.checkpoint_is_due else None
        picture = run.picture() if wants_picture(run.iteration) else None
        yield run.progress(estimate=picture, result=saved)
    yield run.finish()


def _cancelled(job: Job) -> Progress:
    """Say that a job was stopped while its data were read."""
    iterations = total_iterations(job.parameters.reconstruction)
    return Progress(job.id, 0, iterations, math.nan, 0.0, 0.0, math.nan, JobState.CANCELLED)


class _Stopwatch:
    """Seconds spent inside its `with` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_error: object) -> None:
        self.seconds += time.perf_counter() - self._start


class _Reconstruction:
    """A job under way: its problem, its engines, and what the result file will tell of them."""

    def __init__(self, job: Job, backend: Backend, control: Control) -> None:
        self._job, self._backend = job, backend
        self._started = _now()
        self._preparing, self._iterating = _Stopwatch(), _Stopwatch()
        self._saved: int | None = None
        self._said = 0
        with self._preparing:
            self._prepared: Prepared = prepare(job, backend, lambda: control.stop_asked)
            problem, settings = self._prepared.problem, self._prepared.parameters.reconstruction
            self._positions = len(problem.patterns)
            bytes_ = needed_bytes(problem.object.shape, problem.probe.shape, self._positions, settings.opr_modes)
            check_writable(job.output, bytes_)
            raw_files = SourceFile.of_series(self._prepared.raw_files)
            self._sources = (*map(SourceFile.of, self._prepared.sources), *raw_files)
            self._course = Course(problem, settings, backend)
        self._notes = list(self._prepared.notes)
        self._hear()

    @property
    def iteration(self) -> int:
        return self._course.iteration

    @property
    def done(self) -> bool:
        return self.iteration == self._course.iterations

    @property
    def out_of_time(self) -> bool:
        limit_s = self._job.parameters.reconstruction.time_limit_s
        return limit_s is not None and self._iterating.seconds >= limit_s

    @property
    def checkpoint_is_due(self) -> bool:
        every = self._job.parameters.output.save_every
        return every is not None and self.iteration % every == 0 and 0 < self.iteration < self._course.iterations

    def step(self) -> None:
        with self._iterating, self._telling_of_the_checkpoint():
            self._course.step()

    def picture(self) -> Estimate:
        """Copy the estimate."""
        with self._telling_of_the_checkpoint():
            return self._course.estimate()

    def progress(
        self, state: JobState = JobState.RUNNING, estimate: Estimate | None = None, result: Path | None = None
    ) -> Progress:
        """Say where the job stands, with the notes that were not said yet."""
        course, elapsed_s = self._course, self._iterating.seconds
        self._hear()
        news, self._said = tuple(self._notes[self._said :]), len(self._notes)
        return Progress(
            job_id=self._job.id,
            iteration=course.iteration,
            iterations=course.iterations,
            error=course.errors[-1] if course.errors else math.nan,
            elapsed_s=elapsed_s,
            positions_per_s=self._positions * course.steps / elapsed_s if elapsed_s > 0 else 0.0,
            object_pixel_m=course.pixel_m,
            state=state,
            estimate=estimate,
            result=result,
            notes=news,
        )

    def checkpoint(self) -> Path | None:
        """Write the result as it stands; a full disk must not end a reconstruction that may still be written."""
        estimate = self.picture()
        try:
            write_result(self._job.output, self._result("checkpoint", estimate))
        except OutputError as error:
            self._course.notes.append(f"no checkpoint at iteration {self.iteration}: {error}")
            return None
        self._saved = self.iteration
        return self._job.output

    def finish(self) -> Progress:
        """Write the result and what is asked for besides; nothing if nothing was done."""
        with self._iterating, self._telling_of_the_checkpoint():
            self._course.settle()
        estimate = self.picture()
        if not self.iteration:
            return self.progress(JobState.CANCELLED)
        state = JobState.DONE if self.done else JobState.STOPPED
        result = self._result(state.value, estimate)
        try:
            write_result(self._job.output, result)
        except OutputError as error:
            raise OutputError(f"{error}; {keep_elsewhere(result, self._job.output.stem)}") from error
        self._course.notes += self._export(result)
        return self.progress(state, estimate, self._job.output)

    def _hear(self) -> None:
        """Take over what the engines have noticed."""
        self._notes += self._course.notes
        self._course.notes.clear()

    def _export(self, result: Result) -> Iterator[str]:
        """Write other formats; the result is safe by now, so trouble here is a note."""
        wanted = {export_csv: self._job.parameters.output.csv, export_binary: self._job.parameters.output.binary}
        for export in (export for export, wanted_ in wanted.items() if wanted_):
            try:
                export(result, self._job.output.parent, self._job.output.stem)
            except OutputError as error:
                yield str(error)

    def _result(self, state: str, estimate: Estimate) -> Result:
        self._hear()
        prepared, course = self._prepared, self._course
        experiment, variation = prepared.parameters.experiment, estimate.variation or Variation()
        assert experiment.energy_eV is not None and experiment.distance_m is not None
        return Result(
            object=estimate.object,
            probe=estimate.probe,
            object_pixel_m=course.pixel_m,
            positions_m=course.positions_m(),
            energy_eV=experiment.energy_eV,
            distance_m=experiment.distance_m,
            object_origin_m=course.origin_m,
            detector_pixel_m=experiment.detector_pixel_m,
            frame_indices=prepared.frame_rows,
            parameters=to_json(prepared.parameters, self._job.origins),
            errors=np.array(course.errors),
            sources=self._sources,
            device=_device_text(self._backend),
            timing_s={"prepare": self._preparing.seconds, "iterate": self._iterating.seconds},
            versions=_versions(),
            command=self._job.command,
            started=self._started,
            finished=_now(),
            state=state,
            title=self._job.title,
            notes=tuple(self._notes),
            components=variation.components,
            coefficients=variation.coefficients,
            intensities=variation.intensities,
            orientation=prepared.orientation,
            stxm=prepared.survey.stxm,
            dpc_px=prepared.survey.dpc_px,
            mean_pattern=prepared.survey.mean,
        )

    @contextlib.contextmanager
    def _telling_of_the_checkpoint(self) -> Iterator[None]:
        """Have an engine that diverges for good say what is left of its work."""
        try:
            yield
        except DivergedError as error:
            if self._saved is None:
                raise
            kept = f"the checkpoint of iteration {self._saved} is kept in {self._job.output}"
            raise DivergedError(f"{error}; {kept}") from error


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _device_text(backend: Backend) -> str:
    titles = {device.name: device.title for device in list_devices()}
    return f"{backend.name}: {titles[backend.name]}" if backend.name in titles else backend.name


def _versions() -> dict[str, str]:
    versions = {"ptychogui": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
