"""MDA scans through presets: positions, values, frames, and what happens where parts of them are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui import paths
from ptychogui.errors import DataError, ParameterError
from ptychogui.io.access import Access
from ptychogui.io.mda.applying import apply_preset
from ptychogui.io.mda.beamtime import DATASET, write_beamtime
from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan, read_mda
from ptychogui.io.mda.presets import Named, Quantity, choose_preset, list_presets, preset_folder, read_preset
from ptychogui.io.mda.scans import frame_patterns, scan_number
from ptychogui.io.mda.writing import write_mda
from ptychogui.io.raw.series import is_pattern
from ptychogui.io.readers import open_dataset

DIMS = (5, 4)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "configuration"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


def shipped(name: str) -> Named:
    return read_preset(paths.resources_folder() / "presets" / f"{name}.toml")


def frames() -> np.ndarray:
    """Return frames that tell their place in the scan."""
    stack = np.zeros((DIMS[0] * DIMS[1], 20, 24), np.uint16)
    stack[:, 0, 0] = np.arange(len(stack)) + 1
    return stack


def positions_m() -> np.ndarray:
    rows, columns = np.mgrid[: DIMS[0], : DIMS[1]]
    return np.stack([rows.ravel() * 2e-7, columns.ravel() * 3e-7 - 1e-7], axis=1)


@pytest.fixture(params=["velociprobe", "2-id-d", "bionanoprobe", "any"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Named]:
    named = shipped(request.param)
    name = {"velociprobe": "velo", "2-id-d": "2idd", "bionanoprobe": "bnp_fly", "any": "fly"}[named.name]
    path = tmp_path / "user" / "mda" / f"{name}_0012.mda"
    write_beamtime(path, named, frames(), positions_m(), DIMS, 8800.0)
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
    write_beamtime(path, named, frames(), positions_m(), DIMS, 8800.0, lines=3)
    with open_dataset(path) as scan:
        assert scan.positions_m is not None
        np.testing.assert_allclose(scan.positions_m, positions_m()[:12], atol=1e-15)
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(12) + 1)
        assert any("2 of 5 scan lines were not measured, the first is line 3" in note for note in scan.notes)


def test_files_that_begin_at_zero_are_not_taken_for_the_next_line(tmp_path: Path) -> None:
    named, path = shipped("velociprobe"), tmp_path / "mda" / "velo_0012.mda"
    counted = named.preset.model_copy(update={"frames": named.preset.frames.model_copy(update={"first_file": 0})})
    write_beamtime(path, replace(named, preset=counted), frames(), positions_m(), DIMS, 8800.0)
    with open_dataset(path) as scan:
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)


def _from(first_file: int) -> Named:
    """Return the preset with files that count from another number."""
    named = shipped("velociprobe")
    counted = named.preset.frames.model_copy(update={"first_file": first_file})
    return replace(named, preset=named.preset.model_copy(update={"frames": counted}))


def _seen(path: Path, access: Access | None = None) -> tuple[list[int], list[int], str]:
    """Return the places in the scan that frames tell of, those that positions tell of, and the notes."""
    with open_dataset(path, access) as scan:
        assert scan.positions_m is not None
        steps = np.rint((scan.positions_m - positions_m()[0]) / [2e-7, 3e-7]).astype(int)
        placed: list[int] = (steps @ [DIMS[1], 1]).tolist()
        frames_tell = scan.frames.read(scan.frame_rows)[:, 0, 0].astype(int) - 1
        return frames_tell.tolist(), placed, "\n".join(scan.notes)


def test_a_stray_file_before_the_first_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    first = write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1]
    first.with_name("scan012_0000.h5").write_bytes(first.read_bytes())
    seen, placed, notes = _seen(path)
    assert seen == placed == list(range(20))
    assert "file 0 belongs to no line, since preset velociprobe counts files from 1" in notes
    assert "--first-file 0" in notes


def test_where_a_file_too_many_and_a_missing_one_leave_it_open_the_user_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    _, *files = write_beamtime(path, _from(0), frames(), positions_m(), DIMS, 8800.0)
    files[-1].unlink()
    with open_dataset(path) as scan:
        assert scan.positions_m is None and not scan.is_whole and scan.ambiguity is not None
        assert [one.values["preprocessing.first_file"] for one in scan.ambiguity.alternatives] == [0, 1]
        assert [one.text for one in scan.ambiguity.alternatives] == [
            "file 4 is missing", "files 4 to 5 are missing, file 0 is not of this scan",
        ]  # fmt: skip
        assert "give --first-file 0 if file 4 is missing, or --first-file 1 if" in "".join(scan.notes)
    seen, placed, _ = _seen(path, Access(first_file=0))
    assert seen == placed == list(range(16))


def test_where_the_first_of_files_from_zero_is_missing_the_user_can_say_so(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    files = write_beamtime(path, _from(0), frames(), positions_m(), DIMS, 8800.0)[1:]
    files[0].unlink()
    seen, placed, _ = _seen(path, Access(first_file=0))
    assert seen == placed == list(range(4, 20))
    notes = _seen(path)[2]
    assert "there is no file 5, the last" in notes and "--first-file 0" in notes


@pytest.mark.parametrize("missing", range(5))
def test_a_missing_file_of_a_scan_from_one_moves_nothing(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1 + missing].unlink()
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
    mda = replace(_line_scan(3, 3, [20] * 3), number=header)
    found, notes = scan_number(Path(f"{stem}.mda"), mda)
    assert found == number and bool(notes) == is_odd


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "run[1]*" / "mda" / "2idd_0012.mda"
    write_beamtime(path, shipped("2-id-d"), frames(), positions_m(), DIMS, 8800.0)
    assert _seen(path)[0] == list(range(20))


def test_the_user_names_other_frames(tmp_path: Path) -> None:
    named, path = shipped("any"), tmp_path / "mda" / "fly_0012.mda"
    files = write_beamtime(path, named, frames(), positions_m(), DIMS, 8800.0)[1:]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number, file in enumerate(files):
        file.rename(elsewhere / f"line{number + 7:02d}.h5")
    with pytest.raises(DataError, match=r"no raw frames of .*fly_0012\.mda .*scan012_#04d\.h5.* Give --file-pattern"):
        open_dataset(path)
    access = Access(file_pattern=str(elsewhere / "line#02d.h5"), first_file=7)
    with open_dataset(path, access) as scan:
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)


ENERGY, DISTANCE, PIXEL = (f"experiment.{name}" for name in ("energy_eV", "distance_m", "detector_pixel_m"))


def _with_master(folder: Path, energy_eV: float) -> tuple[Path, Access]:
    """Write a scan whose frames are named by a master that says energy, distance, pixel and bad pixels as well."""
    path = folder / "mda" / "velo_0012.mda"
    files = write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)[1:]
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
    return path, Access(file_pattern=str(master))


def test_a_detectors_master_fills_the_gaps_and_goes_before_a_guess_only(tmp_path: Path) -> None:
    path, access = _with_master(tmp_path, 8801.0)
    with open_dataset(path) as scan:
        assert scan.values[PIXEL].place == "preset velociprobe, a guess" and DISTANCE not in scan.values
    with open_dataset(path, access) as scan:
        assert scan.values[ENERGY].value == pytest.approx(8800) and scan.values[ENERGY].place.startswith("PV ")
        assert scan.values[DISTANCE].value == 1.95 and scan.values[PIXEL].value == 55e-6
        place = "/entry/instrument/detector/detector_distance"
        assert scan.values[DISTANCE].place == f"scan012_master.h5: {place}"
        assert np.array_equal(scan.bad_pixels if scan.bad_pixels is not None else 0, np.eye(20, 24) > 0)
        assert np.array_equal(scan.frames.read(scan.frame_rows)[:, 0, 0], np.arange(20) + 1)
        assert not [note for note in scan.notes if "is taken" in note or "positions" in note]


def test_where_mda_file_and_master_differ_the_mda_file_is_taken_and_it_is_said(tmp_path: Path) -> None:
    path, access = _with_master(tmp_path, 7112.0)
    with open_dataset(path, access) as scan:
        assert scan.values[ENERGY].value == pytest.approx(8800)
        (note,) = [note for note in scan.notes if "is taken" in note]
    assert note.startswith(
        "photon energy: 8.8 keV (PV 2idd:BraggEAO, a guess) is taken, not 7.112 keV (scan012_master.h5"
    )


def test_a_constant_that_a_preset_knows_goes_before_the_master(tmp_path: Path) -> None:
    path, access = _with_master(tmp_path, 8800.0)
    preset_folder().mkdir(parents=True)
    mine = (paths.resources_folder() / "presets" / "velociprobe.toml").read_text()
    (preset_folder() / "velociprobe.toml").write_text(f'{mine}\n[constants.distance_m]\nvalue = "1.9 m"\n')
    with open_dataset(path, access) as scan:
        assert scan.values[DISTANCE].value == 1.9 and scan.values[DISTANCE].place == "preset velociprobe"
        assert any("detector distance: 1.9 m (preset velociprobe) is taken, not 1.95 m" in note for note in scan.notes)


def test_several_series_that_fit_are_not_chosen_from(tmp_path: Path) -> None:
    named, path = shipped("2-id-d"), tmp_path / "mda" / "2idd_0012.mda"
    first = write_beamtime(path, named, frames(), positions_m(), DIMS, 8800.0)[1]
    first.with_name("scan012_2_data_000001.h5").write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=r"several series fit .*1, 2"):
        open_dataset(path)


def test_a_scan_of_one_loop_has_columns_before_rows(tmp_path: Path) -> None:
    at = positions_m() * 1e6
    axes = tuple(
        Positioner(i, name, "", "TABLE", "um", "", "", "", at[:, 1 - i]) for i, name in enumerate(("x", "y"))
    )  # fmt: skip
    scan = Scan(1, "spiral", "now", 20, 20, axes, ())
    write_mda(tmp_path / "scan.mda", Mda(1.3, 3, (20,), True, scan))
    found = apply_preset(shipped("any"), read_mda(tmp_path / "scan.mda"))
    np.testing.assert_allclose(found.positions_m, positions_m(), atol=1e-15)
    assert "experiment.scan_dims" not in found.values and (found.line == 0).all()


def test_of_a_tomography_series_the_first_projection_is_taken_and_said(tmp_path: Path) -> None:
    write_beamtime(tmp_path / "mda" / "one_0001.mda", shipped("any"), frames(), positions_m(), DIMS, 8800.0)
    one = read_mda(tmp_path / "mda" / "one_0001.mda")
    angles = Positioner(0, "theta", "", "LINEAR", "degrees", "", "", "", np.arange(3.0))
    series = Scan(3, "tomo", "now", 3, 2, (angles,), (), (), (one.scan, one.scan, None))
    found = apply_preset(shipped("any"), replace(one, dims=(3, *DIMS), scan=series))
    np.testing.assert_allclose(found.positions_m, positions_m(), atol=1e-15)
    assert any("3 axes; the first of 2" in note for note in found.notes)


def test_the_unit_of_the_file_goes_before_that_of_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0001.mda"
    write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
    mda = read_mda(path)
    (axis,) = mda.scan.positioners
    in_mm = replace(mda.scan, positioners=(replace(axis, values=axis.values / 1000, readback_unit="mm"),))
    found = apply_preset(shipped("velociprobe"), replace(mda, scan=in_mm))
    np.testing.assert_allclose(found.positions_m, positions_m(), atol=1e-15)
    silent = replace(mda.scan, positioners=(replace(axis, readback_unit="", unit="counts"),))
    np.testing.assert_allclose(
        apply_preset(shipped("velociprobe"), replace(mda, scan=silent)).positions_m, positions_m()
    )


def test_a_point_without_a_position_is_left_out_and_its_frame_goes_to_no_other(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    at_m = positions_m()
    at_m[[6, 13], 1] = np.nan
    write_beamtime(path, shipped("velociprobe"), frames(), at_m, DIMS, 8800.0)
    with open_dataset(path) as scan:
        expected = [i for i in range(20) if i not in (6, 13)]
        assert (scan.frames.read(scan.frame_rows)[:, 0, 0] - 1).tolist() == expected
        assert any("2 of 20 positions are lost" in note for note in scan.notes)


@pytest.mark.parametrize("lost", [np.inf, 1e30, 0.5])
def test_a_point_far_off_is_left_out_and_its_frame_goes_to_no_other(tmp_path: Path, lost: float) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    at_m = positions_m()
    at_m[11, 1] = lost
    write_beamtime(path, shipped("velociprobe"), frames(), at_m, DIMS, 8800.0)
    with open_dataset(path) as scan:
        assert (scan.frames.read(scan.frame_rows)[:, 0, 0] - 1).tolist() == [i for i in range(20) if i != 11]
        assert any("1 of 20 positions is lost" in note for note in scan.notes)


@pytest.mark.parametrize(
    ("energies_keV", "energy_eV", "said"),
    [
        ([0.0, 8.8, 8.8, 8.8], 8800.0, "has 1 of 4 readings that can't be meant, such as 0"),
        ([np.nan, 8.8, 8.8, 0.0], 8800.0, "has 2 of 4 readings that can't be meant, such as nan"),
        ([8.8, 8.8, 8.8, 8.8e9], 8800.0, "has 1 of 4 readings that can't be meant"),
        ([8.8, 8.8, 9.5, 9.9], None, "is 4 different numbers, 8.8 to 9.9, and is ignored"),
        ([0.0, 0.0, 0.0, 0.0], None, "is 0, not a positive number, and is ignored"),
    ],
)
def test_an_energy_of_each_line_may_have_lost_readings(
    tmp_path: Path, energies_keV: list[float], energy_eV: float | None, said: str
) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
    mda = read_mda(path)
    column = Detector(0, "bl:energy", "", "keV", np.array(energies_keV))
    lines = replace(mda.scan, detectors=(column,))
    found = apply_preset(shipped("velociprobe"), replace(mda, scan=lines, pvs={}))
    value = found.values.get("experiment.energy_eV")
    assert (value and value.value) == (energy_eV and pytest.approx(energy_eV))
    assert any(note.startswith("the photon energy of column outer D1") and said in note for note in found.notes)


def _line_scan(lines: int, done: int, counts: Sequence[int], unit: str = "um") -> Mda:
    """Return a scan of steps of 0.2 and 0.3 that was stopped after some lines; the rest of all values is 0."""

    def axis(name: str, values: np.ndarray, measured: int) -> Positioner:
        return Positioner(0, name, "", "", unit, "", "", "", np.where(np.arange(len(values)) < measured, values, 0.0))

    inner = [Scan(1, "in", "", 20, count, (axis("x", 5 + np.arange(20) * 0.3, count),), ()) for count in counts]
    outer = axis("y", 10 + np.arange(lines) * 0.2, done)
    scan = Scan(2, "out", "", lines, done, (outer,), (), (), (*inner[:done], *[None] * (lines - done)))
    return Mda(1.4, 1, (lines, 20), True, scan)


@pytest.mark.parametrize(("lines", "done", "count"), [(20, 20, 20), (20, 6, 20), (3, 2, 20), (20, 20, 8), (20, 6, 5)])
def test_steps_are_those_of_what_was_measured(lines: int, done: int, count: int) -> None:
    found = apply_preset(shipped("velociprobe"), _line_scan(lines, done, [count] * lines))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))
    assert len(found.positions_m) == done * count and found.dims == (lines, 20)


@pytest.mark.parametrize("unit", ["microns", "Micron", "micrometers", " um "])
def test_units_in_words_are_understood(unit: str) -> None:
    found = apply_preset(shipped("2-id-d"), _line_scan(3, 3, [20] * 3, unit))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))


@pytest.mark.parametrize("unit", ["deg", "degrees", "Deg", "mrad"])
def test_an_angle_is_no_position(unit: str) -> None:
    with pytest.raises(DataError, match=f"2-id-d wants positions from 'outer P1', but that is an angle, in {unit}"):
        apply_preset(shipped("2-id-d"), _line_scan(3, 3, [20] * 3, unit))


def test_a_small_file_that_claims_a_huge_grid_is_refused() -> None:
    mda = _line_scan(3, 3, [20] * 3)
    lines = tuple(replace(mda.scan.lines[0], requested=10**9) for _ in range(3) if mda.scan.lines[0])
    with pytest.raises(DataError, match="3 lines of up to 1000000000 points are more than"):
        apply_preset(shipped("any"), replace(mda, scan=replace(mda.scan, lines=lines)))


@pytest.mark.parametrize(
    ("unit", "value", "energy_eV"),
    [("keV", 8.8, 8800.0), ("eV", 8800.0, 8800.0), ("", 8.8, 8800.0), ("mA", 101.7, None), ("keV", np.inf, None)],
)
def test_an_energy_is_taken_only_from_what_can_be_one(unit: str, value: float, energy_eV: float | None) -> None:
    mda = _line_scan(3, 3, [20] * 3)
    first = Detector(0, "S:SRcurrentAI", "", unit, np.full(3, value, np.float32))
    found = apply_preset(shipped("velociprobe"), replace(mda, scan=replace(mda.scan, detectors=(first,))))
    energy = found.values.get("experiment.energy_eV")
    assert (energy is None) if energy_eV is None else (energy and energy.value == pytest.approx(energy_eV))


@pytest.mark.parametrize(
    ("units", "center_px"),
    [(("pixels", "px"), (251.5, 260.0)), (("", ""), (251.5, 260.0)), (("mm", "mm"), None), (("", "mA"), None)],
)
def test_the_center_of_the_patterns_is_read_where_both_parts_are_pixels(
    units: tuple[str, str], center_px: tuple[float, float] | None
) -> None:
    values = {"det:cy": (251.5, units[0]), "det:cx": (260.0, units[1])}
    pvs = {name: ExtraPv(name, "", 34, unit, np.array([value])) for name, (value, unit) in values.items()}
    mda = replace(_line_scan(2, 2, (3, 3)), pvs=pvs)
    parts = {"center_row": Quantity(pvs=("det:cy",)), "center_column": Quantity(pvs=("*:cx",), certainty="guess")}
    named = shipped("any")
    named = replace(named, preset=named.preset.model_copy(update=parts))
    found = apply_preset(named, mda).values.get("preprocessing.center_px")
    assert (found.value if found else None) == center_px
    assert found is None or found.place == "PV det:cy; PV det:cx, a guess"
    half = replace(named, preset=named.preset.model_copy(update={"center_row": None}))
    assert "preprocessing.center_px" not in apply_preset(half, mda).values


def _pointed(**values: tuple[str | np.ndarray, str]) -> tuple[Named, Mda]:
    """Return a preset that takes each quantity from a PV of its name, and a scan of 2 x 3 points with these PVs."""
    pvs = {name: ExtraPv(name, "", 34, unit, value) for name, (value, unit) in values.items()}
    parts = {name: Quantity(pvs=(name,)) for name in values}
    named = shipped("any")
    preset = named.preset.model_copy(update={"center_row": None, "energy": None, **parts})
    return replace(named, preset=preset), replace(_line_scan(2, 2, (3, 3)), pvs=pvs)


@pytest.mark.parametrize(
    ("value", "unit", "why"),
    [
        (np.array([14.0]), "mm", "14 in 'mm', not in px"),
        (np.array([-3.0]), "px", "-3, not a positive number"),
        (np.array([np.nan]), "px", "nan, not a number"),
        (np.array([np.inf]), "px", "inf, not a number"),
        (np.array([]), "px", "empty"),
        ("in the middle", "", "the text 'in the middle', not a number"),
    ],
)
def test_a_center_that_is_not_used_is_said_and_why(value: str | np.ndarray, unit: str, why: str) -> None:
    named, mda = _pointed(center_row=(np.array([5.0]), "px"), center_column=(value, unit))
    found = apply_preset(named, mda)
    assert "preprocessing.center_px" not in found.values
    assert found.misfits == (
        f"the pattern center's column of PV center_column is {why}, and is ignored",
        "the pattern center's row of PV center_row is known without its column, and is ignored",
    )
    assert set(found.misfits) <= set(found.notes)


@pytest.mark.parametrize(
    ("name", "title", "unit", "why"),
    [
        ("energy", "photon energy", "mA", "9 in 'mA', not in eV or keV or MeV"),
        ("distance", "detector distance", "s", "9 in 's', not in m or km"),
        ("detector_pixel", "detector pixel", "px", "9 in 'px', not in m or km"),
    ],
)
def test_a_quantity_that_is_not_used_is_said_and_why(name: str, title: str, unit: str, why: str) -> None:
    (note,) = apply_preset(*_pointed(**{name: (np.array([9.0]), unit)})).misfits
    assert note.startswith(f"the {title} of PV {name} is {why}") and note.endswith(", and is ignored")


@pytest.mark.parametrize(
    ("center", "is_used"),
    [((0.2, 23.4), True), ((19.4, 12.0), True), ((19.6, 12.0), False), ((12.0, 23.5), False), ((1e9, 1e9), False)],
)
def test_a_center_off_the_detector_is_not_used(tmp_path: Path, center: tuple[float, float], is_used: bool) -> None:
    path = tmp_path / "mda" / "velo_0012.mda"
    write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
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


def test_a_unit_that_is_not_known_is_said() -> None:
    found = apply_preset(shipped("velociprobe"), _line_scan(3, 3, [20] * 3, "steps"))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))
    assert "'steps', the unit of outer P1, is not known; the preset's, um, is taken" in found.notes


def test_an_energy_that_is_none_gives_way_to_the_next_pv() -> None:
    pvs = [ExtraPv(name, "", 34, "keV", np.array([value])) for name, value in
           (("2idd:BraggEAO", 0.0), ("2idd:BraggERdbkAO", 8.8))]  # fmt: skip
    mda = replace(_line_scan(3, 3, [20] * 3), pvs={pv.name: pv for pv in pvs})
    energy = apply_preset(shipped("velociprobe"), mda).values["experiment.energy_eV"]
    assert energy.value == pytest.approx(8800) and energy.place == "PV 2idd:BraggERdbkAO, a guess"


class TestPresets:
    OWN = """
