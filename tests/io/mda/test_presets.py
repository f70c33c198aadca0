"""Presets of beamlines: which one is chosen, and what is wrong in one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui import paths
from ptychogui.errors import DataError, ParameterError
from ptychogui.io.mda.apply_preset import apply_preset
from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan
from ptychogui.io.mda.mda_scan import frame_patterns
from ptychogui.io.mda.presets import choose_preset, list_presets, preset_folder, read_preset
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.readers import open_dataset
from tests.io.mda.makers import DIMS, frames, positions_m, shipped


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
        write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
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
