"""A job that was killed goes on from its whole state and ends with the bits of one that never was."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from ptychogui.backends import Backend, open_backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import Engine, create_engine
from ptychogui.errors import DivergedError, OutputError
from ptychogui.io.result import Result, read_result
from ptychogui.io.simulated import write_scan
from ptychogui.jobs import engine_chain
from ptychogui.jobs.checkpoints import whole_state
from ptychogui.jobs.checkpoints.state_file import part_of_state_file, read_about
from ptychogui.jobs.job import Control, FirstTry, Job, Progress
from ptychogui.jobs.job_run import JobRun
from ptychogui.jobs.prepare.prepared_job import InMemory
from ptychogui.jobs.runner import run_job
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.states import State
from tests.backends.fake_cupy import FakeMachine
from tests.jobs.fakes import make_job, scan

NUMPY = NumpyBackend()

KINDS: dict[str, dict[str, Any]] = {
    "epie": {"reconstruction__engine": "epie", "reconstruction__momentum": 0.4},
    "dm": {"reconstruction__engine": "dm", "reconstruction__average_last": 0.5},
    "stages": {"reconstruction__engine": "raar:2/2,epie:2,lsqml:4", "experiment__probe_modes": 2},
    "coarse levels": {"reconstruction__engine": "lsqml", "reconstruction__coarse_levels": 1},
    "all of lsqml": {
        "reconstruction__engine": "lsqml", "reconstruction__opr_modes": 1, "reconstruction__update_opr": "2",
        "reconstruction__intensity_correction": True, "reconstruction__position_correction": "2",
        "reconstruction__position_coupled": True, "reconstruction__momentum": 0.4, "output__save_every": 3,
    },
}  # fmt: skip

ITERATIONS = 8


@pytest.fixture(scope="module")
def cpu() -> Iterator[Backend]:
    with open_backend("cpu", threads=2) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _every_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checkpoints take all of the time."""
    monkeypatch.setattr(whole_state, "_MOST_OF_THE_TIME", math.inf)


def job_of(output: Path, kind: str = "epie", **values: Any) -> Job:
    asked = {"reconstruction__iterations": ITERATIONS, "output__checkpoint_every_s": 1e-9, **KINDS[kind], **values}
    return make_job(output, **asked)


def killed_after(job: Job, iterations: int, backend: Backend, control: Control | None = None) -> list[Progress]:
    """Do a job up to an iteration and no further, as if its process were gone."""
    said = []
    stream = run_job(job, backend, control)
    for progress in stream:
        said.append(progress)
        if progress.iteration == iterations:
            break
    stream.close()
    return said


def content(result: Result) -> list[Any]:
    """Return all of a result that says nothing of when and how often it was begun."""
    notes = [note for note in result.notes if not note.startswith("going on from the checkpoint of")]
    arrays = [
        result.object, result.probe, result.positions_m, result.errors, result.free_errors, result.components,
        result.coefficients, result.intensities,
    ]  # fmt: skip
    return [
        result.state,
        notes,
        result.object_pixel_m,
        *(None if array is None else array.tobytes() for array in arrays),
    ]


def check(job: Job, at: int, backend: Backend) -> list[Progress]:
    """See that a job that is killed at an iteration ends as if it had not been; return what it says when it goes on."""
    other = replace(job, output=job.output.with_name("undisturbed.cxi"))
    list(run_job(other, backend))
    assert not other.checkpoint_file.exists()
    killed_after(job, at, backend)
    assert job.checkpoint_file.exists() == (at > 0)
    again = list(run_job(job, backend))
    assert [progress.iteration for progress in again[:1]] == [at]
    assert not job.checkpoint_file.exists()
    assert content(read_result(job.output)) == content(read_result(other.output))
    return again


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_with_the_same_result(cpu: Backend, output: Path, kind: str) -> None:
    check(job_of(output, kind), 5, cpu)


@given(at=st.integers(0, ITERATIONS), kind=st.sampled_from(sorted(KINDS)))
@hypothesis_settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_does_at_any_iteration(cpu: Backend, output: Path, at: int, kind: str) -> None:
    output.unlink(missing_ok=True)
    check(job_of(output, kind), at, cpu)


@pytest.mark.parametrize("kind", ["dm", "stages"])
def test_it_does_on_a_gpu_whose_errors_come_late(machine: FakeMachine, output: Path, kind: str) -> None:
    with CudaBackend(0) as gpu:
        check(job_of(output, kind), 5, gpu)


