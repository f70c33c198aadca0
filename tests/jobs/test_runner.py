"""The one loop: what it yields, what it writes, how it ends."""

from __future__ import annotations

import errno
import gc
import json
import math
import os
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs
import pytest

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines.base import Estimate
from ptychogui.errors import DivergedError, MemoryBudgetError, OutputError, ParameterError, PtychoError
from ptychogui.io import export
from ptychogui.io.array_files import read_object, read_probe
from ptychogui.io.csv_numbers import write_complex_csv
from ptychogui.io.result import read_result, write_result
from ptychogui.jobs import engine_chain as chain, job_run, stages
from ptychogui.jobs.job import Control
from ptychogui.jobs.job_run import JobRun
from ptychogui.jobs.prepare.prepared_job import prepare
from ptychogui.jobs.results import rescue
from ptychogui.jobs.runner import run_job
from ptychogui.params.origins import Origin, Source
from ptychogui.params.storage import from_json
from ptychogui.physics.orientation import Orientation
from ptychogui.states import State
from tests.jobs.fakes import FakeEngine, make_job
from tests.jobs.scripted_engines import Script

RUNNING, DONE, STOPPED, CANCELLED = State.RUNNING, State.DONE, State.STOPPED, State.CANCELLED
BACKEND = NumpyBackend()


def test_every_iteration_comes_in_order_and_the_result_is_written(output: Path) -> None:
    job = make_job(output, "the command", reconstruction__iterations=4)
    said = list(run_job(job, BACKEND))
    assert [(progress.iteration, progress.state) for progress in said] == [
        (0, RUNNING), (1, RUNNING), (2, RUNNING), (3, RUNNING), (4, RUNNING), (4, DONE),
    ]  # fmt: skip
    assert [progress.result for progress in said] == [None] * 5 + [output]
    assert [progress.estimate is None for progress in said] == [True] * 5 + [False]
    assert {progress.iterations for progress in said} == {4}
    assert {progress.job_id for progress in said} == {job.id}
    assert math.isnan(said[0].error) and math.isinf(said[0].seconds_left)
    assert said[1].error > said[4].error == said[5].error
    assert said[5].seconds_left == 0
    assert said[5].positions_per_s == pytest.approx(4 * 12 / said[5].elapsed_s)


def test_the_result_tells_how_it_was_made(output: Path) -> None:
    job = make_job(output, "the command", experiment__mirror_rows=True)
    job.origins["reconstruction.iterations"] = Origin(Source.USER, "--iterations")  # type: ignore[index]
    *_, before, last = run_job(job, BACKEND)
    result = read_result(output)
    assert last.estimate is not None
    np.testing.assert_array_equal(result.object, last.estimate.object)
    np.testing.assert_array_equal(result.probe, last.estimate.probe)
    assert result.errors[-1] == before.error and len(result.errors) == 3
    assert result.free_errors[-1] == before.free_error and len(result.free_errors) == 3
    assert result.state == "done"
    assert result.orientation == Orientation(mirror_rows=True)
    assert result.stxm is not None and result.dpc_px is not None and result.mean_pattern is not None
    assert (result.stxm.shape, result.dpc_px.shape, result.mean_pattern.shape) == ((12,), (12, 2), (64, 64))
    assert result.mean_pattern.sum() == pytest.approx(result.stxm.mean(), rel=1e-5)
    assert np.abs(result.dpc_px).max() < 5
    assert result.command == "the command"
    assert result.title == job.title
    assert result.device.startswith("numpy: ")
    assert {"ptychogui", "python", "numpy"} <= set(result.versions)
    assert set(result.timing_s) == {"prepare", "iterate"}
    assert result.started <= result.finished
    parameters, origins = from_json(result.parameters)
    assert parameters.reconstruction.iterations == 3
    assert parameters.experiment.energy_eV == result.energy_eV
    assert origins["reconstruction.iterations"] == Origin(Source.USER, "--iterations")
    assert result.object_pixel_m == last.object_pixel_m
    np.testing.assert_array_equal(result.frame_indices, np.arange(12))


