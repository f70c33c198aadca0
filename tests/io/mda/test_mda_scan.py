"""MDA scans and their frames: what is read, and what happens where parts of them are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui import paths
from ptychogui.errors import DataError
from ptychogui.io.mda.format import ExtraPv, read_mda
from ptychogui.io.mda.mda_scan import scan_number
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import Named, preset_folder
from ptychogui.io.mda.scan_writer import DATASET, write_mda_scan
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.mda.makers import DIMS, frames, line_scan, positions_m, shipped


@pytest.fixture(params=["velociprobe", "2-id-d", "bionanoprobe", "any"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Named]:
    named = shipped(request.param)
    name = {"velociprobe": "velo", "2-id-d": "2idd", "bionanoprobe": "bnp_fly", "any": "fly"}[named.name]
    path = tmp_path / "user" / "mda" / f"{name}_0012.mda"
    write_mda_scan(path, named, frames(), positions_m(), DIMS, 8800.0)
    return path, named


def raw_files(path: Path) -> list[Path]:
    return sorted((path.parent.parent / "ptycho" / "scan012").glob("*.h5"))


def test_a_scan_in_each_layout_comes_back_with_its_preset_recognized(written: tuple[Path, Named]) -> None:
    path, named = written
    with open_dataset(path) as scan:
        assert scan.format == "MDA" and f"(preset {named.name})" in scan.facts["beamline"]
        assert scan.positions_m is not None
        np.testing.assert_allclose(scan.positions_m, positions_m(), atol=1e-15)
        read = scan.frames.read(scan.frame_rows)
        assert np.array_equal(read[:, 0, 0], np.arange(20) + 1) and scan.is_whole
        assert scan.values["experiment.energy_eV"].value == pytest.approx(8800, abs=1e-9)
        assert scan.values["experiment.energy_eV"].place.startswith("PV ")
        assert scan.values["experiment.scan_dims"].value == DIMS
        assert scan.values["experiment.step_m"].value == pytest.approx((2e-7, 3e-7))


def _spoiled(path: Path) -> None:
    """File 2 of a scan is gone, file 4 has 2 of its 4 frames, file 5 has 6."""
    files = raw_files(path)
    files[1].unlink()
    for place, count in ((3, 2), (4, 6)):
        with h5py.File(files[place], "r+") as file:
            stack = file[DATASET][()]
            del file[DATASET]
            file[DATASET] = np.concatenate([stack, stack])[:count]


def test_what_is_missing_is_left_out_and_nothing_moves_up(written: tuple[Path, Named]) -> None:
    path, _ = written
    _spoiled(path)
    with open_dataset(path) as scan:
        seen = scan.frames.read(scan.frame_rows)[:, 0, 0].astype(int) - 1
        expected = [i for i in range(20) if i // 4 != 1 and i not in (14, 15)]
        assert seen.tolist() == expected
        assert scan.positions_m is not None
        np.testing.assert_allclose(scan.positions_m, positions_m()[expected], atol=1e-15)
        notes = "\n".join(scan.notes)
        for file in (1, 3, 4):
            assert raw_files(path)[0].name.replace("1.h5", f"{file + 1}.h5") in notes
        assert not scan.is_whole


def test_a_stopped_scan_has_the_lines_that_were_measured(tmp_path: Path) -> None:
    named, path = shipped("velociprobe"), tmp_path / "mda" / "velo_0012.mda"
    write_mda_scan(path, named, frames(), positions_m(), DIMS, 8800.0, lines=3)
    with open_dataset(path) as scan:
        assert scan.positions_m is not None
        np.testing.assert_allclose(scan.positions_m, positions_m()[:12], atol=1e-15)
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(12) + 1)
        assert any("2 of 5 scan lines were not measured, the first is line 4" in note for note in scan.notes)


def test_files_that_begin_at_zero_are_not_taken_for_the_next_line(tmp_path: Path) -> None:
    named, path = shipped("velociprobe"), tmp_path / "mda" / "velo_0012.mda"
    counted = named.preset.model_copy(update={"frames": named.preset.frames.model_copy(update={"first_file": 0})})
    write_mda_scan(path, replace(named, preset=counted), frames(), positions_m(), DIMS, 8800.0)
    with open_dataset(path) as scan:
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)


def _from(first_file: int) -> Named:
    """Return the preset with files that count from another number."""
    named = shipped("velociprobe")
    counted = named.preset.frames.model_copy(update={"first_file": first_file})
    return replace(named, preset=named.preset.model_copy(update={"frames": counted}))


def _seen(path: Path, options: ReadOptions | None = None) -> tuple[list[int], list[int], str]:
    """Return the places in the scan that frames tell of, those that positions tell of, and the notes."""
    with open_dataset(path, options) as scan:
        assert scan.positions_m is not None
        steps = np.rint((scan.positions_m - positions_m()[0]) / [2e-7, 3e-7]).astype(int)
        placed: list[int] = (steps @ [DIMS[1], 1]).tolist()
        frames_tell = scan.frames.read(scan.frame_rows)[:, 0, 0].astype(int) - 1
        return frames_tell.tolist(), placed, "\n".join(scan.notes)


def test_a_stray_file_before_the_first_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    first = write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1]
    first.with_name("scan012_0000.h5").write_bytes(first.read_bytes())
    seen, placed, notes = _seen(path)
    assert seen == placed == list(range(20))
    assert "file 0 belongs to no line, since preset velociprobe counts files from 1" in notes
    assert "--first-file 0" in notes


def test_where_a_file_too_many_and_a_missing_one_leave_it_open_the_user_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    _, *files = write_mda_scan(path, _from(0), frames(), positions_m(), DIMS, 8800.0)
    files[-1].unlink()
    with open_dataset(path) as scan:
        assert scan.positions_m is None and not scan.is_whole and scan.ambiguity is not None
        assert [one.values["preprocessing.first_file"] for one in scan.ambiguity.alternatives] == [0, 1]
        assert [one.text for one in scan.ambiguity.alternatives] == [
            "file 4 is missing", "files 4 to 5 are missing, file 0 is not of this scan",
        ]  # fmt: skip
        assert "give --first-file 0 if file 4 is missing, or --first-file 1 if" in "".join(scan.notes)
    seen, placed, _ = _seen(path, ReadOptions(first_file=0))
    assert seen == placed == list(range(16))


def test_where_the_first_of_files_from_zero_is_missing_the_user_can_say_so(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    files = write_mda_scan(path, _from(0), frames(), positions_m(), DIMS, 8800.0)[1:]
    files[0].unlink()
    seen, placed, _ = _seen(path, ReadOptions(first_file=0))
    assert seen == placed == list(range(4, 20))
    notes = _seen(path)[2]
    assert "there is no file 5, the last" in notes and "--first-file 0" in notes


@pytest.mark.parametrize("missing", range(5))
def test_a_missing_file_of_a_scan_from_one_moves_nothing(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1 + missing].unlink()
    seen, placed, _ = _seen(path)
    assert seen == placed == [i for i in range(20) if i // 4 != missing]


@pytest.mark.parametrize(
    ("stem", "header", "number", "is_odd"),
    [
        ("velo_0012", 12, 12, False), ("velo_0012_01", 12, 12, False), ("sample2_12", 12, 12, False),
        ("2026_12", 12, 12, False), ("2026_12", 2026, 2026, False), ("velo_0012", 99, 12, True), ("final", 7, 7, False),
    ],
)  # fmt: skip
def test_the_number_of_a_scan_is_that_of_its_file(stem: str, header: int, number: int, is_odd: bool) -> None:
    mda = replace(line_scan(3, 3, [20] * 3), number=header)
    found, notes = scan_number(Path(f"{stem}.mda"), mda)
    assert found == number and bool(notes) == is_odd


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "run[1]*" / "mda" / "2idd_0012.mda"
    write_mda_scan(path, shipped("2-id-d"), frames(), positions_m(), DIMS, 8800.0)
    assert _seen(path)[0] == list(range(20))


def test_the_user_names_other_frames(tmp_path: Path) -> None:
    named, path = shipped("any"), tmp_path / "mda" / "fly_0012.mda"
    files = write_mda_scan(path, named, frames(), positions_m(), DIMS, 8800.0)[1:]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number, file in enumerate(files):
        file.rename(elsewhere / f"line{number + 7:02d}.h5")
    with pytest.raises(DataError, match=r"no raw frames of .*fly_0012\.mda .*scan012_#04d\.h5.* Give --file-pattern"):
        open_dataset(path)
    options = ReadOptions(file_pattern=str(elsewhere / "line#02d.h5"), first_file=7)
    with open_dataset(path, options) as scan:
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)


ENERGY, DISTANCE, PIXEL = (f"experiment.{name}" for name in ("energy_eV", "distance_m", "detector_pixel_m"))


def _with_master(folder: Path, energy_eV: float) -> tuple[Path, ReadOptions]:
    """Write a scan whose frames are named by a master that says energy, distance, pixel and bad pixels as well."""
    path = folder / "mda" / "velo_0012.mda"
    files = write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1:]
    master = files[0].with_name("scan012_master.h5")
    with h5py.File(master, "w") as file:
        for number, linked in enumerate(files, 1):
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(linked.name, DATASET)
        for place, value, units in (
            ("beam/incident_energy", energy_eV, "eV"),
            ("detector/detector_distance", 1.95, "m"),
            ("detector/x_pixel_size", 55e-6, "m"),
            ("detector/y_pixel_size", 55e-6, "m"),
        ):
            file[f"entry/instrument/{place}"] = value
            file[f"entry/instrument/{place}"].attrs["units"] = units
        file["entry/instrument/detector/pixel_mask"] = np.eye(20, 24, dtype=np.uint32)
    return path, ReadOptions(file_pattern=str(master))


def test_a_detectors_master_fills_the_gaps_and_goes_before_a_guess_only(tmp_path: Path) -> None:
    path, options = _with_master(tmp_path, 8801.0)
    with open_dataset(path) as scan:
        assert scan.values[PIXEL].place == "preset velociprobe, a guess" and DISTANCE not in scan.values
    with open_dataset(path, options) as scan:
        assert scan.values[ENERGY].value == pytest.approx(8800) and scan.values[ENERGY].place.startswith("PV ")
        assert scan.values[DISTANCE].value == 1.95 and scan.values[PIXEL].value == 55e-6
        place = "/entry/instrument/detector/detector_distance"
        assert scan.values[DISTANCE].place == f"scan012_master.h5: {place}"
        assert np.array_equal(scan.bad_pixels if scan.bad_pixels is not None else 0, np.eye(20, 24) > 0)
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)
        assert not [note for note in scan.notes if "is taken" in note or "positions" in note]


def test_where_mda_file_and_master_differ_the_mda_file_is_taken_and_it_is_said(tmp_path: Path) -> None:
    path, options = _with_master(tmp_path, 7112.0)
    with open_dataset(path, options) as scan:
        assert scan.values[ENERGY].value == pytest.approx(8800)
        (note,) = [note for note in scan.notes if "is taken" in note]
    assert note.startswith(
        "photon energy: 8.8 keV (PV 2idd:BraggEAO, a guess) is taken, not 7.112 keV (scan012_master.h5"
    )


def test_a_constant_that_a_preset_knows_goes_before_the_master(tmp_path: Path) -> None:
    path, options = _with_master(tmp_path, 8800.0)
    preset_folder().mkdir(parents=True)
    mine = (paths.resources_folder() / "presets" / "velociprobe.toml").read_text()
    (preset_folder() / "velociprobe.toml").write_text(f'{mine}\n[constants.distance_m]\nvalue = "1.9 m"\n')
    with open_dataset(path, options) as scan:
        assert scan.values[DISTANCE].value == 1.9 and scan.values[DISTANCE].place == "preset velociprobe"
        assert any("detector distance: 1.9 m (preset velociprobe) is taken, not 1.95 m" in note for note in scan.notes)


def test_several_series_that_fit_are_not_chosen_from(tmp_path: Path) -> None:
    named, path = shipped("2-id-d"), tmp_path / "mda" / "2idd_0012.mda"
    first = write_mda_scan(path, named, frames(), positions_m(), DIMS, 8800.0)[1]
    first.with_name("scan012_2_data_000001.h5").write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=r"several series fit .*1, 2"):
        open_dataset(path)


def test_a_point_without_a_position_is_left_out_and_its_frame_goes_to_no_other(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    at_m = positions_m()
    at_m[[6, 13], 1] = np.nan
    write_mda_scan(path, shipped("velociprobe"), frames(), at_m, DIMS, 8800.0)
    with open_dataset(path) as scan:
        expected = [i for i in range(20) if i not in (6, 13)]
        assert (scan.frames.read(scan.frame_rows)[:, 0, 0] - 1).tolist() == expected
        assert any("2 of 20 positions are lost" in note for note in scan.notes)


@pytest.mark.parametrize("lost", [np.inf, 1e30, 0.5])
def test_a_point_far_off_is_left_out_and_its_frame_goes_to_no_other(tmp_path: Path, lost: float) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    at_m = positions_m()
    at_m[11, 1] = lost
    write_mda_scan(path, shipped("velociprobe"), frames(), at_m, DIMS, 8800.0)
    with open_dataset(path) as scan:
        assert (scan.frames.read(scan.frame_rows)[:, 0, 0] - 1).tolist() == [i for i in range(20) if i != 11]
        assert any("1 of 20 positions is lost" in note for note in scan.notes)


@pytest.mark.parametrize(
    ("center", "is_used"),
    [((0.2, 23.4), True), ((19.4, 12.0), True), ((19.6, 12.0), False), ((12.0, 23.5), False), ((1e9, 1e9), False)],
)
def test_a_center_off_the_detector_is_not_used(tmp_path: Path, center: tuple[float, float], is_used: bool) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
    pvs = {
        name: ExtraPv(name, "", 34, "px", np.array([at])) for name, at in zip(("det:y", "det:x"), center, strict=True)
    }
    write_mda(path, replace(read_mda(path), pvs=pvs))
    preset_folder().mkdir(parents=True)
    mine = (paths.resources_folder() / "presets" / "velociprobe.toml").read_text()
    center_text = '[center_row]\npvs = ["det:y"]\n[center_column]\npvs = ["det:x"]\n'
    (preset_folder() / "velociprobe.toml").write_text(f"{mine}\n{center_text}")
    with open_dataset(path) as scan:
        assert ("preprocessing.center_px" in scan.values) is is_used
        at = f"({center[0]:g}, {center[1]:g})"
        said = f"the pattern center of PV det:y; PV det:x is {at}, off the detector of 20 x 24 px, and is ignored"
        assert (said in scan.notes) is not is_used
