"""What would have no effect is refused, and what would overwrite."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.result import write_result
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_checks import check_job
from ptychogui.params.chain import ENGINE_NAMES, ENGINE_TITLES, titles
from ptychogui.params.model import Parameters, describe, refusal
from ptychogui.params.spec import Param
from tests.io.makers import make_result
from tests.jobs.fakes import make_job as fake_job

OUTPUT = Path("result.cxi")


@pytest.mark.parametrize("param", [param for param in describe() if param.awaits], ids=lambda param: param.path)
def test_what_awaits_a_later_version_is_refused(param: Param) -> None:
    value: Any = {bool: True, int: 7, float: 0.5, str: "something", "pair": (3, 4)}[param.kind]
    values: dict[str, Any] = {param.path: value}
    job = fake_job(OUTPUT, **values)
    with pytest.raises(
        ParameterError, match=rf"{param.path} = .* has no effect in this version: needs .*{param.option}"
    ):
        check_job(job)
    values[param.path] = param.default
    check_job(fake_job(OUTPUT, **values))


@pytest.mark.parametrize("param", [param for param in describe() if param.engines], ids=lambda param: param.path)
def test_what_none_of_the_engines_heeds_is_refused(param: Param) -> None:
    value = other_value(param)
    deaf = next(name for name in ENGINE_NAMES if name not in param.engines)
    with pytest.raises(ParameterError) as caught:
        check_job(fake_job(OUTPUT, reconstruction__engine=deaf, **{param.path: value}))
    text = str(caught.value)
    assert text.startswith(f"{param.path} = ")
    assert f"has no effect in {ENGINE_TITLES[deaf]}, only in {titles(param.engines)}; leave {param.option} out" in text
    for name in param.engines:
        check_job(fake_job(OUTPUT, reconstruction__engine=name, **{param.path: value}))
        check_job(fake_job(OUTPUT, reconstruction__engine=f"{deaf},{name}", **{param.path: value}))
    check_job(fake_job(OUTPUT, reconstruction__engine=deaf, **{param.path: param.default}))


def other_value(param: Param) -> Any:
    """Return a value that is allowed and is not the default."""
    candidates: list[Any] = [True, False, "7", 7, 0.125, *param.choices]
    return next(value for value in candidates if value != param.default and not refusal(param.path, value))


def test_coarse_levels_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"coarse_levels = 3 needs at least 4 iterations"):
        check_job(fake_job(OUTPUT, reconstruction__coarse_levels=3))


def test_a_job_has_either_a_scan_or_a_simulation() -> None:
    job = fake_job(OUTPUT)
    with pytest.raises(ParameterError, match=r"give a scan file, or --simulate"):
        check_job(replace(job, parameters=Parameters()))
    with pytest.raises(ParameterError, match=r"leave out scan\.h5, or --simulate"):
        check_job(replace(job, source=Path("scan.h5")))


@pytest.mark.parametrize(
    ("path", "value", "option"),
    [
        ("experiment.positions_file", Path("positions.csv"), "--positions-file"),
        ("preprocessing.dataset_path", "/frames", "--dataset-path"),
        ("preprocessing.data_are", "amplitudes", "--data-are"),
        ("preprocessing.direct_beam", "corner", "--direct-beam"),
        ("preprocessing.center_px", (30.0, 30.0), "--center"),
        ("preprocessing.bin_px", 2, "--bin"),
        ("preprocessing.find_center", True, "--find-center"),
        ("preprocessing.background_file", Path("dark.npy"), "--background-file"),
    ],
)
def test_a_simulated_scan_takes_nothing_that_says_how_to_read_a_file(path: str, value: Any, option: str) -> None:
    with pytest.raises(ParameterError, match=f"{path} has no effect on a simulated scan; leave out {option}$"):
        check_job(fake_job(OUTPUT, **{path: value}))


@pytest.mark.parametrize("pattern", ["raster", "spiral"])
def test_a_computed_scan_takes_no_position_list(pattern: str) -> None:
    values = {"experiment.positions_file": Path("absent.csv"), "experiment.scan_pattern": pattern}
    with pytest.raises(ParameterError, match="no effect with a computed scan pattern; leave out --positions-file or"):
        check_job(Job("1", Path("scan.h5"), Parameters().replace(values), OUTPUT))


def test_a_threshold_of_nothing_is_not_subtracted() -> None:
    values = {"preprocessing.subtract_threshold": True}
    with pytest.raises(ParameterError, match="no effect without a threshold; give --threshold, or leave out --subtr"):
        check_job(Job("1", Path("scan.h5"), Parameters().replace(values), OUTPUT))
    check_job(
        Job("1", Path("scan.h5"), Parameters().replace({**values, "preprocessing.threshold_counts": 2.0}), OUTPUT)
    )


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "spelled otherwise"])
@pytest.mark.parametrize(
    "name",
    ["source", "experiment.positions_file", "preprocessing.mask_file", "preprocessing.background_file",
     "reconstruction.probe_guess", "reconstruction.object_guess"],
)  # fmt: skip
def test_what_a_job_reads_is_not_overwritten(tmp_path: Path, name: str, link: str) -> None:
    read, output = tmp_path / "read.cxi", tmp_path / "result.cxi"
    write_result(read, make_result())
    if link == "symbolic":
        output.symlink_to(read)
    elif link == "hard":
        output.hardlink_to(read)
    else:
        output = read if link == "same" else tmp_path / "." / ".." / tmp_path.name / "read.cxi"
    values = {} if name == "source" else {name: read}
    source = read if name == "source" else tmp_path / "scan.cxi"
    job = Job("1", source, Parameters().replace(values), output)
    with pytest.raises(OutputError, match=r"would overwrite .*read\.cxi, which the job reads; choose another name"):
        check_job(job)


def test_a_guess_is_not_overwritten_by_an_export(tmp_path: Path) -> None:
    guess = tmp_path / "result_probes_0.csv"
    guess.touch()
    values = {"reconstruction.probe_guess": guess, "output.csv": True}
    job = Job("1", tmp_path / "scan.cxi", Parameters().replace(values), tmp_path / "result.cxi")
    with pytest.raises(OutputError, match="would overwrite"):
        check_job(job)
    check_job(replace(job, output=tmp_path / "other.cxi"))


@pytest.mark.parametrize(("number", "is_written"), [(0, True), (1, True), (4, True), (5, False), (40, False)])
def test_a_guess_is_not_overwritten_by_a_checkpoint(tmp_path: Path, number: int, is_written: bool) -> None:
    guess = tmp_path / f"result_probes_{number}.csv"
    guess.touch()
    values = {"reconstruction.probe_guess": guess, "reconstruction.iterations": 50, "output.save_every": 10}
    parameters = Parameters().replace({**values, "output.csv": True})
    job = Job("1", tmp_path / "scan.cxi", parameters, tmp_path / "result.cxi")
    with pytest.raises(OutputError, match="would overwrite") if is_written else contextlib.nullcontext():
        check_job(job)
    check_job(replace(job, parameters=Parameters().replace(values)))


def test_a_link_to_a_guess_is_not_overwritten_by_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "guess.csv").touch()
    (tmp_path / "result_object_2.bin").symlink_to(tmp_path / "guess.csv")
    values = {"reconstruction.object_guess": tmp_path / "guess.csv", "output.save_every": 2, "output.binary": True}
    job = Job("1", tmp_path / "scan.cxi", Parameters().replace(values), tmp_path / "result.cxi")
    with pytest.raises(OutputError, match=r"result_object_2\.bin would overwrite .*guess\.csv"):
        check_job(job)
