from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import OutputError
from ptychogui.io.mda.apply_preset import apply_preset
from ptychogui.io.mda.contents import items_of, write_skeleton
from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan
from ptychogui.io.mda.presets import choose_preset, list_presets, preset_folder, read_preset


def _mda() -> Mda:
    x = Positioner(0, "m1", "stage x", "FLY", "um", "m1.RBV", "where x is", "um", np.array([1.0, 2.0, 0.0]))
    line = Scan(1, "in", "", 3, 2, (x,), (Detector(0, "ring", "current", "mA", np.full(3, 102, np.float32)),))
    y = Positioner(0, "m2", "stage y", "LINEAR", "mm", "", "", "", np.array([5.0, 6.0]))
    pvs = [
        ExtraPv("mono:BraggEAO", "energy", 34, "keV", np.array([8.8])),
        ExtraPv("note", 'evil "\n\x07', 0, "", "a\nb"),
    ]
    return Mda(1.4, 7, (2, 3), True, Scan(2, "out", "", 2, 2, (y,), (), (), (line, line)), {pv.name: pv for pv in pvs})


def test_all_pvs_and_columns_are_listed_with_their_places() -> None:
    found = {(item.place, item.name): (item.value, item.unit) for item in items_of(_mda())}
    assert found == {
        ("PV", "mono:BraggEAO"): ("8.8", "keV"),
        ("PV", "note"): ("'a\\nb'", ""),
        ("outer P1", "m2"): ("5 to 6", "mm"),
        ("inner P1", "m1.RBV"): ("1 to 2", "um"),
        ("inner D1", "ring"): ("102 to 102", "mA"),
    }


def test_a_preset_to_begin_with_works_as_it_is_written() -> None:
    path = write_skeleton("mine", Path("run_0007.mda"), _mda())
    assert path == preset_folder() / "mine.toml" and "#   inner D1" in path.read_text()
    named = read_preset(path)
    assert named in list_presets()[0]
    assert named.preset.recognize.files == ("run_*",)
    found = apply_preset(named, _mda())
    np.testing.assert_allclose(found.positions_m, [[5e-3, 1e-6], [5e-3, 2e-6], [6e-3, 1e-6], [6e-3, 2e-6]])
    assert found.values["experiment.energy_eV"].value == pytest.approx(8800)


def test_what_nobody_has_looked_at_yet_is_a_guess_as_in_the_presets_that_are_shipped() -> None:
    named = read_preset(write_skeleton("mine", Path("run_0007.mda"), _mda()))
    preset = named.preset
    assert preset.energy is not None
    assert preset.guesses == ["energy", "rows", "columns", "frames"]
    assert all(entry.note for entry in (preset.energy, preset.rows, preset.columns, preset.frames))
    found = apply_preset(named, _mda())
    assert all(found.values[f"experiment.{name}"].place.endswith("a guess") for name in ("energy_eV", "step_m"))


def test_a_preset_to_begin_with_fits_a_scan_of_one_loop() -> None:
    at = [np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 50.0])]
    axes = tuple(Positioner(i, f"m{i}", "", "", "um", "", "", "", values) for i, values in enumerate(at))
    flat = Mda(1.4, 7, (3,), True, Scan(1, "spiral", "", 3, 3, axes, ()))
    found = apply_preset(read_preset(write_skeleton("flat", Path("run_0007.mda"), flat)), flat)
    np.testing.assert_allclose(found.positions_m, np.stack([at[1], at[0]], axis=1) * 1e-6)


@pytest.mark.parametrize("stem", ['my"scan_', "run[1]_", "back\\slash_", "line\nbreak_", os.fsdecode(b"\xe9_")])
def test_a_preset_to_begin_with_recognizes_its_file_whatever_that_is_called(stem: str) -> None:
    named = read_preset(write_skeleton("odd", Path(f"{stem}0012.mda"), _mda()))
    assert choose_preset(replace(_mda(), pvs={}), Path(f"{stem}0013.mda"))[0] == named


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    pv = ExtraPv("a\x1b[2J", "b\nc", 0, "", "d\x07")
    item = items_of(Mda(1.4, 7, (3,), True, Scan(1, "", "", 0, 0, (), ()), {pv.name: pv}))[0]
    assert (item.name, item.description, item.value) == ("a [2J", "b c", "'d\\x07'")


def test_a_preset_is_never_replaced_and_never_lies_elsewhere() -> None:
    before = write_skeleton("mine", Path("run_0007.mda"), _mda()).read_bytes()
    with pytest.raises(OutputError, match="already"):
        write_skeleton("mine", Path("other_0001.mda"), _mda())
    assert (preset_folder() / "mine.toml").read_bytes() == before
    for name in ("", "../mine", "a/b", ".hidden", 'quo"te'):
        with pytest.raises(OutputError, match="no name for a preset"):
            write_skeleton(name, Path("run_0007.mda"), _mda())
    for name in ("any", "Any"):
        with pytest.raises(OutputError, match=f"'{name}' is what is taken where no preset recognizes a file"):
            write_skeleton(name, Path("run_0007.mda"), _mda())
    assert [path.name for path in preset_folder().iterdir()] == ["mine.toml"]
