"""A survey shows what plain sums over the frames show, tells how far it is, and needs no geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import job_layers
from ptychogui.jobs.prepare.read_survey import ReadingProgress, ScanSurvey, survey_scan
from ptychogui.physics.position_map import map_positions
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate
from tests.jobs.fakes import make_job


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate(Recipe(n=64, scan="raster", scan_dims=(6, 7), outer_zone_m=80e-9))


@pytest.fixture(scope="module")
def path(scan: SimulatedScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "scan.cxi", scan)[0]


def surveyed(path: Path, **values: object) -> tuple[list[ReadingProgress], ScanSurvey]:
    given = {name.replace("__", "."): (value, "test") for name, value in values.items()}
    parameters, origins = job_layers(path, given).resolve()
    told: list[ReadingProgress | ScanSurvey] = []
    survey_scan(Job("survey", path, parameters, Path("result.cxi"), origins), told.append)
    *readings, last = told
    assert isinstance(last, ScanSurvey)
    return [reading for reading in readings if isinstance(reading, ReadingProgress)], last


def test_it_is_what_plain_sums_give(scan: SimulatedScan, path: Path) -> None:
    readings, found = surveyed(path)
    counts = scan.counts.astype(np.float64)
    assert found.patterns == 42 and (readings[-1].done, readings[-1].total) == (42, 42)
    np.testing.assert_allclose(found.mean, counts.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.maximum, counts.max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.variance, counts.var(axis=0), rtol=1e-4, atol=1e-6)
    total, place = counts.sum(axis=(1, 2)), np.arange(64) - 32
    np.testing.assert_array_equal(found.stxm.image, map_positions(scan.positions_m, total.astype(np.float32)).image)
    for drawn, axis in ((found.dpc_rows_px, 2), (found.dpc_columns_px, 1)):
        mass = counts.sum(axis=axis) @ place / total
        np.testing.assert_allclose(drawn.image, map_positions(scan.positions_m, mass).image, atol=1e-5)


def test_orientation_and_crop_are_those_of_a_reconstruction(scan: SimulatedScan, path: Path) -> None:
    _, found = surveyed(path, preprocessing__transpose=True, preprocessing__size_px=32, experiment__mirror_rows=True)
    middle = scan.counts.astype(np.float64)[:, 16:48, 16:48].mean(axis=0)
    np.testing.assert_allclose(found.mean, middle.T, rtol=1e-6)
    mirrored = scan.positions_m * [-1, 1]
    total = scan.counts[:, 16:48, 16:48].sum(axis=(1, 2), dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(found.stxm.image, map_positions(mirrored, total).image)


def test_neither_energy_nor_distance_is_needed(scan: SimulatedScan, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", scan.counts)
    np.savetxt(tmp_path / "positions.csv", scan.positions_m, delimiter=",")
    _, found = surveyed(tmp_path / "frames.npy", experiment__positions_file=tmp_path / "positions.csv")
    np.testing.assert_allclose(found.mean, scan.counts.mean(axis=0), rtol=1e-6)


def test_positions_are_needed(scan: SimulatedScan, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", scan.counts)
    with pytest.raises(ParameterError, match="no scan positions"):
        surveyed(tmp_path / "frames.npy")


def test_a_simulated_scan_can_be_surveyed() -> None:
    told: list[ReadingProgress | ScanSurvey] = []
    survey_scan(replace(make_job(Path("result.cxi"))), told.append)
    assert isinstance(told[-1], ScanSurvey) and told[-1].patterns == 12