def test_a_child_that_is_killed(output: Path, cpu: Backend) -> None:
    options = [
        "--simulate", "--scan-dims", "3,4", "--size", "64", "--detector-pixel", "150um", "--probe-diameter", "800nm",
        "--engine", "dm:150,lsqml:150", "--checkpoint-every", "10 ms", "--device", "cpu", "--threads", "1",
    ]  # fmt: skip
    command = [sys.executable, "-m", "ptychogui", "reconstruct", *options, "-o", str(output)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("iteration 180/"):
            break
    child.send_signal(signal.SIGKILL)
    child.stderr.close()
    assert child.wait() == -signal.SIGKILL
    hidden = output.with_name(f".{output.name}.checkpoint")
    assert hidden.exists() and not output.exists()
    stood = read_about(hidden)["state"]["chain.iteration"]
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "note: going on from the checkpoint of" in again.stderr
    assert 0 < stood < 300 and os.listdir(output.parent) == [output.name]
    other = output.with_name("undisturbed.cxi")
    subprocess.run([*command[:-1], str(other)], capture_output=True, check=True)
    assert content(read_result(output)) == content(read_result(other))


def test_it_says_where_it_goes_on_and_nothing_twice(output: Path) -> None:
    job = job_of(output, "stages")
    before = [note for progress in killed_after(job, 3, NUMPY) for note in progress.notes]
    first, *said = run_job(job, NUMPY)
    told = [note for progress in said for note in progress.notes]
    assert first.notes[-1].startswith("going on from the checkpoint of 20")
    assert {*first.notes[:-1]} == {"ePIE from iteration 3"}, "the iteration of the checkpoint may not have been heard"
    assert not {*told} & {*before}
    assert read_result(output).notes == (*before, first.notes[-1], *told)


def test_times_go_on(output: Path) -> None:
    job = job_of(output)
    killed = killed_after(job, 4, NUMPY)
    started = read_about(job.checkpoint_file)["state"]["started"]
    first, *_ = run_job(job, NUMPY)
    assert first.elapsed_s == pytest.approx(killed[-1].elapsed_s) and first.positions_per_s > 0
    assert read_result(output).started == started


def refused(output: Path, job: Job, why: str) -> None:
    """See that a job does not go on from what is there, says why, and keeps it until it has something better."""
    before = job.checkpoint_file.read_bytes()
    run = JobRun(job, NUMPY, Control())
    run.resume()
    assert run.iteration == 0
    note = run.progress().notes[-1]
    assert note.startswith(f"there is a checkpoint, {job.checkpoint_file}, but the job begins anew: ") and why in note
    assert job.checkpoint_file.read_bytes() == before
    run.step()
    run.keep_state()
    assert read_about(job.checkpoint_file)["state"]["chain.iteration"] == 1
    *_, last = run_job(job, NUMPY)
    assert last.state is State.DONE and not job.checkpoint_file.exists()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"reconstruction__iterations": 9}, "reconstruction.iterations was 8, and is 9"),
        ({"experiment__scan_dims": (4, 4)}, "experiment.scan_dims was [3, 4], and is [4, 4]"),
        ({"reconstruction__seed": 1, "reconstruction__engine": "lsqml"}, "engine was epie, and is lsqml; "),
    ],
)
def test_other_parameters_are_refused(output: Path, changed: dict[str, Any], why: str) -> None:
    killed_after(job_of(output), 3, NUMPY)
    refused(output, job_of(output, **changed), why)


def test_parameters_that_change_no_bit_are_taken(output: Path) -> None:
    killed_after(job_of(output), 3, NUMPY)
    changed: dict[str, Any] = {"output__csv": True, "devices__threads": 1, "reconstruction__time_limit_s": 1e6}
    first, *_ = run_job(job_of(output, **changed), NUMPY)
    assert first.iteration == 3


