"""Results made again: command line, script and job give the same picture, to the bit."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.errors import DataError
from ptychogui.io.result import read_result
from ptychogui.io.result_header import read_header
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.again import as_command, as_python
from ptychogui.jobs.runner import run_job
from ptychogui.physics.simulation import simulate
from ptychogui.queue.planning import look_at
from tests.cli.runs import SMALL, run
from tests.io.makers import make_result

VALUES = (
    "--device", "numpy", "--engine", "dm:2,lsqml:2", "--probe-modes", "2", "--center", "16,16", "--job-id", "a b",
)  # fmt: skip


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "small.cxi", simulate(SMALL))[0]


@pytest.fixture
def made(scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run("reconstruct", scan, "-o", tmp_path / "first.cxi", *VALUES)
    return tmp_path / "first.cxi"


def assert_same_picture(first: Path, second: Path) -> None:
    one, other = read_result(first), read_result(second)
    for name in ("object", "probe", "positions_m", "errors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_the_command_line_makes_it_again(made: Path) -> None:
    program, *words = shlex.split(as_command(read_header(made), made))
    assert program == "ptychogui"
    assert_same_picture(made, Path(run(*words).stdout.splitlines()[-1]))


def test_the_script_makes_it_again(made: Path) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(as_python(read_header(made), made), "again.py", "exec"), {})
    assert_same_picture(made, Path(said.getvalue().splitlines()[-1]))


def test_the_job_makes_it_again(made: Path, tmp_path: Path) -> None:
    job = look_at(made, {}).job(tmp_path / "again.cxi")
    with open_backend("numpy", 1) as backend:
        list(run_job(job, backend))
    assert_same_picture(made, tmp_path / "again.cxi")


def test_a_simulated_scan_is_simulated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = ("--simulate", "--size", "128", "--scan-dims", "3,3", "--device", "numpy", "--iterations", "2")
    run("reconstruct", "-o", tmp_path / "first.cxi", *values)
    words = shlex.split(as_command(read_header("first.cxi"), "first.cxi"))[1:]
    assert_same_picture(tmp_path / "first.cxi", Path(run(*words).stdout.splitlines()[-1]))


def test_values_of_the_file_stay_with_the_file(made: Path) -> None:
    assert "--energy" not in as_command(read_header(made), made)
    assert "--iterations" not in as_command(read_header(made), made)


def test_what_does_not_say_how_it_was_made_is_refused(made: Path) -> None:
    with pytest.raises(DataError, match="with which parameters"):
        as_command(make_result(), "r.cxi")
    with pytest.raises(DataError, match="which scan"):
        as_command(make_result(parameters=read_header(made).parameters), "r.cxi")
