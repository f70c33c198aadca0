"""The script API: what it says on its first page works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.api import Control, open_dataset, read_result, reconstruct
from ptychogui.errors import DataError, ParameterError
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
    assert all(progress.estimate is not None for progress in said)


def test_mistakes_are_said_at_once(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no parameter is called 'iteration'"):
        reconstruct(scan_file, tmp_path / "result.cxi", iteration=3)
    with pytest.raises(ParameterError, match=r"reconstruction\.iterations = 0 \(from user: script\)"):
        reconstruct(scan_file, tmp_path / "result.cxi", iterations=0)
    with pytest.raises(DataError, match="absent"):
        reconstruct(tmp_path / "absent.cxi", tmp_path / "result.cxi")