title = "Mine"
recognize = { files = ["velo*"] }
[energy]
pvs = ["mono:*"]
unit = "eV"
[distance]
column = "inner zdet"
unit = "mm"
[angle]
pv_number = 2
unit = "degrees"
[rows]
source = "outer P1"
sign = -1
[columns]
source = "inner D2"
unit = "nm"
[constants.detector_pixel_m]
value = "55 um"
[constants.size_px]
value = "16"
"""

    def own(self, text: str = OWN, name: str = "velociprobe") -> Path:
        preset_folder().mkdir(parents=True, exist_ok=True)
        path = preset_folder() / f"{name}.toml"
        path.write_text(text)
        return path

    def mda(self) -> Mda:
        x = np.array([100.0, 200.0])
        detectors = (Detector(0, "zdet", "", "", np.array([1950, 1950], np.float32)), Detector(1, "x", "", "", x))
        axis = Positioner(0, "y", "", "", "", "", "", "", np.array([1.0, 2.0, 3.0]))
        line = Scan(1, "in", "", 2, 2, (), detectors)
        pvs = [ExtraPv("mono:E", "", 34, "", np.array([7112.0])), ExtraPv("stage:r", "", 30, "", np.array([12.5]))]
        outer = Scan(2, "out", "", 3, 3, (axis,), (), (), (line,) * 3)
        return Mda(1.4, 1, (3, 2), True, outer, {pv.name: pv for pv in pvs})

    def test_a_preset_of_the_user_takes_the_place_of_one_that_is_shipped(self) -> None:
        path = self.own()
        assert [named.path for named in list_presets()[0] if named.name == "velociprobe"] == [path]
        found = apply_preset(choose_preset(self.mda(), Path("velo_1.mda"))[0], self.mda())
        values = {name: value.value for name, value in found.values.items()}
        assert values["experiment.energy_eV"] == 7112 and values["experiment.distance_m"] == pytest.approx(1.95)
        assert values["experiment.detector_pixel_m"] == 55e-6 and values["preprocessing.size_px"] == 16
        assert found.facts["rotation angle"].startswith("12.5 degrees (PV stage:r)")
        np.testing.assert_allclose(found.positions_m[:, 0], -np.repeat([1e-6, 2e-6, 3e-6], 2))
        np.testing.assert_allclose(found.positions_m[:, 1], np.tile([1e-7, 2e-7], 3))

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('title = "Mine"', "title = ", "can't read the preset"),
            ("sign = -1", "sign = 2", r"rows\.sign: .*, not 2$"),
            ("sign = -1", "sighn = 1", r"rows\.sighn"),
            ("sign = -1", "sign = true", r"rows\.sign: a whole number is wanted, not true$"),
            ("sign = -1", "sign = -1.0", r"rows\.sign: a whole number is wanted, not -1\.0$"),
            ("pv_number = 2", "pv_number = true", r"angle\.pv_number: a whole number is wanted, not true$"),
            ("pv_number = 2", 'pvs = "stage:r"', r'angle\.pvs: a list is wanted, such as .*, not "stage:r"$'),
            ('value = "16"', "value = 16", r"constants\.size_px\.value: a text in quotes is wanted, not 16$"),
            ('source = "inner D2"', "", r"columns\.source: it is missing; add it$"),
            ('title = "Mine"', f"title = {'9' * 5000}", "can't read the preset"),
            ('unit = "nm"', 'unit = "parsec"', r'columns\.unit: .*, not "parsec"$'),
            ('unit = "eV"', 'unit = "mA"', r"is not right: energy\.unit is 'mA', .* energy; give eV, keV, MeV$"),
            ('unit = "eV"', 'unit = "kiloelectronvolt"', r"energy\.unit is 'kiloelectronvolt'"),
            ('unit = "eV"', "", r"energy\.unit is ''"),
        ],
    )
    def test_what_is_wrong_in_a_preset_is_named(self, old: str, new: str, said: str) -> None:
        path = self.own(self.OWN.replace(old, new))
        with pytest.raises(DataError, match=said) as caught:
            read_preset(path)
        assert str(path) in str(caught.value)
        found, problems = list_presets()
        assert problems == (str(caught.value),)
        assert "2-id-d" in [named.name for named in found] and path not in [named.path for named in found]
        with pytest.raises(DataError, match=said):
            choose_preset(self.mda(), Path("x.mda"), "velociprobe")
        assert choose_preset(self.mda(), Path("x.mda"))[1] == problems

    @pytest.mark.parametrize("first", ["true", '"1"', "1.0"])
    def test_a_first_file_is_a_whole_number(self, first: str) -> None:
        path = self.own(f"{self.OWN}[frames]\nfirst_file = {first}\n")
        with pytest.raises(DataError, match=rf"{path}.*frames\.first_file: a whole number is wanted, not {first}$"):
            read_preset(path)

    def test_a_preset_may_begin_with_a_mark_but_is_text_in_utf8(self) -> None:
        path = self.own()
        expected = read_preset(path)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert read_preset(path) == expected
        path.write_bytes(b'title = "\xe9"')
        with pytest.raises(DataError, match=rf"{path}: it is no text in UTF-8; save it as that"):
            read_preset(path)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("55 um", "55 parsec", r"constants\.detector_pixel_m: Detector pixel: '55 parsec'.*; give a number"),
            ("55 um", "-55 um", r"constants\.detector_pixel_m is '-55 um', but must be above 0"),
            ('value = "16"', 'value = "17"', r"constants\.size_px is '17', but must be a multiple of 2"),
            ("inner D2", "inner D9", r"wants 'inner D9', but loop in has no such column; there are D1 zdet, D2 x"),
            ("inner D2", "middle D9", "'middle D9' is no column"),
            ("size_px", "sise_px", r"constants\.sise_px is no parameter"),
            ("size_px", "first_file", r"constants\.first_file says how files are read, which belongs into \[frames\]"),
        ],
    )
    def test_what_a_file_has_not_is_named(self, old: str, new: str, said: str) -> None:
        path = self.own(self.OWN.replace(old, new))
        with pytest.raises((DataError, ParameterError), match=said) as caught:
            apply_preset(choose_preset(self.mda(), Path("velo_1.mda"))[0], self.mda())
        assert str(path) in str(caught.value) or "preset velociprobe" in str(caught.value)

    def test_the_users_own_goes_first_by_whatever_it_recognizes(self) -> None:
        path = self.own(self.OWN.replace('files = ["velo*"]', 'pvs = ["mono:*"]'), "mine")
        assert choose_preset(self.mda(), Path("velo_1.mda"))[0].path == path
        assert choose_preset(replace(self.mda(), pvs={}), Path("velo_1.mda"))[0].name == "velociprobe"

    @pytest.mark.parametrize("other", ['files = ["velo*"]', 'pvs = ["mono:*"]'])
    def test_of_two_that_recognize_a_file_it_is_said_which_is_used(self, other: str) -> None:
        self.own(name="night")
        self.own(self.OWN.replace('files = ["velo*"]', other), "again")
        used, left = ("again", "night") if "velo" in other else ("night", "again")
        named, notes = choose_preset(self.mda(), Path("velo_1.mda"))
        assert named.name == used
        assert notes == (f"preset {used} is used, but {left} recognizes the file as well; choose with --beamline",)
        assert choose_preset(self.mda(), Path("velo_1.mda"), left)[0].name == left
        assert choose_preset(replace(self.mda(), pvs={}), Path("2idd_1.mda"))[1] == ()
        self.own(name="third")
        (note,) = choose_preset(self.mda(), Path("velo_1.mda"))[1]
        assert "third recognize the file as well" in note and note.count(left) == 1

    def test_a_scan_says_which_other_preset_recognizes_it(self, tmp_path: Path) -> None:
        path, mine = tmp_path / "mda" / "velo_0012.mda", (paths.resources_folder() / "presets" / "velociprobe.toml")
        write_beamtime(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
        self.own(mine.read_text(), "night")
        with open_dataset(path) as scan:
            assert not any("as well" in note for note in scan.notes)
        self.own(mine.read_text(), "CON")
        with open_dataset(path) as scan:
            assert any("preset CON is used, but night recognizes the file as well" in note for note in scan.notes)

    def test_of_two_that_come_with_the_program_it_is_said_where_both_fit_alike(self) -> None:
        both = {name: ExtraPv(name, "", 30, "", np.array([0.0])) for name in ("2iddf:x", "2iddVELO:m10")}
        assert choose_preset(replace(self.mda(), pvs=both), Path("velo_1.mda"))[1] == ()
        named, (note,) = choose_preset(replace(self.mda(), pvs=both), Path("x.mda"))
        assert named.name == "2-id-d" and "but velociprobe recognizes the file as well" in note

    @pytest.mark.parametrize("odd", ["{scan.x}", "{scan:0999999999d}", "{scan!r}", "{0}", "{", "}", "{stem:99}"])
    def test_a_pattern_with_an_unknown_field_is_refused(self, odd: str) -> None:
        path = self.own(self.OWN + f'[frames]\npatterns = ["{odd}_#d.h5"]\n')
        with pytest.raises(DataError, match=r"frames\.patterns can hold .*; correct '") as caught:
            frame_patterns(Path("velo_1.mda"), read_preset(path), 1)
        assert str(path) in str(caught.value) and f"'{odd}_#d.h5'" in str(caught.value)

    def test_a_pattern_has_the_scans_name_and_number_and_any_brace_twice(self) -> None:
        named = read_preset(self.own(self.OWN + '[frames]\npatterns = ["{{{stem}}}/{scan}_{scan:03d}_{scan:3d}.h5"]\n'))
        assert frame_patterns(Path("velo_1.mda"), named, 7) == ["{velo_1}/7_007_  7.h5"]

    def test_a_number_of_a_billion_digits_is_none(self) -> None:
        assert not is_pattern("raw/scan_#0999999999d.h5") and is_pattern("raw/scan_#099d.h5")

    def test_a_name_that_no_preset_has_is_refused_with_those_there_are(self) -> None:
        assert choose_preset(self.mda(), Path("x.mda"), "Bionanoprobe, APS")[0].name == "bionanoprobe"
        with pytest.raises(DataError, match=r"'nope'; there are .*velociprobe"):
            choose_preset(self.mda(), Path("x.mda"), "nope")

    def test_every_value_of_the_shipped_presets_says_how_sure_it_is(self) -> None:
        for named in list_presets()[0]:
            preset = named.preset
            entries = [
                preset.energy,
                preset.angle,
                preset.rows,
                preset.columns,
                *preset.constants.values(),
                preset.frames,
            ]
            assert all(entry.note and entry.certainty for entry in entries if entry is not None), named.name


def test_real_scans_are_read_by_the_preset_that_fits(shared_data: Path) -> None:
    mda = read_mda(shared_data / "mda" / "2iddf_0106.mda")
    named, _ = choose_preset(mda, shared_data / "mda" / "2iddf_0106.mda")
    assert named.name == "2-id-d"
    scan = next(line for line in mda.scan.lines if line)
    with pytest.raises(DataError, match=r"'outer P1', but that is an angle, in degrees"):
        apply_preset(named, replace(mda, scan=scan, dims=mda.dims[1:]))
    stage = replace(scan.positioners[0], unit="mm")
    found = apply_preset(named, replace(mda, scan=replace(scan, positioners=(stage,)), dims=mda.dims[1:]))
    assert found.dims == (41, 21) and len(found.positions_m) == 41 * 21
    np.testing.assert_allclose(found.positions_m[:2, 1], [0.112187e-3, 0.113187e-3], rtol=1e-6)
