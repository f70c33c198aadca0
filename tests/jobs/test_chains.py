"""Runs of several stages, runs that go back, and runs that go on from a result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines.base import Estimate, Step
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import read_result
from ptychogui.io.simulated import write_scan
from ptychogui.jobs import job_run
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import job_layers, make_job as planned_job
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from ptychogui.jobs.runner import run_job
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.states import State
from tests.jobs.fakes import FakeEngine, make_job

STOPPED = State.STOPPED
BACKEND = NumpyBackend()


def test_a_chain_is_one_run(output: Path) -> None:
    chain = "epie:3/2,epie:2,lsqml:2"
    job = make_job(output, reconstruction__engine=chain, reconstruction__position_correction="never")
    said = list(run_job(job, BACKEND, wants_picture=lambda _: True))
    assert [progress.iteration for progress in said] == [*range(8), 7]
    assert {progress.iterations for progress in said} == {7}
    whole_m = said[-1].object_pixel_m
    assert [progress.object_pixel_m / whole_m for progress in said] == [2, 2, 2, 2, 1, 1, 1, 1, 1]
    sides = [progress.estimate.probe.shape[-1] for progress in said if progress.estimate is not None]
    assert sides == [32] * 4 + [64] * 5
    announced = {progress.iteration: progress.notes for progress in said if progress.notes}
    assert list(announced) == [0, 4, 6]
    assert announced[0][-1].startswith("ePIE from iteration 1, patterns cropped to 32 x 32")
    assert (announced[4], announced[6]) == (("ePIE from iteration 4",), ("LSQML from iteration 6",))
    result = read_result(output)
    assert len(result.errors) == 7 and np.isfinite(result.errors).all()
    assert result.notes[-1] == "LSQML from iteration 6"
    assert (result.object_pixel_m, result.object.shape) == (whole_m, said[-1].estimate.object.shape)  # type: ignore[union-attr]
    np.testing.assert_allclose(result.positions_m, prepare(make_job(output)).positions_m, rtol=0, atol=1e-15)


def test_a_run_that_ends_cropped_says_its_pixel(output: Path) -> None:
    job = make_job(output, reconstruction__engine="epie:2,epie:2/2")
    list(run_job(job, BACKEND))
    prepared, result = prepare(job), read_result(output)
    assert result.object_pixel_m == pytest.approx(2 * prepared.object_pixel_m)
    assert result.object.shape == tuple(side // 2 for side in prepared.problem.object.shape)
    assert result.probe.shape == (1, 32, 32)
    origin_m = np.multiply(prepared.problem.geometry.origin_px, prepared.object_pixel_m)
    assert result.object_origin_m == pytest.approx(tuple(origin_m))
    np.testing.assert_allclose(result.positions_m, prepared.positions_m, rtol=0, atol=1e-15)


def test_an_iteration_that_comes_again_is_said_and_counted_once(
    output: Path, engines: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines(1.0, 1.0, 1.0, 1.0)
    whole = FakeEngine.step

    def step(engine: FakeEngine) -> Step:
        done = whole(engine)
        return replace(done, errors=(math.nan,)) if done.iteration == 3 and not engine.problem.object.any() else done

    monkeypatch.setattr(FakeEngine, "step", step)
    monkeypatch.setattr(
        FakeEngine, "estimate", lambda engine: Estimate(engine.problem.object + 1, engine.problem.probe)
    )
    monkeypatch.setattr(job_run, "prepare", lambda job, backend, *_: emptied(prepare(job, backend)))
    said = list(run_job(make_job(output, reconstruction__iterations=4), BACKEND, wants_picture=lambda at: at == 2))
    assert [progress.iteration for progress in said] == [0, 1, 2, 2, 3, 4, 4]
    assert said[3].notes == ("iteration 3 diverged; going on from iteration 2 with steps of 0.5",)
    result = read_result(output)
    assert (len(result.errors), result.state) == (4, "done")
    assert result.notes[-1] == said[3].notes[0]
    assert said[-1].positions_per_s == pytest.approx(5 * 12 / said[-1].elapsed_s)


def emptied(prepared: PreparedJob) -> PreparedJob:
    """Start on an object of nothing."""
    return replace(prepared, problem=replace(prepared.problem, object=np.zeros_like(prepared.problem.object)))


def test_a_run_that_diverged_before_it_was_stopped_keeps_what_was_good(
    output: Path, engines: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines(*[1.0] * 20)
    broken = Estimate(np.full((4, 4), np.nan, np.complex64), np.ones((1, 2, 2), np.complex64))
    good = FakeEngine.estimate
    monkeypatch.setattr(FakeEngine, "estimate", lambda engine: broken if engine.iteration > 10 else good(engine))
    control = Control()
    stream = run_job(make_job(output, reconstruction__iterations=20), BACKEND, control)
    while next(stream).iteration < 15:
        pass
    control.stop()
    end = next(stream)
    assert (end.iteration, end.state) == (10, STOPPED)
    assert end.notes[0].startswith("iteration 15 diverged; going on from iteration 10")
    assert len(read_result(output).errors) == 10


def test_a_result_can_be_continued(output: Path) -> None:
    settings: dict[str, Any] = {"reconstruction__iterations": 60}
    first = list(run_job(make_job(output, **settings), BACKEND))[-1].error
    guesses = {"reconstruction__probe_guess": output, "reconstruction__object_guess": output}
    again = output.with_name("again.cxi")
    continued = list(run_job(make_job(again, **{**settings, **guesses}), BACKEND))[1].error
    assert continued < 1.1 * first


def test_a_continued_run_takes_object_probe_and_refined_positions(tmp_path: Path) -> None:
    source, first, again = (tmp_path / f"{name}.cxi" for name in ("scan", "first", "again"))
    write_scan(source, simulate(Recipe(n=64, scan_dims=(6, 6), probe="gaussian", probe_diameter_m=5e-7)))
    wrong = np.random.default_rng(0).normal(scale=4e-8, size=(36, 2))
    with open_dataset(source) as dataset:
        true_m = np.asarray(dataset.positions_m)
    np.savetxt(tmp_path / "wrong.csv", true_m + wrong, delimiter=",")
    values: dict[str, Any] = {"reconstruction.engine": "lsqml:15"}
    with open_backend("cpu", 2) as backend:
        settings = {
            **values,
            "reconstruction.position_correction": "5",
            "experiment.positions_file": tmp_path / "wrong.csv",
        }
        before = list(run_job(job_on(source, first, settings), backend))[-1].error
        files = ("reconstruction.probe_guess", "reconstruction.object_guess", "experiment.positions_file")
        settings = {"reconstruction.engine": "lsqml:1", "reconstruction.position_correction": "never"}
        continued = job_on(source, again, {**settings, **dict.fromkeys(files, first)})
        after = list(run_job(continued, backend))[1].error
        unrefined = {**settings, **dict.fromkeys(files, first), files[-1]: tmp_path / "wrong.csv"}
        without = list(run_job(job_on(source, tmp_path / "other.cxi", unrefined), backend))[1].error
    np.testing.assert_allclose(read_result(again).positions_m, read_result(first).positions_m, rtol=0, atol=1e-15)
    assert after < 1.2 * before
    assert without > 1.02 * after


def job_on(source: Path, output: Path, values: dict[str, Any]) -> Job:
    return planned_job(job_layers(source, {path: (value, "") for path, value in values.items()}), source, output)