def test_the_noise_model_is_found_once_and_told(output: Path, tmp_path: Path) -> None:
    said = list(run_job(make_job(output, reconstruction__noise_model="auto"), BACKEND))
    result = read_result(output)
    assert from_json(result.parameters)[0].reconstruction.noise_model == "auto" and result.noise_model == "auto"
    (note,) = (note for note in result.notes if note.startswith("noise model"))
    assert note.startswith("noise model: of amplitudes until ") and note in said[0].notes
    asked = {
        name: make_job(tmp_path / f"{name}.cxi", reconstruction__noise_model=name) for name in ("gaussian", "poisson")
    }
    for job in asked.values():
        *_, last = run_job(job, BACKEND)
        assert not any("noise model" in note for note in read_result(job.output).notes)
        assert (last.error == said[-1].error) is (job is asked["gaussian"])  # which auto begins with
    np.testing.assert_array_equal(read_result(asked["gaussian"].output).object, result.object)
    assert not np.array_equal(read_result(asked["poisson"].output).object, result.object)


def test_an_engine_without_noise_models_is_told_of_none(output: Path) -> None:
    *_, last = run_job(make_job(output, reconstruction__engine="epie"), BACKEND)
    result = read_result(output)
    assert last.state is DONE and result.noise_model == "" and not any("noise model" in note for note in result.notes)


def test_a_run_that_is_extended_keeps_the_noise_model(output: Path) -> None:
    job = make_job(output, reconstruction__engine="epie")
    run = JobRun(job, BACKEND, Control())
    run.step()
    after = {"engine": "lsqml", "iterations": 2, "noise_model": "auto"}
    for _ in range(2):
        run.extend(job.parameters.reconstruction.model_copy(update=after))
        run.step()
    run.finish()
    result = read_result(output)
    assert result.noise_model == "auto" and sum("noise model" in note for note in result.notes) == 1


def test_the_result_tells_how_the_probe_varied(output: Path) -> None:
    job = make_job(
        output, reconstruction__engine="lsqml", reconstruction__opr_modes=2, reconstruction__update_opr="2",
        reconstruction__intensity_correction=True,
    )  # fmt: skip
    *_, last = run_job(job, BACKEND)
    assert last.estimate is not None and last.estimate.variation is not None
    result = read_result(output)
    assert result.components is not None and result.components.shape == (2, 64, 64)
    for name, found in vars(last.estimate.variation).items():
        np.testing.assert_array_equal(getattr(result, name), found)


def test_a_reconstruction_goes_on_with_the_probe_as_it_varied(output: Path) -> None:
    asked: dict[str, Any] = {
        "reconstruction__engine": "lsqml", "reconstruction__opr_modes": 1, "reconstruction__update_opr": "2",
        "reconstruction__intensity_correction": True,
    }  # fmt: skip
    *_, last = run_job(make_job(output, **asked), BACKEND)
    assert last.estimate is not None and last.estimate.variation is not None
    guesses: dict[str, Any] = {"reconstruction__probe_guess": output, "reconstruction__object_guess": output}
    prepared = prepare(make_job(output, **asked, **guesses))
    problem, decided = prepared.problem, prepared.noise_model
    scale = np.linalg.norm(problem.probe) / np.linalg.norm(last.estimate.probe)
    assert problem.variation is not None
    for name, found in vars(last.estimate.variation).items():
        factor = scale if name == "coefficients" else 1
        np.testing.assert_allclose(getattr(problem.variation, name), factor * found, rtol=1e-4)
    again = (
        chain.EngineChain(problem, decided.decide(make_job(output, **asked).parameters.reconstruction), BACKEND)
        .estimate()
        .variation
    )
    assert again is not None and again.components is problem.variation.components
    other = prepare(make_job(output, **asked, **guesses, experiment__scan_dims=(3, 5))).problem
    assert other.variation is None


def test_a_probe_that_does_not_vary_leaves_nothing_in_the_result(output: Path) -> None:
    list(run_job(make_job(output, reconstruction__engine="lsqml"), BACKEND))
    result = read_result(output)
    assert result.components is None and result.coefficients is None and result.intensities is None


def test_positions_of_the_result_are_those_of_the_scan(output: Path) -> None:
    job = make_job(output, reconstruction__position_correction="never")
    list(run_job(job, BACKEND))
    np.testing.assert_allclose(read_result(output).positions_m, prepare(job).positions_m, rtol=0, atol=1e-15)


def test_pictures_come_where_wanted(output: Path) -> None:
    said = list(run_job(make_job(output), BACKEND, wants_picture=lambda iteration: iteration in (0, 2)))
    assert [progress.iteration for progress in said if progress.estimate is not None] == [0, 2, 3]
    assert [progress.spots_m is not None for progress in said] == [progress.estimate is not None for progress in said]


