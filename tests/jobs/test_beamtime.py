"""A beamtime as it lies on disk: an MDA file and compressed frames, with the faults of a night, from file to object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.api import Result, read_result, reconstruct
from ptychogui.errors import DataError
from ptychogui.io.mda.presets import Named, preset_folder, read_preset
from ptychogui.io.mda.scan_writer import DATASET, write_mda_scan
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job_values import job_layers
from ptychogui.physics.metrics import align
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

LINES, POINTS = 12, 13
FAST: dict[str, Any] = {"device": "cpu", "iterations": 40}
HOT = [(5, 9), (40, 41), (20, 60), (63, 2)]

PRESET = """
title = "A night at the beamline"
recognize = { files = ["night_*"] }
[energy]
pvs = ["mono:BraggEAO"]
unit = "keV"
[rows]
source = "outer P1"
unit = "um"
[columns]
source = "inner P1"
unit = "um"
sign = -1
[constants.distance_m]
value = "1.92 m"
[constants.detector_pixel_m]
value = "150 um"
[constants.find_bad_pixels]
value = "yes"
[frames]
patterns = ["../ptycho/scan{scan:03d}/scan{scan:03d}_#04d.h5"]
first_file = 1
"""


@pytest.fixture(scope="module")
def simulated() -> SimulatedScan:
    return simulate(Recipe(
        n=64, scan="raster", scan_dims=(LINES, POINTS), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6, photons=1e6
    ))  # fmt: skip


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Named:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    preset_folder().mkdir(parents=True)
    (preset_folder() / "night.toml").write_text(PRESET)
    return read_preset(preset_folder() / "night.toml")


def _reconstructed(source: Path, output: Path, **options: Any) -> Result:
    for _ in reconstruct(source, output, **FAST, **options):
        pass
    return read_result(output)


def _object_error(result: Result, truth: SimulatedScan) -> float:
    """Relative error in the middle of the object, after what no pattern can tell."""
    side = min(result.object.shape[0], truth.object.shape[0], result.object.shape[1], truth.object.shape[1])
    found, true = (_middle(image, side) for image in (result.object, truth.object))
    weight = np.zeros((side, side), np.float32)
    weight[side // 3 : -side // 3, side // 3 : -side // 3] = 1
    return align(found, true, weight).error


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = ((size - side) // 2 for size in image.shape)
    return image[top : top + side, left : left + side]


def test_a_night_with_its_faults_gives_the_object_with_nothing_but_the_preset(
    simulated: SimulatedScan, preset: Named, tmp_path: Path
) -> None:
    """Hot pixels, a file missing, a file short, a stage that moves the other way."""
    counts = simulated.counts.astype(np.uint32)
    for row, column in HOT:
        counts[:, row, column] = 50_000
    path = tmp_path / "mda" / "night_0012.mda"
    _, *files = write_mda_scan(path, preset, counts, simulated.positions_m, (LINES, POINTS), simulated.energy_eV)
    files[3].unlink()
    with h5py.File(files[7], "r+") as file:
        stack = file[DATASET][:9]
        del file[DATASET]
        file[DATASET] = stack
    result = _reconstructed(path, tmp_path / "result.cxi")
    notes = "\n".join(result.notes)
    assert files[3].name in notes and f"{POINTS} positions" in notes
    assert files[7].name in notes and "9" in notes
    assert f"{len(HOT)} " in notes and "bad" in notes
    assert "mirrored by the preset: columns" in notes
    assert len(result.positions_m) == LINES * POINTS - POINTS - (POINTS - 9)
    assert _object_error(result, simulated) < 0.12


def test_what_the_preset_says_holds_while_raw_files_are_waited_for(
    simulated: SimulatedScan, preset: Named, tmp_path: Path
) -> None:
    path = tmp_path / "mda" / "night_0012.mda"
    files = write_mda_scan(path, preset, simulated.counts, simulated.positions_m, (LINES, POINTS), simulated.energy_eV)
    there, _ = job_layers(path).resolve()
    for file in files[1:]:
        file.unlink()
    with pytest.raises(DataError, match="no raw frames"):
        job_layers(path)
    layers = job_layers(path, {"preprocessing.unfinished_files": ("wait", "--unfinished-files")})
    waiting, origins = layers.resolve()
    assert waiting.experiment == there.experiment
    assert waiting.preprocessing.find_bad_pixels and there.preprocessing.find_bad_pixels
    assert "night_0012.mda" in str(origins["experiment.energy_eV"])


def test_the_wrong_sign_is_noticed(simulated: SimulatedScan, preset: Named, tmp_path: Path) -> None:
    """Without the preset's sign the object is wrong: what the test above asserts is no matter of course."""
    path = tmp_path / "mda" / "night_0012.mda"
    wrong = simulated.positions_m * [1, -1]
    write_mda_scan(path, preset, simulated.counts, wrong, (LINES, POINTS), simulated.energy_eV)
    assert _object_error(_reconstructed(path, tmp_path / "result.cxi"), simulated) > 0.3


def test_a_scan_gives_the_same_bits_from_mda_and_from_cxi(
    simulated: SimulatedScan, preset: Named, tmp_path: Path
) -> None:
    path = tmp_path / "mda" / "night_0012.mda"
    write_mda_scan(path, preset, simulated.counts, simulated.positions_m, (LINES, POINTS), simulated.energy_eV)
    with open_dataset(path) as scan:
        assert scan.positions_m is not None
        np.testing.assert_allclose(scan.positions_m, simulated.positions_m, atol=1e-15)
        write_scan(tmp_path / "scan.cxi", replace(simulated, positions_m=scan.positions_m))
    values = {"energy_eV": 8800.0, "distance_m": 1.92, "detector_pixel_m": 150e-6, "find_bad_pixels": False}
    one = _reconstructed(path, tmp_path / "one.cxi", **values)
    other = _reconstructed(tmp_path / "scan.cxi", tmp_path / "other.cxi", **values)
    assert np.array_equal(one.positions_m, other.positions_m)
    assert np.array_equal(one.object, other.object) and np.array_equal(one.probe, other.probe)
