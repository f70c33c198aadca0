"""A job that is told to stop in an iteration that goes on for long: that is broken off, and its picture kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.io.result import read_result
from ptychogui.jobs import job_run
from ptychogui.jobs.job import Control, Progress
from ptychogui.jobs.runner import run_job
from ptychogui.states import State
from tests.jobs.fakes import make_job


class Backend(NumpyBackend):
    """Calls something at a break point of an iteration, and counts those."""

    def __init__(self) -> None:
        self.at: tuple[int, Callable[[], None]] = (-1, lambda: None)
        self.points = 0

    def break_point(self) -> None:
        number, call = self.at
        if self.points == number:
            call()
        self.points += 1
        super().break_point()


ONE_BY_ONE: dict[str, Any] = {"reconstruction__batch_size": 1}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every iteration go on for too long."""
    for limit in ("_LONG_S", "_PATIENCE_S"):
        monkeypatch.setattr(job_run, limit, 0.0)


def _run(output: Path, call: Callable[[Control], None], iteration: int, **values: object) -> list[Progress]:
    """Run a job of six iterations, and call in the middle of one."""
    values = {"reconstruction__engine": "epie", "reconstruction__iterations": 6, **ONE_BY_ONE, **values}
    backend, control, said = Backend(), Control(), []
    job = make_job(output, **values)  # type: ignore[arg-type]
    for progress in run_job(job, backend, control):
        said.append(progress)
        if progress.iteration == iteration - 1 and progress.state is State.RUNNING:
            backend.points, backend.at = 0, (9, lambda: call(control))
    return said


def test_the_result_has_the_picture_that_was_there(tmp_path: Path) -> None:
    *said, last = _run(tmp_path / "a.cxi", Control.stop, 4)
    assert [progress.iteration for progress in said] == [0, 1, 2, 3]
    assert (last.state, last.iteration, last.result) == (State.STOPPED, 3, tmp_path / "a.cxi")
    result = read_result(tmp_path / "a.cxi")
    assert result.state is State.STOPPED and len(result.errors) == 3
    assert "stopped within iteration 4: the picture has what its first positions gave" in result.notes
    assert last.estimate is not None
    np.testing.assert_array_equal(result.object, last.estimate.object)
    whole_job = make_job(tmp_path / "b.cxi", reconstruction__engine="epie", reconstruction__iterations=3, **ONE_BY_ONE)
    *_, whole = run_job(whole_job, Backend())
    assert whole.estimate is not None and not np.array_equal(whole.estimate.object, result.object)


def test_nothing_is_written_of_a_first_iteration_that_was_broken_off(tmp_path: Path) -> None:
    *_, last = _run(tmp_path / "a.cxi", Control.stop, 1)
    assert last.state is State.CANCELLED and not (tmp_path / "a.cxi").exists()


def test_one_that_is_cancelled_ends_at_once_and_writes_nothing(tmp_path: Path) -> None:
    said = _run(tmp_path / "a.cxi", Control.cancel, 4)
    assert [progress.iteration for progress in said] == [0, 1, 2, 3]
    assert {progress.state for progress in said} == {State.RUNNING} and not (tmp_path / "a.cxi").exists()


def test_an_iteration_whose_end_is_near_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_run, "_LONG_S", 1e6)
    *said, last = _run(tmp_path / "a.cxi", Control.stop, 4)
    assert said[-1].iteration == last.iteration == 4 and last.state is State.STOPPED
    assert not any("stopped within" in note for note in read_result(tmp_path / "a.cxi").notes)


def test_what_makes_the_picture_ready_is_not_broken_off(tmp_path: Path) -> None:
    backend, control = Backend(), Control()
    job = make_job(
        tmp_path / "a.cxi", reconstruction__engine="dm", reconstruction__iterations=50, reconstruction__average_last=0.0
    )
    for progress in run_job(job, backend, control):
        if progress.iteration == 3:
            control.stop()
    notes = read_result(tmp_path / "a.cxi").notes
    assert not any("stopped within" in note for note in notes)


def test_one_that_is_to_leave_ends_its_iteration(tmp_path: Path) -> None:
    *said, last = _run(tmp_path / "a.cxi", Control.leave, 4)
    assert said[-1].iteration == 4 and last.state is State.INTERRUPTED
