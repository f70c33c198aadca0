"""Simulated scans: what is written is what was simulated, and the scan file does not know the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.errors import DataError, OutputError
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import write_result
from ptychogui.io.simulated import dataset_of, read_truth, recipe_from_json, recipe_to_json, truth_path, write_scan
from ptychogui.physics.simulation import Recipe, SimulatedScan, intensities, simulate
from tests.io.makers import make_cxi, make_result


def small_scan(**changes: Any) -> SimulatedScan:
    values: dict[str, Any] = {"n": 32, "probe": "gaussian", "probe_diameter_m": 2e-7, "scan_dims": (3, 4)}
    return simulate(Recipe(**{**values, **changes}))


@pytest.mark.parametrize(
    "changes", [{}, {"dead_pixels": 7, "bit_depth": 12, "position_error_m": 2e-8}, {"noise": False}, {"photons": 1e8}]
)
def test_a_scan_comes_back_from_its_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    scan = small_scan(**changes)
    path, _ = write_scan(tmp_path / "s.cxi", scan)
    in_memory = dataset_of(scan)
    with open_dataset(path) as dataset:
        for one in (dataset, in_memory):
            assert one.frames.dtype == scan.counts.dtype
            np.testing.assert_array_equal(one.frames.read(one.frame_rows), scan.counts)
            np.testing.assert_array_equal(one.positions_m, scan.positions_m)
            np.testing.assert_array_equal(one.bad_pixels, scan.bad_pixels)
            assert one.probe is None
        assert dataset.facts == in_memory.facts
        assert dataset.values.keys() == in_memory.values.keys()
        for name, value in dataset.values.items():
            assert value.value == pytest.approx(in_memory.values[name].value, rel=1e-15)


def test_the_truth_is_in_its_own_file_only(tmp_path: Path) -> None:
    scan = small_scan(position_error_m=3e-8, mode_fractions=(0.8, 0.2))
    path, truth = write_scan(tmp_path / "s.cxi", scan)
    assert truth == tmp_path / "s-truth.cxi"
    found = read_truth(path)
    np.testing.assert_array_equal(found.object, scan.object)
    np.testing.assert_array_equal(found.probe, scan.probe)
    np.testing.assert_array_equal(found.positions_m, scan.true_positions_m)
    assert recipe_from_json(found.recipe) == scan.recipe
    with h5py.File(path) as file:
        assert set(file["entry_1"]) == {"data_1", "instrument_1", "sample_1", "title"}
        assert set(file["entry_1/instrument_1/source_1"]) == {"energy"}


def test_the_truth_says_where_the_object_lies(tmp_path: Path) -> None:
    scan = small_scan(noise=False)
    write_scan(tmp_path / "s.cxi", scan)
    truth = read_truth(truth_path(tmp_path / "s.cxi"))
    corners = (truth.positions_m - np.array(truth.object_origin_m)) / truth.object_pixel_m - truth.probe.shape[-1] // 2
    geometry = scan.geometry
    np.testing.assert_allclose(corners, geometry.corners + geometry.fractions, atol=1e-6)
    patterns = np.fft.fftshift(np.concatenate(list(intensities(truth.object, truth.probe, geometry))), axes=(-2, -1))
    np.testing.assert_allclose(patterns, scan.counts, rtol=1e-4, atol=1e-3)


def test_frames_in_memory_are_copies() -> None:
    scan = small_scan()
    dataset = dataset_of(scan)
    dataset.frames.read([0])[:] = 0
    assert scan.counts[0].any()
    dataset.close()


def test_what_is_no_truth_is_refused(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result())
    with pytest.raises(DataError, match="not the truth"):
        read_truth(tmp_path / "r.cxi")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"unknown": 1}'])
def test_a_recipe_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="recipe"):
        recipe_from_json(text)


def test_a_recipe_comes_back() -> None:
    recipe = Recipe(mode_fractions=(0.5, 0.3), scan_dims=(4, 9), bit_depth=16, probe_variation=0.1, seed=3)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


def test_how_the_probe_varied_is_part_of_the_truth(tmp_path: Path) -> None:
    scan = small_scan(probe_variation=0.2, intensity_rms=0.1)
    path, _ = write_scan(tmp_path / "s.cxi", scan)
    truth = read_truth(path)
    for name, value in vars(scan.variation).items():
        np.testing.assert_array_equal(getattr(truth, name), value)
    assert read_truth(write_scan(tmp_path / "steady.cxi", small_scan())[0]).components is None


def test_a_simulated_scan_may_be_replaced(tmp_path: Path) -> None:
    for seed in (1, 2):
        path, _ = write_scan(tmp_path / "s.cxi", small_scan(seed=seed))
        assert recipe_from_json(read_truth(path).recipe).seed == seed


@pytest.mark.parametrize("name", ["s.cxi", "s-truth.cxi"])
@pytest.mark.parametrize("kind", ["scan", "result", "text", "scan beside a truth"])
def test_what_is_no_simulated_scan_is_not_replaced(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "scan beside a truth":
        write_scan(tmp_path / "s.cxi", small_scan())
    path = tmp_path / name
    if kind.startswith("scan"):
        make_cxi(path)
    elif kind == "result":
        write_result(path, make_result())
    else:
        path.write_text("notes")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=r"s(-truth)?\.cxi exists and is not a simulated scan; choose another name"):
        write_scan(tmp_path / "s.cxi", small_scan())
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_any_hdf5_program_reads_the_frames(tmp_path: Path) -> None:
    path, _ = write_scan(tmp_path / "s.cxi", small_scan())
    with h5py.File(path) as file:
        frames = file["entry_1/data_1/data"]
        assert (frames.compression, frames.shuffle) == ("gzip", True)