def test_another_program_is_refused(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after(job_of(output), 3, NUMPY)
    for name, value, why in (
        ("__version__", "99", "of ptychogui, this is 99"),
        ("_FORMAT", 99, "it was written by version"),
        ("sources_digest", lambda: "other", "the kernels have changed"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(whole_state, name, value)
            refused(output, job_of(output), why)
        killed_after(job_of(output), 3, NUMPY)


def test_a_scan_that_has_changed_is_refused(tmp_path: Path, output: Path) -> None:
    source = tmp_path / "scan.cxi"
    write_scan(source, simulate(Recipe(n=64, scan_dims=(3, 4), probe_diameter_m=0.8e-6, detector_pixel_m=150e-6)))
    job = replace(job_of(output, experiment__simulate=False), source=source)
    killed_after(job, 3, NUMPY)
    os.utime(source, (1, 1))
    refused(output, job, "scan.cxi has changed since it was written")


@pytest.mark.parametrize("damage", [lambda content: content[:-1000], lambda content: b"", lambda content: b"x" * 10000])
def test_a_damaged_one_is_said(output: Path, damage: Callable[[bytes], bytes]) -> None:
    job = job_of(output)
    killed_after(job, 3, NUMPY)
    job.checkpoint_file.write_bytes(damage(job.checkpoint_file.read_bytes()))
    refused(output, job, "is damaged, or no file of this kind")


def test_one_that_lacks_something_is_refused(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(output)
    monkeypatch.setattr(engine_chain.EngineChain, "state", lambda _chain: {"place": 0, "iteration": 3})
    killed_after(job, 3, NUMPY)
    monkeypatch.undo()
    refused(output, job, "it has not what a checkpoint has (KeyError('steps'))")


def test_an_engine_that_refuses_it_half_way_leaves_a_job_at_its_beginning(output: Path) -> None:
    job, other = job_of(output), job_of(output.with_name("other.cxi"))
    *_, undisturbed = run_job(other, NUMPY)
    run = JobRun(job, NUMPY, Control())
    run.step()
    whole = run._chain.state
    run._chain.state = lambda: {  # type: ignore[method-assign]
        name: value for name, value in whole().items() if name != "engine.passing.probe.velocity"
    }
    run.keep_state()
    *_, last = run_job(job, NUMPY)
    assert "the state does not fit: 'velocity' is not there" in str(read_result(output).notes)
    assert last.error == undisturbed.error


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_on_another_device_it_goes_on_and_says_so(output: Path, cpu: Backend, kept: float) -> None:
    job = job_of(output, "dm", reconstruction__half_precision=kept < 1)
    killed_after(job, 5, NUMPY)
    first, *_, last = run_job(job, cpu)
    assert first.iteration == 5 and last.state is State.DONE
    assert "which is of another device (" in first.notes[0] and "the last digits" in first.notes[0]


def test_a_full_disk_is_said_once_and_costs_nothing(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: Any) -> None:
        raise OutputError(f"can't write {path}: no space left on the disk")

    monkeypatch.setattr(whole_state, "write_state_file", fail)
    said = list(run_job(job_of(output), NUMPY))
    told = [note for progress in said for note in progress.notes if "no checkpoint" in note]
    assert len(told) == 1 and "no space left" in told[0] and said[-1].state is State.DONE


def test_what_is_short_of_space_is_not_begun(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_state, "size_bytes", lambda _arrays: 1 << 60)
    said = list(run_job(job_of(output), NUMPY))
    assert any("more than are free" in note for progress in said for note in progress.notes)


def test_one_is_due_when_it_is_time_and_later_where_it_takes_long(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    monkeypatch.setattr(whole_state, "_MOST_OF_THE_TIME", 0.1)
    took_s = 0.0

    def take(*_: Any) -> None:
        now_s[0] += took_s

    monkeypatch.setattr(whole_state, "write_state_file", take)
    checkpoints = whole_state.Checkpoints(job_of(output, output__checkpoint_every_s=300.0), (), NUMPY)
    seen = []
    for took_s, waits_s in ((1.0, 300.0), (90.0, 300.0), (1.0, 900.0)):  # noqa: B007 - take() sees it
        now_s[0] += waits_s - 1
        seen.append(checkpoints.is_due)
        now_s[0] += 1
        seen.append(checkpoints.is_due)
        checkpoints.write({})
    assert seen == [False, True] * 3


@pytest.mark.parametrize("values", [{"output__checkpoint_every_s": 0.0}, {"output__checkpoint_every_s": 300.0}])
def test_none_is_kept_where_none_is_wanted_or_due(output: Path, values: dict[str, Any]) -> None:
    job = job_of(output, **values)
    killed_after(job, 5, NUMPY)
    assert not job.checkpoint_file.exists()


def test_none_is_kept_of_what_is_in_memory(output: Path) -> None:
    job = replace(job_of(output, experiment__simulate=False), in_memory=True)
    run = JobRun(job, NUMPY, Control(), InMemory(scan=scan()))
    run.step()
    run.keep_state()
    run.resume()
    assert not job.checkpoint_file.exists() and run.iteration == 1


def test_the_caller_says_where_it_is_kept_and_whether_it_counts(output: Path, tmp_path: Path) -> None:
    job = replace(job_of(output), checkpoint=tmp_path / "jobs" / "7" / "checkpoint")
    killed_after(job, 3, NUMPY)
    assert os.listdir(tmp_path / "jobs" / "7") == ["checkpoint"]
    first, *_ = run_job(replace(job, resume=False), NUMPY)
    assert first.iteration == 0 and not any("checkpoint" in note for note in first.notes)
    assert os.listdir(tmp_path / "jobs" / "7") == []


def test_a_job_that_is_to_leave_leaves_its_state(output: Path) -> None:
    job = job_of(output, output__checkpoint_every_s=0.0)
    other = job_of(output.with_name("undisturbed.cxi"))
    list(run_job(other, NUMPY))
    last = told_at(job, {4: Control.leave})
    assert (last.iteration, last.state, last.result) == (4, State.INTERRUPTED, None) and not output.exists()
    list(run_job(job, NUMPY))
    assert content(read_result(output)) == content(read_result(other.output))


def test_a_job_may_leave_while_its_data_are_read(output: Path) -> None:
    control = Control()
    control.leave()
    (last,) = run_job(replace(job_of(output)), NUMPY, control)
    assert (last.state, last.iteration) == (State.INTERRUPTED, 0)


def told_at(job: Job, orders: dict[int, Callable[[Control], None]]) -> Progress:
    """Do a job that is told something at some iterations; return what it says last."""
    control = Control()
    for progress in run_job(job, NUMPY, control):
        orders.get(progress.iteration, lambda _control: None)(control)
    return progress


def test_an_early_end_goes_on_to_its_end(output: Path) -> None:
    job = job_of(output, "dm", reconstruction__iterations=60)
    other = replace(job, output=output.with_name("undisturbed.cxi"))
    last = told_at(other, {10: Control.stop})
    assert last.iteration > 12
    assert told_at(job, {10: Control.stop, 12: Control.leave}).state is State.INTERRUPTED
    again = told_at(job, {})
    assert (again.iteration, again.state) == (last.iteration, State.STOPPED)
    assert content(read_result(output)) == content(read_result(other.output))


def test_a_stop_does_not_wait_for_a_checkpoint(output: Path) -> None:
    job = job_of(output)
    run = JobRun(job, NUMPY, control := Control())
    run.step()
    run.keep_state(if_due=True)
    before = job.checkpoint_file.read_bytes()
    control.stop()
    run.step()
    run.keep_state(if_due=True)
    assert job.checkpoint_file.read_bytes() == before and not part_of_state_file(job.checkpoint_file).exists()


def test_a_job_that_diverges_leaves_none(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*given: Any) -> Engine:
        engine = create_engine(*given)
        step = engine.step
        engine.step = lambda: replace(step(), errors=(math.nan,) if engine.iteration > 3 else (1.0,))  # type: ignore[method-assign]
        return engine

    monkeypatch.setattr(engine_chain, "create_engine", spoilt)
    job = job_of(output)
    with pytest.raises(DivergedError):
        list(run_job(job, NUMPY))
    assert os.listdir(output.parent) == []


def test_what_was_left_half_written_goes_with_the_result(output: Path) -> None:
    job = job_of(output, output__checkpoint_every_s=0.0)
    part_of_state_file(job.checkpoint_file).write_bytes(b"half")
    list(run_job(job, NUMPY))
    assert os.listdir(output.parent) == [output.name]


@pytest.mark.parametrize("saves", [True, False])
def test_a_second_try_prefers_it(output: Path, saves: bool) -> None:
    job = job_of(output, "all of lsqml", output__save_every=3 if saves else None)
    other = replace(job, output=output.with_name("undisturbed.cxi"))
    list(run_job(other, NUMPY))
    killed_after(job, 5, NUMPY)
    tried = FirstTry("cuda:0 failed", output if saves else None, job.checkpoint_file.exists())
    first, *_ = run_job(replace(job, first_try=tried, resume=False), NUMPY)
    assert first.iteration == 5 and tried.note in first.notes
    assert "second try, begun at the last checkpoint" in tried.note
    result = read_result(output)
    kept = replace(result, notes=tuple(note for note in result.notes if note != tried.note))
    assert content(kept) == content(read_result(other.output))


def test_a_second_try_falls_back_on_the_result(output: Path) -> None:
    job = job_of(output, output__save_every=3)
    killed_after(job, 5, NUMPY)
    job.checkpoint_file.write_bytes(b"damaged")
    first, *_ = run_job(replace(job, first_try=FirstTry("cuda:0 failed", output, left_state=True)), NUMPY)
    assert first.iteration == 3 and any("begins anew" in note for note in first.notes)
    assert len(read_result(output).errors) == ITERATIONS


def test_restored_arrays_let_go_of_the_file(output: Path) -> None:
    job = job_of(output, "all of lsqml")
    killed_after(job, 5, NUMPY)
    run = JobRun(job, NUMPY, Control())
    run.resume()
    held = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(".checkpoint")]
    assert run.iteration == 5 and not held
    np.testing.assert_array_equal(len(run.errors), 5)
