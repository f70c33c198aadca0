"""The runner: one reconstruction from its job to its result file, an iteration at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

from ptychogui.backends.base import Backend
from ptychogui.io.atomic import check_writable
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.job_checks import check_job
from ptychogui.jobs.job_run import JobRun
from ptychogui.jobs.prepare.careful_frames import StoppedEarlyError
from ptychogui.jobs.prepare.prepared_job import NOTHING_IN_MEMORY, InMemory
from ptychogui.jobs.stages import total_iterations
from ptychogui.states import State


def run_job(
    job: Job,
    backend: Backend,
    control: Control | None = None,
    wants_picture: Callable[[int], bool] | None = None,
    given: InMemory = NOTHING_IN_MEMORY,
) -> Generator[Progress, None, None]:
    """Reconstruct, and write the result.

    Iteration 0 comes first, with nothing done yet, or the one at which an earlier process of the job has left its whole
    state (jobs.checkpoints), from which it goes on; then every iteration of every stage, counted through; then a
    closing Progress that repeats the last iteration with state DONE or STOPPED, the estimate, and the path of the
    result. An engine that diverges goes on from an earlier iteration with smaller steps: that iteration comes again
    then, with a note. Closing the generator cancels, and so does a stop before the first iteration, after which the
    closing Progress has state CANCELLED: no result is written. One that is to leave keeps its whole state, and its
    closing Progress has state INTERRUPTED. A stop while data are read ends the reading, and that
    Progress is the only one. Where an engine's picture is not fit for an end, a few more iterations come before, within
    ten seconds. A stop in an iteration that goes on for long breaks it off: the result has what its groups of positions
    gave by then. A job that is cancelled in an iteration ends without a closing Progress. Time counts while an engine
    works, so a consumer pauses a job by not asking on.

    Args:
        job: what to do.
        backend: an open device; it stays open.
        control: how to stop early with the result kept.
        wants_picture: asked for each iteration whether its Progress shall have an estimate; never, if None.
        given: what the job takes from memory in place of files.

    Raises:
        PtychoError: the job can't be done or diverged; a checkpoint that was written before is kept.
    """
    with backend.in_words():
        yield from _run(job, backend, control or Control(), wants_picture or (lambda _iteration: False), given)


def _run(
    job: Job, backend: Backend, control: Control, wants_picture: Callable[[int], bool], given: InMemory
) -> Generator[Progress, None, None]:
    check_job(job)
    check_writable(job.output)
    try:
        run = JobRun(job, backend, control, given)
    except StoppedEarlyError:
        yield _not_begun(job, State.CANCELLED if control.stop_asked else State.INTERRUPTED)
        return
    run.resume()
    yield run.progress(estimate=run.picture() if wants_picture(run.iteration) else None)
    while not (run.done or ((control.stop_asked or run.may_end or run.is_ending) and run.ready_to_end())):
        if control.leave_asked:
            run.keep_state()
            yield run.progress(State.INTERRUPTED)
            return
        saved = run.step()
        if run.is_broken_off:
            break
        run.keep_state(if_due=True)
        picture = run.picture() if wants_picture(run.iteration) else None
        yield run.progress(estimate=picture, result=saved)
    if not (control.cancel_asked and run.is_broken_off):
        yield run.finish()


def _not_begun(job: Job, state: State) -> Progress:
    """Say that a job ended while its data were read."""
    iterations = total_iterations(job.parameters.reconstruction)
    return Progress(job.id, 0, iterations, math.nan, 0.0, 0.0, math.nan, state)
