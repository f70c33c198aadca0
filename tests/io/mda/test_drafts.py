from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.mda.drafts import Draft, begin_draft, pattern_for, preset_of, preview_draft, write_draft
from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan, read_mda
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import choose_preset, preset_folder, read_preset
from ptychogui.io.readers import open_dataset


def _mda() -> Mda:
    x = Positioner(0, "m1", "stage x", "FLY", "um", "m1.RBV", "where x is", "um", np.array([1.0, 2.0, 3.0]))
    line = Scan(
        1, "in", "", 3, 3, (x,),
        (Detector(0, "enc:x", "encoder", "nm", np.array([1100, 2100, 3100], np.float32)),),
    )  # fmt: skip
    y = Positioner(0, "m2", "stage y", "LINEAR", "mm", "", "", "", np.array([5.0, 6.0]))
    pvs = [
        ExtraPv("bl7:cy", "center", 34, "pixels", np.array([3.5])),
        ExtraPv("bl7:energy", "energy", 34, "keV", np.array([8.8])),
        ExtraPv("bl7:camera", "distance", 34, "", np.array([1950.0])),
    ]
    return Mda(1.4, 12, (2, 3), True, Scan(2, "out", "", 2, 2, (y,), (), (), (line, line)), {pv.name: pv for pv in pvs})


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "mda" / "fly0012.mda"
    path.parent.mkdir()
    write_mda(path, _mda())
    folder = tmp_path / "raw" / "fly0012"
    folder.mkdir(parents=True)
    for line in (1, 2):
        np.save(folder / f"fly0012_{line:05d}.npy", np.full((3, 8, 8), line, np.uint16))
    return path


def begun(scan: Path) -> tuple[Draft, Mda]:
    mda = read_mda(scan)
    return begin_draft(choose_preset(mda, scan)[0], mda, scan), mda


def test_pointing_at_values_and_a_raw_file_makes_a_preset_that_opens_the_scan(scan: Path) -> None:
    draft, mda = begun(scan)
    assert draft.name == "" and draft.files == "fly*" and draft.sources["rows"] == "outer P1"
    pattern = pattern_for(scan.parent.parent / "raw" / "fly0012" / "fly0012_00002.npy", scan, 12)
    assert pattern == "../raw/{stem}/{stem}_#05d.npy"
    draft = replace(
        draft,
        name="bl7",
        sources={**draft.sources, "energy": "bl7:energy", "distance": "bl7:camera", "columns": "inner D1",
                                 "detector_pixel": "55 um", "center_row": "bl7:cy", "center_column": "bl7:cy"},
        units={**draft.units, "distance": "mm"},
        signs={"rows": -1, "columns": 1},
        patterns=(pattern,),
        first_file=1,
    )  # fmt: skip
    tried = preview_draft(draft, mda, scan)
    assert tried.problems == ()
    assert tried.values["energy"] == "8.8 keV" and tried.values["distance"] == "1.95 m"
    assert tried.values["detector_pixel"] == "55 µm" and tried.values["columns"] == "1.1 µm to 3.1 µm"
    assert tried.values["center_row"] == "3.5 px"
    assert "2 files, 6 frames of 8 x 8 px" in tried.frames
    expected = [[-5e-3, 1.1e-6], [-5e-3, 2.1e-6], [-5e-3, 3.1e-6], [-6e-3, 1.1e-6], [-6e-3, 2.1e-6], [-6e-3, 3.1e-6]]
    assert tried.positions_m is not None
    np.testing.assert_allclose(tried.positions_m, expected)
    path = write_draft(draft, mda, scan)
    assert read_preset(path).preset == preset_of(draft, mda) and "#   inner D1" in path.read_text()
    with open_dataset(scan) as dataset:
        assert dataset.facts["beamline"].endswith("(preset bl7)") and dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, expected)
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows)[:, 0, 0], [1, 1, 1, 2, 2, 2])


def test_what_is_not_touched_stays_as_in_the_preset_that_it_began_with(scan: Path) -> None:
    mda = read_mda(scan)
    named = choose_preset(mda, scan, "velociprobe")[0]
    draft = replace(begin_draft(named, mda, scan), name="mine")
    made = preset_of(draft, mda)
    for name in ("energy", "rows", "columns", "angle", "constants", "frames"):
        assert getattr(made, name) == getattr(named.preset, name)
    assert made.title == "mine" and made.recognize.files == ("fly*",) and made.recognize.pvs == ()
    assert draft.sources["detector_pixel"] == "75 um"


def test_what_is_pointed_at_and_can_not_be_used_is_said(scan: Path) -> None:
    draft, mda = begun(scan)
    sources = {**draft.sources, "center_row": "bl7:cy", "center_column": "bl7:energy", "distance": "bl7:energy"}
    tried = preview_draft(replace(draft, sources=sources), mda, scan)
    assert [problem.split(" of PV ")[0] for problem in tried.problems] == [
        "the detector distance",
        "the pattern center's column",
        "the pattern center's row",
    ]
    sources = {**draft.sources, "center_row": "bl7:cy", "center_column": "bl7:camera"}
    tried = preview_draft(replace(draft, sources=sources, patterns=("../raw/{stem}/{stem}_#05d.npy",)), mda, scan)
    assert tried.problems == () and "(3.5, 1950), off the detector of 8 x 8 px, and is ignored" in tried.frames