def test_a_picture_has_each_positions_place_and_error(output: Path) -> None:
    said = list(run_job(make_job(output), BACKEND, wants_picture=lambda iteration: iteration in (0, 2)))
    first, last = said[0], said[-1]
    assert first.errors_at is not None and np.isnan(first.errors_at).all()
    assert last.estimate is not None and last.spots_m is not None and last.errors_at is not None
    size_m = np.array(last.estimate.object.shape) * last.object_pixel_m
    assert (last.spots_m > 0).all() and (last.spots_m < size_m).all() and np.isfinite(last.errors_at).all()
    assert last.errors_at.shape == (len(last.spots_m),) and last.stage == (said[1].stage[0], 0)


@pytest.mark.parametrize(("engine", "more"), [("epie", 0), ("lsqml", 3), ("dm", 5)])
def test_stop_makes_the_picture_fit_for_it_and_keeps_the_result(output: Path, engine: str, more: int) -> None:
    control = Control()
    job = make_job(output, reconstruction__engine=engine, reconstruction__iterations=50)
    stream = run_job(job, BACKEND, control)
    assert [next(stream).iteration for _ in range(2)] == [0, 1]
    control.stop()
    *between, end = stream
    assert [progress.iteration for progress in between] == list(range(2, 2 + more))
    assert (end.iteration, end.state, end.result) == (1 + more, STOPPED, output)
    result = read_result(output)
    assert (result.state, len(result.errors)) == ("stopped", 1 + more)
    assert any("ending early" in note for note in result.notes) == (more > 0)


def test_a_stop_waits_ten_seconds_at_most(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_run, "_WINDING_UP_S", 0.0)
    control = Control()
    stream = run_job(make_job(output, reconstruction__iterations=50), BACKEND, control)
    assert [next(stream).iteration for _ in range(2)] == [0, 1]
    control.stop()
    assert [progress.iteration for progress in stream] == [1]


@pytest.mark.parametrize("reading", [True, False])
def test_a_stop_before_the_first_iteration_writes_nothing(output: Path, reading: bool) -> None:
    control = Control()
    stream = run_job(make_job(output, output__csv=True), BACKEND, control)
    said = [] if reading else [next(stream)]
    control.stop()
    said += stream
    states = [CANCELLED] if reading else [RUNNING, CANCELLED]
    assert [(progress.iteration, progress.state, progress.result) for progress in said] == [
        (0, state, None) for state in states
    ]
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("places", [1, 2])
def test_a_result_that_cant_be_written_at_the_end_is_kept_elsewhere(
    output: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, places: int
) -> None:
    folders = [tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("cache")]
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(folders[0]))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(folders[1]))
    if places == 2:
        folders[0].rmdir()
        folders[0].touch()
    stream = run_job(make_job(output), BACKEND)
    next(stream)
    output.parent.rmdir()
    output.parent.touch()
    with pytest.raises(OutputError, match=r"can't write .*a part of this path is a file") as caught:
        list(stream)
    (kept,) = folders[places - 1].iterdir()
    assert str(caught.value).endswith(f"; the result is kept in {kept}")
    result = read_result(kept)
    assert (result.state, len(result.errors)) == ("done", 3)


def test_a_result_that_fits_nowhere_says_so(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_path: Path, _result: Any) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(job_run, "write_result", full_disk)
    monkeypatch.setattr(rescue, "write_result", full_disk)
    with pytest.raises(OutputError, match="the disk is full; the result could not be kept anywhere else either"):
        list(run_job(make_job(output), BACKEND))


def test_a_scan_is_never_overwritten(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_run, "prepare", lambda *_: pytest.fail("the work started"))
    output.write_text("a measurement")
    with pytest.raises(OutputError, match=r"result\.cxi exists and is not a result; choose another name or delete it"):
        next(run_job(make_job(output), BACKEND))
    assert output.read_text() == "a measurement"


def test_a_result_is_replaced(output: Path) -> None:
    for iterations in (1, 2):
        list(run_job(make_job(output, reconstruction__iterations=iterations), BACKEND))
        assert len(read_result(output).errors) == iterations


