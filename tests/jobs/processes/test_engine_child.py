"""What becomes of a job's whole state when its child is told to end, or is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.jobs.checkpoints.state_file import read_about
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.jobs.processes.messages import Finished, Paused
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.jobs.processes.test_engine import Listener


def long_job(output: Path) -> Job:
    """Make a job that keeps its state when it has done an iteration, and then every few seconds at most."""
    values = {"reconstruction__iterations": 100_000, "reconstruction__engine": "epie"}
    return make_job(output, output__checkpoint_every_s=1e-9, **values)  # type: ignore[arg-type]


def begun(process: EngineProcess, job: Job) -> Listener:
    listener = Listener(process)
    process.submit(job)
    listener.until(Progress, lambda progress: progress.iteration >= 3)
    assert job.checkpoint_file.exists()
    return listener


@pytest.mark.parametrize("paused", [False, True])
def test_one_that_is_to_leave_keeps_it_for_the_next(output: Path, paused: bool) -> None:
    job = long_job(output)
    with EngineProcess("numpy") as process:
        listener = begun(process, job)
        if paused:
            process.pause()
            listener.until(Paused)
        process.leave()
        assert listener.until(Finished) == Finished(job.id, State.INTERRUPTED, None)
        last = listener.of(Progress)[-1].iteration
        assert read_about(job.checkpoint_file)["state"]["chain.iteration"] == last
    with EngineProcess("numpy") as process:
        listener = Listener(process)
        process.submit(job)
        assert listener.until(Progress).iteration == last
        process.stop()
        assert listener.until(Finished).state is State.STOPPED
    assert output.exists() and not job.checkpoint_file.exists()


def test_one_that_is_cancelled_needs_it_no_more(output: Path) -> None:
    job = long_job(output)
    with EngineProcess("numpy") as process:
        listener = begun(process, job)
        process.cancel()
        listener.until(Finished)
        assert not job.checkpoint_file.exists()


def test_one_whose_parent_is_gone_keeps_it(output: Path) -> None:
    job = long_job(output)
    with EngineProcess("numpy") as process:
        begun(process, job)
    assert job.checkpoint_file.exists() and not output.exists()
