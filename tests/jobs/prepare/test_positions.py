"""Positions and frames that are lost: each costs the other one, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.prepare.open_scan import completed
from ptychogui.jobs.prepare.positions import matched, scan_positions
from ptychogui.params.model import Parameters
from tests.io.makers import DETECTOR, ENERGY, TRANSLATION, make_cxi
from tests.jobs.fakes import scan

LISTED_M = np.random.default_rng(5).uniform(-1e-6, 1e-6, (12, 2))


def listed(tmp_path: Path, **lost: str) -> Path:
    """Write a list of 12 positions, some replaced: at3="nan,nan"."""
    lines = [f"{row!r},{column!r}" for row, column in LISTED_M.tolist()]
    for name, text in lost.items():
        lines[int(name.removeprefix("at"))] = text
    path = tmp_path / "positions.csv"
    path.write_text("\n".join(lines))
    return path


def with_list(path: Path) -> Parameters:
    return Parameters().replace({"experiment.positions_file": path})


def lost_frames(*rows: int) -> np.ndarray:
    lost = np.zeros(12, np.bool_)
    lost[list(rows)] = True
    return lost


def test_a_lost_position_of_a_list_costs_its_own_frame(tmp_path: Path) -> None:
    path = listed(tmp_path, at3="nan,nan", at7="1e30,0", at11=",")
    positions_m, rows, notes = scan_positions(scan(), with_list(path), 1e-8)
    kept = [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert rows.tolist() == kept
    np.testing.assert_array_equal(positions_m, LISTED_M[kept])
    assert "3 of 12 positions are lost" in notes[-1] and "the first is position 3" in notes[-1]


def test_a_lost_frame_costs_its_own_position(tmp_path: Path) -> None:
    dataset = replace(scan(), lost_frames=lost_frames(2, 5))
    positions_m, rows, _ = scan_positions(dataset, with_list(listed(tmp_path, at5="nan,nan", at6="nan,1")), 1e-8)
    kept = [0, 1, 3, 4, 7, 8, 9, 10, 11]
    assert rows.tolist() == kept
    np.testing.assert_array_equal(positions_m, LISTED_M[kept])


def test_a_computed_position_whose_frame_is_lost_is_left_out() -> None:
    raster = {"experiment.scan_pattern": "raster", "experiment.scan_dims": (3, 4), "experiment.step_m": (1e-6, 1e-6)}
    dataset = replace(scan(), lost_frames=lost_frames(0, 11))
    positions_m, rows, _ = scan_positions(dataset, Parameters().replace(raster), 1e-8)
    assert rows.tolist() == list(range(1, 11))
    assert positions_m.shape == (10, 2)


def test_nothing_that_is_left_is_refused(tmp_path: Path) -> None:
    dataset = replace(scan(), lost_frames=lost_frames(*range(11)))
    with pytest.raises(DataError, match="every position is lost, or its frame is"):
        scan_positions(dataset, with_list(listed(tmp_path, at11="nan,0")), 1e-8)


def test_a_scan_with_a_lost_position_is_whole_where_all_others_have_frames(tmp_path: Path) -> None:
    _, kept, all_m, _ = matched(scan(), with_list(listed(tmp_path, at3="nan,nan")))
    assert all_m is not None
    assert len(kept) == np.count_nonzero(np.isfinite(all_m).all(axis=1)) == 11


@pytest.mark.parametrize(
    ("place", "value", "option", "given"),
    [
        (ENERGY, np.nan, "--energy", ("experiment.energy_eV", 8800.0)),
        (f"{DETECTOR}/distance", "far", "--distance", ("experiment.distance_m", 1.5)),
        (f"{DETECTOR}/x_pixel_size", 55e-6, "--detector-pixel", ("experiment.detector_pixel_m", 75e-6)),
    ],
)
def test_what_a_file_says_in_vain_keeps_nobody_from_saying_it(
    tmp_path: Path, place: str, value: object, option: str, given: tuple[str, float]
) -> None:
    path = make_cxi(tmp_path / "a.cxi", {place: value})
    with open_dataset(path) as dataset:
        with pytest.raises(ParameterError) as caught:
            completed(make_job(job_layers(dataset, {}), path, tmp_path / "r.cxi"), dataset)
        assert option in str(caught.value)
        assert f"/{place} is" in str(caught.value)
        job = make_job(job_layers(dataset, {given[0]: (given[1], option)}), path, tmp_path / "r.cxi")
        assert completed(job, dataset).get(given[0]) == given[1]


def test_a_list_goes_before_positions_that_cant_be_used(tmp_path: Path) -> None:
    lines = "\n".join(f"{row!r},{column!r}" for row, column in LISTED_M[:5].tolist())
    (tmp_path / "p.csv").write_text(lines)
    opened: Dataset = open_dataset(make_cxi(tmp_path / "a.cxi", {TRANSLATION: np.full((5, 3), np.nan)}))
    with opened as dataset:
        with pytest.raises(DataError, match=r"5 of 5 positions are not numbers.*give --positions-file"):
            scan_positions(dataset, Parameters(), 1e-8)
        positions_m, rows, _ = scan_positions(dataset, with_list(tmp_path / "p.csv"), 1e-8)
    assert rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(positions_m, LISTED_M[:5])


def test_excluded_frames_cost_their_positions_and_are_said() -> None:
    dataset = scan()
    parameters = Parameters().replace({"preprocessing.excluded_frames": "1, 3-4"})
    whole_m, whole, _ = scan_positions(dataset, Parameters(), 0.0)
    positions_m, rows, notes = scan_positions(dataset, parameters, 0.0)
    kept = np.setdiff1d(np.arange(len(whole)), [0, 2, 3])
    assert rows.tolist() == whole[kept].tolist()
    np.testing.assert_array_equal(positions_m, whole_m[kept])
    assert notes[-1] == "3 positions are left out, as --excluded-frames says"
    nothing = Parameters().replace({"preprocessing.excluded_frames": "1-100000"})
    with pytest.raises(DataError, match="every frame is left out by --excluded-frames 1-100000"):
        scan_positions(dataset, nothing, 0.0)


def test_a_scan_with_excluded_frames_is_whole() -> None:
    """Waiting for files ends where only what is excluded has no frame."""
    dataset = scan()
    parameters = Parameters().replace({"preprocessing.excluded_frames": "1"})
    assert len(matched(dataset, parameters)[1]) == len(matched(dataset, Parameters())[1])