def test_the_time_limit_stops(output: Path) -> None:
    asked: dict[str, Any] = {"reconstruction__time_limit_s": 1e-9, "reconstruction__iterations": 50}
    said = list(run_job(make_job(output, **asked), BACKEND))
    ready = [(iteration, RUNNING) for iteration in range(5)]
    assert [(progress.iteration, progress.state) for progress in said] == [*ready, (4, STOPPED)]


class TestThatMayEnd:
    """Jobs with as many iterations as bring something."""

    def test_it_ends_where_its_errors_have_settled(self, output: Path, script: Script) -> None:
        script.error, script.free_error = (lambda i, _settings: 2.0 / min(i, 30)), (lambda _i: 1.1)
        *_, last = run_job(make_job(output, reconstruction__iterations=None), BACKEND)
        assert (last.iteration, last.state, last.iterations) == (60, DONE, 300)
        assert "ended after 60 iterations: what they still bring is mostly noise" in read_result(output).notes

    def test_it_says_where_it_could_not_go_on(
        self, output: Path, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(stages.MOST_ITERATIONS, "lsqml", 40)
        script.error = lambda i, _settings: 2.0 / i
        *_, last = run_job(make_job(output, reconstruction__iterations=None), BACKEND)
        assert (last.iteration, last.state) == (40, DONE)
        assert any(note.startswith("the error still falls after 40") for note in read_result(output).notes)

    def test_a_number_that_was_asked_for_ends_early_where_that_is_asked_for(self, output: Path, script: Script) -> None:
        job = make_job(output, reconstruction__iterations=200, reconstruction__until_converged=True,
                       reconstruction__engine="epie")  # fmt: skip
        said = list(run_job(job, BACKEND))
        assert said[-1].state is DONE and said[-1].iteration == 20

    def test_a_number_that_was_asked_for_is_done(self, output: Path, script: Script) -> None:
        *_, last = run_job(make_job(output, reconstruction__iterations=70), BACKEND)
        assert (last.iteration, last.state) == (70, DONE)

    def test_what_it_is_extended_by_is_done(self, output: Path, script: Script) -> None:
        run = JobRun(make_job(output, reconstruction__iterations=None), BACKEND, Control())
        for _ in range(20):
            run.step()
        assert run.may_end
        run.extend(run.reconstruction.model_copy(update={"iterations": 5}))
        assert not run.may_end and script.made


def test_close_writes_nothing_and_frees_everything(output: Path, engines: Callable[..., list[Any]]) -> None:
    taken = engines(1.0, 1.0, 1.0)
    stream = run_job(make_job(output), BACKEND)
    assert [next(stream).iteration for _ in range(2)] == [0, 1]
    frames = weakref.ref(taken[0]().problem.patterns)
    stream.close()
    gc.collect()
    assert taken[0]() is None
    assert frames() is None
    assert list(output.parent.iterdir()) == []


def test_checkpoints_are_results_on_the_way(output: Path) -> None:
    job = make_job(output, output__save_every=2, reconstruction__iterations=4)
    stream = run_job(job, BACKEND)
    saved = [next(stream).result for _ in range(3)]
    assert saved == [None, None, output]
    checkpoint = read_result(output)
    assert (checkpoint.state, len(checkpoint.errors)) == ("checkpoint", 2)
    assert [progress.result for progress in stream] == [None, None, output]
    assert read_result(output).state == "done"


def test_a_checkpoint_that_cant_be_written_is_noted(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path, result: Any) -> tuple[str, ...]:
        if result.state == "checkpoint":
            raise OutputError("the disk is full")
        return write_result(path, result)

    monkeypatch.setattr(job_run, "write_result", full_disk)
    said = list(run_job(make_job(output, output__save_every=2), BACKEND))
    assert said[2].notes == ("no checkpoint at iteration 2: the disk is full",)
    assert said[2].result is None
    assert said[-1].state is DONE


def test_what_no_file_can_hold_is_said_once_and_costs_no_result(output: Path) -> None:
    odd = os.fsdecode(b"night_\xe9")
    job = make_job(output.with_name(f"{odd}.cxi"), f"ptychogui {odd}", output__save_every=1, output__job_id=odd)
    said = [note for progress in run_job(job, BACKEND) for note in progress.notes]
    notes = [note for note in said if "escaped" in note]
    assert notes == ["escaped in the result, whose texts are UTF-8: title and command"]
    result = read_result(job.output)
    assert (result.state, result.title, result.command) == ("done", "night_\\xe9", "ptychogui night_\\xe9")
    assert from_json(result.parameters)[0].output.job_id == odd
    assert notes[0] in result.notes


def test_divergence_says_what_to_try_and_keeps_the_checkpoint(output: Path, engines: Callable[..., list[Any]]) -> None:
    engines(1.0, 1.0, math.nan)
    with pytest.raises(PtychoError) as caught:
        list(run_job(make_job(output, output__save_every=2), BACKEND))
    assert str(caught.value) == (
        "the reconstruction diverged: the error is not a number after iteration 3; try a smaller --object-step or "
        "--probe-step, a later --update-probe or another first probe; "
        f"the checkpoint of iteration 2 is kept in {output}"
    )
    assert read_result(output).state == "checkpoint"


def test_setbacks_are_findings_with_values_to_apply_in_progress_and_result(output: Path, script: Script) -> None:
    script.error = lambda at, settings: math.nan if at >= 3 and settings.object_step > 0.5 else 1.5
    said = list(run_job(make_job(output, reconstruction__iterations=5, reconstruction__engine="epie"), BACKEND))
    (found,) = (one for progress in said for one in progress.findings)
    assert (found.kind, found.iteration) == ("not a number", 3) and found.fix["reconstruction.object_step"] == 0.5
    assert json.loads(read_result(output).findings) == [found.as_dict()]
    assert sum("diverged" in note for note in read_result(output).notes) == 1


def test_what_errors_and_pictures_show_is_said_once_in_notes_and_findings(output: Path, script: Script) -> None:
    script.error = lambda at, settings: 5.0 + 0.5 * (-1) ** at
    job = make_job(output, reconstruction__iterations=90, reconstruction__engine="epie")
    said = list(run_job(job, BACKEND, wants_picture=lambda at: at % 10 == 0))
    told = {one.kind: one for progress in said for one in progress.findings}
    assert set(told) == {"oscillation", "stagnation"} and told["oscillation"].iteration == 60
    notes = [note for progress in said for note in progress.notes]
    assert [notes.count(one.text) for one in told.values()] == [1, 1]
    assert json.loads(read_result(output).findings) == [one.as_dict() for one in told.values()]


def test_findings_go_on_with_the_state_of_a_job(output: Path, script: Script) -> None:
    script.error = lambda at, settings: 5.0 + 0.5 * (-1) ** at
    control = Control()
    job = make_job(output, reconstruction__iterations=90, reconstruction__engine="epie")
    for progress in run_job(job, BACKEND, control):
        if progress.iteration == 70:
            control.leave()
    said = list(run_job(job, BACKEND))
    assert said[0].iteration == 70 and [one.kind for one in said[0].findings] == ["oscillation", "stagnation"]
    assert not any(progress.findings for progress in said[1:])
    assert len(json.loads(read_result(output).findings)) == 2


def test_a_start_that_no_engine_can_go_on_from_fails_with_the_reason(output: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "probe.npy", np.full((64, 64), 1e30, np.complex64))
    guess: dict[str, Any] = {
        "reconstruction__probe_guess": tmp_path / "probe.npy",
        "reconstruction__rescale_probe": False,
    }
    said: list[str] = []
    with (
        pytest.raises(DivergedError, match=r"diverged: .* after iteration 1; try a smaller .* or another first probe$"),
        np.errstate(all="ignore"),
    ):
        for progress in run_job(make_job(output, **guess), BACKEND):
            said += progress.notes
    assert [note[-5:] for note in said if "diverged" in note] == ["f 0.5", " 0.25", "0.125", ".0625"]
    assert not output.exists()


def test_an_object_that_is_not_finite_is_not_written(
    output: Path, engines: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines(1.0, 1.0, 1.0)
    broken = Estimate(np.full((4, 4), np.nan, np.complex64), np.ones((1, 2, 2), np.complex64))
    monkeypatch.setattr(FakeEngine, "estimate", lambda _engine: broken)
    with pytest.raises(PtychoError, match=r"the object has values that are not numbers after iteration 3; try"):
        list(run_job(make_job(output), BACKEND))
    assert not output.exists()


def test_the_output_is_checked_before_the_work_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(job_run, "prepare", lambda *_: pytest.fail("the work started"))
    with pytest.raises(OutputError, match=r"can't write .*file/result\.cxi"):
        next(run_job(make_job(tmp_path / "file" / "result.cxi"), BACKEND))


def test_a_job_that_this_version_cant_do_is_refused(output: Path) -> None:
    with pytest.raises(ParameterError, match=r"position_correction = 7 has no effect in ePIE, only in LSQML"):
        next(run_job(make_job(output, reconstruction__engine="epie", reconstruction__position_correction="7"), BACKEND))


def test_memory_that_runs_out_is_a_users_error(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(chain, "create_engine", exhausted)
    with pytest.raises(MemoryBudgetError, match=r"the memory of numpy was used up \(Unable to allocate 9 TiB\); crop"):
        next(run_job(make_job(output), BACKEND))


def test_other_formats_are_written_beside_the_result(output: Path) -> None:
    list(run_job(make_job(output, output__csv=True, output__binary=True), BACKEND))
    names = sorted(path.name for path in output.parent.iterdir())
    kinds = ("object_0.bin", "object_0.csv", "probes_0.bin", "probes_0.csv")
    assert names == ["result.cxi", *(f"result_{kind}" for kind in kinds)]


def test_trouble_with_other_formats_is_noted_and_the_result_kept(output: Path) -> None:
    (output.parent / "result_object_0.csv").mkdir()
    *_, last = run_job(make_job(output, output__csv=True), BACKEND)
    assert last.result == output
    assert "result_object_0.csv" in last.notes[0]


def test_other_formats_are_numbered_by_the_checkpoint(output: Path) -> None:
    values: dict[str, Any] = {"output__csv": True, "output__binary": True, "output__save_every": 2}
    stream = run_job(make_job(output, reconstruction__iterations=6, **values), BACKEND)
    numbered = []
    for progress in stream:
        if progress.result is not None and progress.state is RUNNING:
            numbered.append(progress.iteration)
            checkpoint = read_result(output)
            paths = {what: output.with_name(f"result_{what}_{len(numbered)}") for what in ("object", "probes")}
            np.testing.assert_array_equal(read_object(paths["object"].with_suffix(".csv")), checkpoint.object)
            np.testing.assert_array_equal(read_probe(paths["probes"].with_suffix(".csv")), checkpoint.probe)
            assert paths["object"].with_suffix(".bin").read_bytes() == checkpoint.object.astype("<c8").tobytes()
    assert numbered == [2, 4]
    last = read_result(output)
    assert last.state == "done"
    np.testing.assert_array_equal(read_object(output.with_name("result_object_0.csv")), last.object)
    names = {f"result_{what}_{number}.{end}" for what in ("object", "probes") for number in range(3)
             for end in ("bin", "csv")}  # fmt: skip
    assert {path.name for path in output.parent.iterdir()} == {"result.cxi", *names}


def test_a_disk_that_is_full_for_numbered_files_ends_no_run(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(errno.ENOSPC, "No space left on device")]

    def full_disk(file: BinaryIO, array: np.ndarray) -> None:
        write_complex_csv(file, array)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(export, "write_complex_csv", full_disk)
    said = list(run_job(make_job(output, output__csv=True, output__save_every=2), BACKEND))
    path = output.with_name("result_object_1.csv")
    assert said[2].result == output
    assert said[2].notes == (f"can't write {path}: no space left on the disk; free some or choose another place",)
    assert said[-1].state is DONE and read_result(output).state == "done"
    names = ["result.cxi", "result_object_0.csv", "result_probes_0.csv"]
    assert sorted(path.name for path in output.parent.iterdir()) == names


def test_the_same_job_gives_the_same_bits(output: Path, chosen_probes: dict[str, Any]) -> None:
    first = [*run_job(make_job(output), BACKEND)][-1].estimate
    chosen_probes.clear()
    second = [*run_job(make_job(output), BACKEND)][-1].estimate
    assert first is not None and second is not None
    np.testing.assert_array_equal(first.object, second.object)


def test_the_result_says_where_the_object_lies(output: Path) -> None:
    job = make_job(output, experiment__scan_dims=(3, 6), reconstruction__position_correction="never")
    list(run_job(job, BACKEND))
    prepared, result = prepare(job), read_result(output)
    origin_px, pixel_m = prepared.problem.geometry.origin_px, prepared.object_pixel_m
    assert origin_px[0] != origin_px[1]
    assert result.object_origin_m == pytest.approx((origin_px[0] * pixel_m, origin_px[1] * pixel_m))
    np.testing.assert_allclose(result.positions_m, prepared.problem.geometry.positions_px * pixel_m, rtol=1e-6)
