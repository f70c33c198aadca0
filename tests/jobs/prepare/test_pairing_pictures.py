"""Positions and frames that can meet in several ways: asked by every command, settled by its options, and drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from ptychogui import cli
from ptychogui.errors import AmbiguousPairingError, ParameterError
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import DATASET, write_mda_scan
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.prepare.pairing_pictures import ComparedWays, compare_ways
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from ptychogui.jobs.prepare.read_survey import ReadingProgress
from ptychogui.physics.position_map import map_positions
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

LINES, POINTS = 5, 6
GEOMETRY = {"experiment.energy_eV": 8800.0, "experiment.distance_m": 1.92, "experiment.detector_pixel_m": 150e-6}
FIRST_FILE, FIRST_FRAME = "preprocessing.first_file", "preprocessing.first_frame"


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    recipe = Recipe(n=64, scan="raster", scan_dims=(LINES, POINTS), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6)
    return simulate(recipe)


@pytest.fixture
def listed(scan: SimulatedScan, tmp_path: Path) -> dict[str, Any]:
    np.savetxt(tmp_path / "positions.csv", scan.positions_m, delimiter=", ")
    return {**GEOMETRY, "experiment.positions_file": tmp_path / "positions.csv"}


def job(source: Path, values: Mapping[str, Any]) -> Job:
    given = {path: (value, "test") for path, value in values.items()}
    return make_job(job_layers(source, given), source, Path("result.cxi"))


def prepared(source: Path, values: Mapping[str, Any]) -> PreparedJob:
    return prepare(job(source, values))


def ways(source: Path, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(AmbiguousPairingError) as caught:
        prepared(source, values)
    return [dict(one.values) for one in caught.value.alternatives]


def tiffs(folder: Path, scan: SimulatedScan, first: int) -> Path:
    for number, frame in enumerate(scan.counts.astype(np.uint16), first):
        tifffile.imwrite(folder / f"fr_{number:05d}.tif", frame)
    return folder / "fr_#05d.tif"


@pytest.mark.parametrize("first", [0, 1, 1017])
def test_a_file_for_each_position_may_count_from_any_number(
    scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path, first: int
) -> None:
    found = prepared(tiffs(tmp_path, scan, first), listed)
    assert found.frame_rows.tolist() == list(range(LINES * POINTS))
    np.testing.assert_allclose(found.positions_m, scan.positions_m)
    assert any(f"begin with number {first}" in note for note in found.notes) == (first > 0)


@pytest.mark.parametrize(("gone", "added"), [(1, None), (30, None), (None, 0), (None, 31)])
def test_of_files_from_1_the_first_or_last_is_gone_or_too_many(
    scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path, gone: int | None, added: int | None
) -> None:
    pattern = tiffs(tmp_path, scan, 1)
    if gone is not None:
        (tmp_path / f"fr_{gone:05d}.tif").unlink()
    if added is not None:
        tifffile.imwrite(tmp_path / f"fr_{added:05d}.tif", np.full((64, 64), 7, np.uint16))
    low = 1 if gone == 1 or added == 31 else 0
    assert ways(pattern, listed) == [{FIRST_FILE: low}, {FIRST_FILE: low + 1}]
    found = prepared(pattern, {**listed, FIRST_FILE: 1})
    kept = [position for position in range(30) if gone is None or position != gone - 1]
    np.testing.assert_allclose(found.positions_m, scan.positions_m[kept])
    np.testing.assert_array_equal(
        found.problem.patterns[0], prepared(pattern, {**listed, FIRST_FILE: 1}).problem.patterns[0]
    )


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("kind", ["npy", "h5", "tif", "cxi"])
def test_a_stack_with_a_frame_too_many(
    scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path, kind: str, early: bool
) -> None:
    dark = np.ones_like(scan.counts[:1])
    stack = np.concatenate([dark, scan.counts] if early else [scan.counts, dark])
    path = tmp_path / f"stack.{kind}"
    if kind == "npy":
        np.save(path, stack)
    elif kind == "tif":
        tifffile.imwrite(path, stack.astype(np.uint16))
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["entry/data/data"] = stack
    else:
        write_scan(path, scan)
        with h5py.File(path, "r+") as file:
            place = "entry_1/instrument_1/detector_1/data"
            del file[place], file["entry_1/sample_1"]
            file[place] = stack
    assert ways(path, listed) == [{FIRST_FRAME: 0}, {FIRST_FRAME: 1}]
    found = prepared(path, {**listed, FIRST_FRAME: int(early)})
    assert found.frame_rows.tolist() == list(range(int(early), 30 + int(early)))


def test_a_stack_that_is_short_is_asked_about(scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", scan.counts[2:])
    assert ways(tmp_path / "stack.npy", listed) == [{FIRST_FRAME: skip} for skip in (-2, -1, 0)]
    found = prepared(tmp_path / "stack.npy", {**listed, FIRST_FRAME: -2})
    np.testing.assert_allclose(found.positions_m, scan.positions_m[2:])
    assert found.frame_rows.tolist() == list(range(28))


def test_a_first_frame_is_refused_where_the_file_pairs_itself(scan: SimulatedScan, tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.cxi", scan)[0]
    with pytest.raises(ParameterError, match=r"first_frame has no effect on .*leave out --first-frame"):
        prepared(path, {FIRST_FRAME: 1})


@pytest.fixture
def beamtime(scan: SimulatedScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Path]]:
    """An MDA scan, each line's file beside it with a dark frame before the line's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    path, *files = write_mda_scan(
        tmp_path / "mda" / "velo_0012.mda",
        named,
        scan.counts.astype(np.uint16),
        scan.positions_m,
        (LINES, POINTS),
        8800.0,
    )
    for raw in files:
        with h5py.File(raw, "r+") as file:
            stack = file[DATASET][()]
            del file[DATASET]
            file[DATASET] = np.concatenate([np.ones_like(stack[:1]), stack])
    return path, files


