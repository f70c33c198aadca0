"""A second try goes on where the first one's checkpoint stands, in whatever stage, and says that it is one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.errors import DataError
from ptychogui.io.result import Result, read_result
from ptychogui.jobs.job import FirstTry, Job, Progress
from ptychogui.jobs.job_run import JobRun
from ptychogui.jobs.runner import run_job
from ptychogui.states import State
from tests.jobs.fakes import Asking, make_job

BACKEND = NumpyBackend()
VARYING: dict[str, Any] = {
    "reconstruction__engine": "lsqml", "reconstruction__opr_modes": 1, "reconstruction__update_opr": "1",
    "reconstruction__intensity_correction": True, "reconstruction__position_correction": "2",
}  # fmt: skip


def ended_after(job: Job, iterations: int) -> Result:
    """Do a job up to an iteration, and end it as a lost device does; return its checkpoint."""
    stream = run_job(job, BACKEND)
    for progress in stream:
        if progress.iteration == iterations:
            break
    stream.close()
    return read_result(job.output)


def again(job: Job) -> Job:
    """Return the job as it is tried again."""
    return replace(job, first_try=FirstTry("cuda:0 failed", job.output))


def second(job: Job) -> list[Progress]:
    return list(run_job(again(job), BACKEND))


def test_it_comes_as_far_as_a_job_that_was_not_disturbed(output: Path) -> None:
    asked: dict[str, Any] = {"reconstruction__engine": "epie", "reconstruction__iterations": 6, "output__save_every": 2}
    *_, undisturbed = run_job(make_job(output.with_name("other.cxi"), **asked), BACKEND)
    job = make_job(output, **asked)
    checkpoint = ended_after(job, 5)
    assert (checkpoint.state, len(checkpoint.errors)) == (State.CHECKPOINT, 4)
    said = second(job)
    assert [progress.iteration for progress in said] == [4, 5, 6, 6]
    assert said[0].elapsed_s == pytest.approx(checkpoint.timing_s["iterate"])
    assert said[0].positions_per_s == pytest.approx(4 * 12 / said[0].elapsed_s)
    assert said[-1].error == pytest.approx(undisturbed.error, rel=0.05)
    result = read_result(output)
    assert (result.state, result.started, len(result.errors)) == (State.DONE, checkpoint.started, 6)
    np.testing.assert_array_equal(result.errors[:4], checkpoint.errors)
    np.testing.assert_array_equal(result.free_errors[:4], checkpoint.free_errors)
    assert len(result.free_errors) == 6 and np.isfinite(result.free_errors).all()
    assert said[0].free_error == checkpoint.free_errors[-1]
    assert said[-1].free_error == pytest.approx(undisturbed.free_error, rel=0.15)
    assert result.timing_s["iterate"] > checkpoint.timing_s["iterate"]


def test_it_says_so_and_tells_nothing_twice(output: Path) -> None:
    job = make_job(output, output__save_every=1, reconstruction__engine="dm:2,epie:2")
    first = ended_after(job, 3).notes
    told = [note for progress in second(job) for note in progress.notes]
    notes = read_result(output).notes
    note = "second try, begun at the last checkpoint; the first ended: cuda:0 failed"
    assert note in told and note in notes and not set(told) & set(first) - {"ePIE from iteration 3"}
    assert set(first) <= set(notes) and len(set(notes)) == len(notes)


def test_without_a_checkpoint_it_begins_anew(output: Path) -> None:
    job = replace(make_job(output), first_try=FirstTry("cuda:0 failed", None))
    said = list(run_job(job, BACKEND))
    assert [progress.iteration for progress in said] == [0, 1, 2, 3, 3]
    assert "second try, begun from the beginning, as there was no checkpoint" in read_result(output).notes[-1]


@pytest.mark.parametrize(
    ("engine", "iteration", "pixels"),
    [("epie:2,dm:3", 1, 1), ("epie:2,dm:3", 2, 1), ("epie:2,dm:3", 4, 1),
     ("epie:2/2,epie:2", 1, 2), ("epie:2/2,epie:2", 2, 1), ("epie:2/2,epie:2", 3, 1)],
)  # fmt: skip
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_it_goes_on_in_any_stage(output: Path, engine: str, iteration: int, pixels: int, sub_pixel: str) -> None:
    asked: dict[str, Any] = {"reconstruction__engine": engine, "reconstruction__sub_pixel": sub_pixel}
    job = make_job(output, output__save_every=1, **asked)
    checkpoint = ended_after(job, iteration)
    run = JobRun(again(job), BACKEND, Asking(lambda: False))
    assert run.iteration == iteration == len(checkpoint.errors)
    whole_pixel_m = ended_after(make_job(output, output__save_every=1, **asked), 4).object_pixel_m
    assert run.progress().object_pixel_m == pytest.approx(pixels * whole_pixel_m)
    unmoved = JobRun(make_job(output, **asked), BACKEND, Asking(lambda: False))
    if pixels == 1 and checkpoint.object_pixel_m == whole_pixel_m:
        np.testing.assert_array_equal(run.positions_m, checkpoint.positions_m)
        np.testing.assert_array_equal(run.picture().probe.shape, checkpoint.probe.shape)
    if "/2" not in engine:
        np.testing.assert_array_equal(run.positions_m, unmoved.positions_m)
    while not run.done:
        run.step()
    assert math.isfinite(run.errors[-1]) and len(run.errors) == run.progress().iterations


def test_refined_positions_and_a_probe_that_varies_go_on(output: Path) -> None:
    job = make_job(output, output__save_every=3, reconstruction__iterations=5, **VARYING)
    checkpoint = ended_after(job, 4)
    run = JobRun(again(job), BACKEND, Asking(lambda: False))
    moved = checkpoint.positions_m - JobRun(job, BACKEND, Asking(lambda: False)).positions_m
    assert np.abs(moved).max() > 1e-3 * checkpoint.object_pixel_m
    np.testing.assert_allclose(run.positions_m, checkpoint.positions_m, atol=1e-6 * checkpoint.object_pixel_m)
    estimate = run.picture()
    assert estimate.variation is not None
    np.testing.assert_array_equal(estimate.object, checkpoint.object)
    np.testing.assert_array_equal(estimate.variation.components, checkpoint.components)
    np.testing.assert_array_equal(estimate.variation.intensities, checkpoint.intensities)


@pytest.mark.parametrize("changed", [{"experiment__scan_dims": (4, 4)}, {"reconstruction__iterations": 2}])
def test_a_checkpoint_that_does_not_fit_is_refused(output: Path, changed: dict[str, Any]) -> None:
    ended_after(make_job(output, output__save_every=2, reconstruction__iterations=4), 3)
    with pytest.raises(DataError, match="does not fit the job any more"):
        second(make_job(output, **changed))


def test_a_checkpoint_that_is_gone_is_said(output: Path) -> None:
    with pytest.raises(DataError, match=r"result\.cxi"):
        second(make_job(output))
