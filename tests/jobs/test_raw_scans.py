"""Raw files are reconstructed: each position with its own frame, and the result says what was read and left out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychogui.api import Control, read_result, reconstruct
from ptychogui.errors import DataError, ParameterError
from ptychogui.jobs.job_values import job_layers, make_job, scan_source
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from ptychogui.params.commandline import read_command
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate
from ptychogui.states import State
from tests.io.makers import make_rows
from tests.jobs.fakes import Asking

LINES, POINTS = 5, 6
GEOMETRY: dict[str, Any] = {"energy_eV": 8800.0, "distance_m": 1.92, "detector_pixel_m": 150e-6}
SMALL: dict[str, Any] = {"device": "numpy", "iterations": 1, "noise_model": "gaussian", **GEOMETRY}


@pytest.fixture(scope="module")
def simulated() -> SimulatedScan:
    return simulate(
        Recipe(n=64, scan="raster", scan_dims=(LINES, POINTS), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6)
    )


@pytest.fixture
def pattern(simulated: SimulatedScan, tmp_path: Path) -> str:
    """Make a file of each line, numbered from 1."""
    (tmp_path / "raw files").mkdir()
    rows = simulated.counts.reshape(LINES, POINTS, 64, 64)
    packing = dict(hdf5plugin.Bitshuffle(cname="lz4"))
    return make_rows(tmp_path / "raw files", dict(enumerate(rows, start=1)), **packing)


@pytest.fixture
def positions_file(simulated: SimulatedScan, tmp_path: Path) -> Path:
    np.savetxt(tmp_path / "positions.csv", simulated.positions_m, delimiter=", ")
    return tmp_path / "positions.csv"


def prepared(file: Path | None = None, stop: Any = lambda: False, **values: Any) -> PreparedJob:
    given = {path: (value, "test") for path, value in named({**GEOMETRY, **values}).items()}
    source = scan_source(file, given)
    return prepare(make_job(job_layers(source, given), source, Path("result.cxi")), control=Asking(stop))


def named(values: dict[str, Any]) -> dict[str, Any]:
    groups = {"energy_eV": "experiment", "distance_m": "experiment", "detector_pixel_m": "experiment",
              "positions_file": "experiment", "scan_pattern": "experiment", "scan_dims": "experiment",
              "step_m": "experiment", "held_out": "reconstruction"}  # fmt: skip
    return {f"{groups.get(name, 'preprocessing')}.{name}": value for name, value in values.items()}


def test_a_series_with_a_list_gives_the_patterns_of_the_scan(
    pattern: str, positions_file: Path, simulated: SimulatedScan
) -> None:
    found = prepared(file_pattern=pattern, first_file=1, positions_file=positions_file)
    np.testing.assert_array_equal(found.frame_rows, np.arange(LINES * POINTS))
    np.testing.assert_allclose(found.positions_m, simulated.positions_m)
    assert len(found.raw_files) == LINES
    assert not any("position" in note for note in found.notes)


@pytest.mark.parametrize("fault", ["missing", "cut off", "short", "long"])
def test_every_position_keeps_its_own_frame(
    pattern: str, positions_file: Path, simulated: SimulatedScan, fault: str
) -> None:
    whole = prepared(file_pattern=pattern, first_file=1, positions_file=positions_file, size_px=32, held_out=0.0)
    path = Path(pattern).parent / "scan_0003.h5"
    line = simulated.counts[2 * POINTS : 3 * POINTS]
    lost = {"missing": POINTS, "cut off": POINTS, "short": 2, "long": 0}[fault]
    if fault == "missing":
        path.unlink()
    elif fault == "cut off":
        path.write_bytes(path.read_bytes()[:2500])
    else:
        make_rows(path.parent, {3: line[:-2] if fault == "short" else np.concatenate([line, line[:3]])})
    found = prepared(
        file_pattern=pattern, first_file=1, positions_file=positions_file, size_px=32, scan_dims=(5, 6), held_out=0.0
    )
    kept = np.delete(np.arange(LINES * POINTS), np.arange(3 * POINTS - lost, 3 * POINTS))
    np.testing.assert_array_equal(found.problem.patterns, whole.problem.patterns[kept])
    np.testing.assert_allclose(found.positions_m, simulated.positions_m[kept])
    assert sum("scan_0003.h5" in note for note in found.notes) == 1


def test_a_damaged_frame_is_left_free(pattern: str, positions_file: Path) -> None:
    path = Path(pattern).parent / "scan_0003.h5"
    with h5py.File(path, "r") as file:
        chunk = file["entry/data/data"].id.get_chunk_info_by_coord((2, 0, 0))
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    found = prepared(file_pattern=pattern, first_file=1, positions_file=positions_file)
    free = (found.problem.patterns == found.problem.patterns.max()).all(axis=(1, 2))
    assert len(found.positions_m) == LINES * POINTS
    assert np.flatnonzero(free).tolist() == [2 * POINTS + 2]
    (note,) = (note for note in found.notes if "can't be read" in note)
    assert note.startswith("damaged raw frames are left free: 1, ") and "scan_0003.h5: frames 2 to 2" in note


def test_a_raster_of_line_files_and_the_pattern_as_the_scan(pattern: str) -> None:
    raster: dict[str, Any] = {"scan_pattern": "raster", "scan_dims": (LINES, POINTS), "step_m": (4e-7, 4e-7)}
    one = prepared(file_pattern=pattern, first_file=1, **raster)
    other = prepared(Path(pattern), first_file=1, **raster)
    np.testing.assert_array_equal(one.problem.patterns, other.problem.patterns)
    unsaid = prepared(file_pattern=pattern, **raster)
    np.testing.assert_array_equal(unsaid.problem.patterns, one.problem.patterns)
    assert any(note.startswith("the files are taken to begin with number 1, since") for note in unsaid.notes)


def test_a_stack_and_a_list_are_a_scan(simulated: SimulatedScan, positions_file: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", simulated.counts)
    found = prepared(tmp_path / "stack.npy", positions_file=positions_file)
    np.testing.assert_array_equal(found.frame_rows, np.arange(LINES * POINTS))
    assert found.raw_files == ()
    assert found.sources == (tmp_path / "stack.npy", positions_file)


def test_a_ptychopy_command_reads_a_series(pattern: str) -> None:
    told = read_command(
        f"./ptycho -fp='{pattern}' -fs=1 -dpf=6 -nxy=64,64 -hdf5path=/entry/data/data -scanDims=5,6 "
        "-step=400e-9,400e-9 -lambda=1.4089e-10 -z=1.92 -dx_d=150e-6"
    )
    given = {path: (value, "--command") for path, value in told.values.items()}
    source = scan_source(None, given)
    found = prepare(make_job(job_layers(source, given), source, Path("result.cxi")))
    assert len(found.positions_m) == LINES * POINTS
    assert any("taken to be a raster" in note for note in found.notes)


def test_the_result_names_the_files(pattern: str, positions_file: Path, tmp_path: Path) -> None:
    (Path(pattern).parent / "scan_0002.h5").unlink()
    *_, last = reconstruct(
        None, tmp_path / "r.cxi", file_pattern=pattern, first_file=1, positions_file=positions_file, **SMALL
    )
    assert last.state is State.DONE
    result = read_result(tmp_path / "r.cxi")
    assert [Path(source.path).name for source in result.sources] == [
        "positions.csv", "scan_0001.h5", "scan_0003.h5", "scan_0004.h5", "scan_0005.h5",
    ]  # fmt: skip
    assert any(note.startswith("line 2: there is no file scan_0002.h5; its 6 positions") for note in result.notes)


def test_positions_of_a_result_keep_their_frames_as_long_as_the_files_are_the_same(
    pattern: str, positions_file: Path, tmp_path: Path
) -> None:
    gone = Path(pattern).parent / "scan_0002.h5"
    gone.rename(tmp_path / "kept.h5")
    given: dict[str, Any] = {"file_pattern": pattern, "first_file": 1}
    list(reconstruct(None, tmp_path / "r.cxi", positions_file=positions_file, **given, **SMALL))
    found = prepared(positions_file=tmp_path / "r.cxi", **given)
    np.testing.assert_array_equal(found.frame_rows, np.arange((LINES - 1) * POINTS))
    (tmp_path / "kept.h5").rename(gone)
    with pytest.raises(DataError, match="nothing tells which belong together"):
        prepared(positions_file=tmp_path / "r.cxi", **given)


def test_many_files_have_one_entry_in_the_result(
    simulated: SimulatedScan, positions_file: Path, tmp_path: Path
) -> None:
    pattern = make_rows(tmp_path, {number: frame[None] for number, frame in enumerate(simulated.counts)})
    list(reconstruct(None, tmp_path / "r.cxi", file_pattern=pattern, positions_file=positions_file, **SMALL))
    _, series = read_result(tmp_path / "r.cxi").sources
    assert series.files == LINES * POINTS
    assert series.path.endswith("scan_0000.h5 to scan_0029.h5")
    assert series.size_bytes == sum(path.stat().st_size for path in tmp_path.glob("scan_*.h5"))


def test_a_name_of_its_own(pattern: str, positions_file: Path) -> None:
    *_, last = reconstruct(None, file_pattern=pattern, first_file=1, positions_file=positions_file, **SMALL)
    assert last.result == Path(pattern).parent / "scan-001.cxi"


def test_a_first_file_without_a_series_is_refused(simulated: SimulatedScan, tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", simulated.counts)
    with pytest.raises(ParameterError, match="has no effect without a series of raw files"):
        prepared(tmp_path / "stack.npy", first_file=3)


def test_what_a_detector_still_writes_is_waited_for(pattern: str, positions_file: Path, tmp_path: Path) -> None:
    last = Path(pattern).parent / "scan_0005.h5"
    away = tmp_path / "later.h5"
    last.rename(away)
    asked: list[None] = []

    def appear() -> bool:
        asked.append(None)
        if len(asked) == 3:
            away.rename(last)
        return False

    found = prepared(
        file_pattern=pattern, first_file=1, positions_file=positions_file, stop=appear, unfinished_files="wait"
    )
    assert len(found.positions_m) == LINES * POINTS
    assert any("until all frames were there" in note for note in found.notes)


def test_a_scan_that_has_not_begun_is_waited_for(pattern: str, positions_file: Path, tmp_path: Path) -> None:
    folder, away = Path(pattern).parent, tmp_path / "away"
    folder.rename(away)
    asked: list[None] = []

    def appear() -> bool:
        asked.append(None)
        if len(asked) == 3:
            away.rename(folder)
        return False

    given: dict[str, Any] = {"file_pattern": pattern, "first_file": 1, "positions_file": positions_file}
    with pytest.raises(DataError, match="raw files"):
        prepared(**given)
    assert len(prepared(stop=appear, unfinished_files="wait", **given).positions_m) == LINES * POINTS


def test_waiting_is_stopped(pattern: str, positions_file: Path, tmp_path: Path) -> None:
    (Path(pattern).parent / "scan_0005.h5").unlink()
    control = Control()
    job = reconstruct(
        None, tmp_path / "r.cxi", control=control, file_pattern=pattern, first_file=1, positions_file=positions_file,
        unfinished_files="wait", wait_limit_s=1000.0, **SMALL,
    )  # fmt: skip
    threading.Timer(0.3, control.stop).start()
    (said,) = job
    assert said.state is State.CANCELLED
    assert not (tmp_path / "r.cxi").exists()


def test_a_file_in_hdf5s_hands_is_left_out(pattern: str, positions_file: Path) -> None:
    with h5py.File(Path(pattern).parent / "scan_0005.h5", "r+"):
        found = prepared(file_pattern=pattern, first_file=1, positions_file=positions_file)
    assert len(found.positions_m) == (LINES - 1) * POINTS
    assert any("scan_0005.h5: another program is writing it" in note for note in found.notes)