def test_a_trigger_too_many_in_each_line_of_an_mda_scan(scan: SimulatedScan, beamtime: tuple[Path, list[Path]]) -> None:
    path, _ = beamtime
    with open_dataset(path) as dataset:
        assert dataset.positions_m is None and dataset.ambiguity is not None and not dataset.is_whole
        assert "--first-frame 1 if the first frame of each line has no position" in dataset.notes[-1]
    assert ways(path, GEOMETRY) == [{FIRST_FRAME: 0}, {FIRST_FRAME: 1}]
    with open_dataset(path, ReadOptions(first_frame=1)) as dataset:
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), scan.counts)
        assert dataset.ambiguity is None and dataset.is_whole
        assert "the first frame of each line is before its first position" in dataset.notes


def run(*arguments: object, status: int) -> str:
    outcome = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    assert outcome.exit_code == status, outcome.output
    return outcome.output


def test_every_command_asks(beamtime: tuple[Path, list[Path]], tmp_path: Path) -> None:
    path, _ = beamtime
    options = ("--distance", "1.92m", "--device", "numpy", "--iterations", 1)
    asked = "--first-frame 0 if the last frame of each line has no position, or --first-frame 1 if"
    assert asked in " ".join(run("info", path, status=0).split())
    assert asked in " ".join(run("reconstruct", path, *options, "-o", tmp_path / "r.cxi", status=2).split())
    assert asked in " ".join(run("batch", path, *options, "-o", tmp_path / "results", status=1).split())
    found = json.loads(run("check", path, "--json", *options, status=1))
    (finding,) = (one for one in found["findings"] if one["check"] == "pairing" and one["level"] == "stop")
    assert [one["options"] for one in finding["alternatives"]] == ["--first-frame 0", "--first-frame 1"]
    assert not (tmp_path / "r.cxi").exists()
    found = json.loads(run("check", path, "--json", status=1))
    assert any(one["alternatives"] == finding["alternatives"] for one in found["findings"]), "without a distance"
    run("reconstruct", path, *options, "--first-frame", 1, "-o", tmp_path / "r.cxi", status=0)
    assert (tmp_path / "r.cxi").exists()


def compared(source: Path, values: Mapping[str, Any]) -> tuple[list[ReadingProgress], ComparedWays]:
    told: list[ReadingProgress | ComparedWays] = []
    compare_ways(job(source, values), told.append)
    *readings, last = told
    assert isinstance(last, ComparedWays)
    return [one for one in readings if isinstance(one, ReadingProgress)], last


def test_each_way_is_drawn_with_the_frames_that_it_means(
    scan: SimulatedScan, beamtime: tuple[Path, list[Path]]
) -> None:
    readings, found = compared(beamtime[0], GEOMETRY)
    assert (readings[-1].done, readings[-1].total) == (35, 35)
    last, first = found.ways
    assert dict(first.way.values) == {FIRST_FRAME: 1} and first.pairs == 30
    assert first.counts is not None and last.counts is not None
    counts = scan.counts.sum(axis=(1, 2), dtype=np.float64)
    np.testing.assert_allclose(first.counts.image, map_positions(scan.positions_m, counts).image, rtol=1e-6)
    assert last.counts.image.min() == 64 * 64 < first.counts.image.min()


def test_ways_with_other_first_files_are_drawn_from_the_same_frames(
    scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path
) -> None:
    pattern = tiffs(tmp_path, scan, 1)
    tifffile.imwrite(tmp_path / "fr_00000.tif", np.full((64, 64), 7, np.uint16))
    _, found = compared(pattern, listed)
    counts = scan.counts.sum(axis=(1, 2), dtype=np.float64)
    true = found.ways[1]
    assert dict(true.way.values) == {FIRST_FILE: 1} and true.counts is not None
    np.testing.assert_allclose(true.counts.image, map_positions(scan.positions_m, counts).image, rtol=1e-6)


def test_what_is_no_count_is_not_drawn(scan: SimulatedScan, listed: dict[str, Any], tmp_path: Path) -> None:
    sound, marked = (np.concatenate([scan.counts, scan.counts[:1]]).astype(np.float32) for _ in range(2))
    sound[:, 3, :10] = 0
    marked[::2, 3, :10] = 2.0**32
    np.save(tmp_path / "sound.npy", sound)
    np.save(tmp_path / "marked.npy", marked)
    drawn = [compared(tmp_path / f"{name}.npy", listed)[1].ways[0].counts for name in ("sound", "marked")]
    assert drawn[0] is not None and drawn[1] is not None
    np.testing.assert_allclose(drawn[1].image, drawn[0].image, rtol=1e-3)


def test_where_nothing_is_open_nothing_is_drawn(scan: SimulatedScan, tmp_path: Path) -> None:
    assert compared(write_scan(tmp_path / "scan.cxi", scan)[0], {}) == ([], ComparedWays(()))
