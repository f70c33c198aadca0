"""The script API: what it says on its first page works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.api import Control, open_dataset, read_result, reconstruct
from ptychogui.errors import DataError, DeviceError, OutputError, ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import Recipe, simulate

SMALL: dict[str, Any] = {"device": "numpy", "iterations": 2}


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(n=64, scan_dims=(3, 3), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6)
    path = tmp_path_factory.mktemp("scan") / "scan.cxi"
    write_scan(path, simulate(recipe))
    return path


def test_a_file_is_reconstructed(scan_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.cxi"
    *_, last = reconstruct(str(scan_file), str(output), **SMALL, probe_modes=2)
    result = read_result(output)
    assert last.estimate is not None
    np.testing.assert_array_equal(result.object, last.estimate.object)
    assert len(result.probe) == 2
    assert [Path(source.path) for source in result.sources] == [scan_file.resolve()]


def test_an_open_scan_is_reconstructed(scan_file: Path, tmp_path: Path) -> None:
    with open_dataset(scan_file) as dataset:
        *_, last = reconstruct(dataset, tmp_path / "result.cxi", **SMALL)
    assert last.result == tmp_path / "result.cxi"


def test_a_script_can_stop_and_watch(scan_file: Path, tmp_path: Path) -> None:
    control = Control()
    control.stop()
    said = list(
        reconstruct(scan_file, tmp_path / "r.cxi", control=control, wants_picture=lambda _iteration: True, **SMALL)
    )
    assert [progress.iteration for progress in said] == [0, 0]
    assert [progress.estimate is not None for progress in said] == [True, False]
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_said_at_once(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no parameter is called 'iteration'"):
        reconstruct(scan_file, tmp_path / "result.cxi", iteration=3)
    with pytest.raises(ParameterError, match=r"reconstruction\.iterations = 0 \(from user: script\)"):
        reconstruct(scan_file, tmp_path / "result.cxi", iterations=0)
    with pytest.raises(DataError, match="absent"):
        reconstruct(tmp_path / "absent.cxi", tmp_path / "result.cxi")
    with pytest.raises(ParameterError, match=r"Photon energy: .*parsec"):
        reconstruct(scan_file, tmp_path / "result.cxi", energy_eV="8 parsec")
    with pytest.raises(DeviceError, match="cuda:99"):
        reconstruct(scan_file, tmp_path / "result.cxi", device="cuda:99")
    with pytest.raises(OutputError, match="which the job reads"):
        reconstruct(scan_file, scan_file)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write"):
        reconstruct(scan_file, tmp_path / "file" / "result.cxi")


def test_quantities_may_have_units(scan_file: Path, tmp_path: Path) -> None:
    list(reconstruct(scan_file, tmp_path / "r.cxi", energy_eV="8.8 keV", probe_modes="2", **SMALL))
    result = read_result(tmp_path / "r.cxi")
    assert (result.energy_eV, len(result.probe)) == (8800.0, 2)


def test_a_result_without_a_name_is_numbered_beside_the_scan(scan_file: Path) -> None:
    names = []
    for job_id in ("", "", "a/b"):
        *_, last = reconstruct(scan_file, job_id=job_id, **SMALL)
        assert last.result is not None and last.result.parent == scan_file.parent
        names.append(last.result.name)
    assert names == ["scan-001.cxi", "scan-002.cxi", "a_b-001.cxi"]