def test_an_own_preset_is_changed_in_its_place(scan: Path) -> None:
    draft, mda = begun(scan)
    write_draft(replace(draft, name="bl7"), mda, scan)
    again, mda = begun(scan)
    assert again.name == "bl7" and again.named.path.parent == preset_folder()
    path = write_draft(replace(again, sources={**again.sources, "energy": "8.333 keV"}), mda, scan)
    assert path == again.named.path
    assert read_preset(path).preset.constants["energy_eV"].value == "8.333 keV"
    assert [one.name for one in preset_folder().iterdir()] == ["bl7.toml"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sources": {"rows": "outer P7"}}, "outer P7"),
        ({"sources": {"rows": "m2"}}, "'m2' is no column of a loop"),
        ({"units": {"energy": "mA"}, "sources": {"energy": "bl7:energy"}}, "energy.unit is 'mA'"),
        ({"patterns": ("../raw/{scn}_#04d.h5",)}, "patterns"),
        ({"signs": {"rows": 3}}, "rows"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said(scan: Path, changes: dict[str, object], problem: str) -> None:
    draft, mda = begun(scan)
    merged: dict[str, Any] = {
        name: {**getattr(draft, name), **value} if isinstance(value, dict) else value for name, value in changes.items()
    }
    tried = preview_draft(replace(draft, **merged), mda, scan)
    assert len(tried.problems) == 1 and problem in tried.problems[0]


@pytest.mark.parametrize("name", ["", "any", "my preset", "../x", ".hidden"])
def test_names_that_would_not_work_are_refused(scan: Path, name: str) -> None:
    draft, mda = begun(scan)
    with pytest.raises(OutputError, match=name.replace(".", r"\.") or "no name"):
        write_draft(replace(draft, name=name), mda, scan)
    assert not preset_folder().exists()


def test_a_draft_that_can_not_be_is_not_written(scan: Path) -> None:
    draft, mda = begun(scan)
    with pytest.raises(ParameterError, match=r"first_file"):
        write_draft(replace(draft, name="bl7", first_file=-1), mda, scan)
    assert not preset_folder().exists()


@pytest.mark.parametrize(
    ("file", "siblings", "pattern"),
    [
        ("ptycho/scan012/scan012_0001.h5", ("scan012_0041.h5",), "../ptycho/scan{scan:03d}/scan{scan:03d}_#04d.h5"),
        ("raw/12/line7.h5", ("line12.h5",), "../raw/{scan:02d}/line#d.h5"),
        ("raw/scan012_master.h5", (), "../raw/scan{scan:03d}_master.h5"),
        ("raw/fly0012_data_000003.h5", ("fly0012_data_000004.h5",), "../raw/{stem}_data_#06d.h5"),
        ("raw/fly0012_data_000003.h5", ("fly0013_data_000001.h5",), "../raw/{stem}_data_000003.h5"),
        ("raw/a{b}_003.tif", ("a{b}_004.tif",), "../raw/a{{b}}_#03d.tif"),
        ("raw/a{b}_003.tif", ("a{b}_004.h5", "b_004.tif"), "../raw/a{{b}}_003.tif"),
        ("raw/fly0012.h5", ("fly0012.h6", "fly0013.h5"), "../raw/{stem}.h5"),
        ("raw/scan0012.h5", ("scan0013.h5",), "../raw/scan{scan:04d}.h5"),
        ("raw/scan0012_0003.h5", ("scan0013_0003.h5",), "../raw/scan{scan:04d}_0003.h5"),
        ("raw/scan0012_0003.h5", ("scan0012_0004.h5", "scan0013_0003.h5"), "../raw/scan{scan:04d}_#04d.h5"),
        ("raw/l001_eiger500k.h5", ("l002_eiger500k.h5",), "../raw/l#03d_eiger500k.h5"),
        ("raw/012/l_0012.h5", ("l_0013.h5",), "../raw/{scan:03d}/l_#04d.h5"),
        ("raw/12/l_0998.h5", ("l_1000.h5", "l_10000.h5"), "../raw/{scan:02d}/l_#04d.h5"),
        ("raw/fly00123.h5", ("fly00124.h5",), "../raw/fly#05d.h5"),
        ("raw/frames.h5", (), "../raw/frames.h5"),
    ],
)
def test_a_raw_file_tells_the_pattern_of_all(
    tmp_path: Path, file: str, siblings: tuple[str, ...], pattern: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    for name in (path.name, *siblings):
        path.with_name(name).touch()
    assert pattern_for(path, tmp_path / "mda" / "fly0012.mda", 12) == pattern


def test_where_raw_files_were_looked_for_is_said(scan: Path) -> None:
    draft, mda = begun(scan)
    tried = preview_draft(replace(draft, patterns=("../nowhere/#04d.h5", "{stem}.h5")), mda, scan)
    folder = scan.parent.parent
    assert tried.frames.splitlines()[1:] == [f"{folder}/nowhere/#04d.h5", f"{folder}/mda/fly0012.h5"]
    assert not tried.has_frames and tried.problems == () and tried.positions_m is not None


def test_a_preset_is_not_written_with_names_that_it_cant_hold(scan: Path) -> None:
    draft, mda = begun(scan)
    draft = replace(draft, name="odd", patterns=(f"{os.fsdecode(b'raw_' + bytes([0xE9]))}/{{stem}}_#05d.npy",))
    with pytest.raises(ParameterError, match=r"a preset is UTF-8.* put '\?' in place"):
        write_draft(draft, mda, scan)
    assert not (preset_folder() / "odd.toml").exists()
