"""What a preset makes of an MDA file: values and positions, and what is wrong with those it does not take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.mda.apply_preset import apply_preset
from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan, read_mda
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import Named, Quantity, choose_preset
from ptychogui.io.mda.scan_writer import write_mda_scan
from tests.io.mda.makers import DIMS, frames, line_scan, positions_m, shipped


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
    write_mda_scan(tmp_path / "mda" / "one_0001.mda", shipped("any"), frames(), positions_m(), DIMS, 8800.0)
    one = read_mda(tmp_path / "mda" / "one_0001.mda")
    angles = Positioner(0, "theta", "", "LINEAR", "degrees", "", "", "", np.arange(3.0))
    series = Scan(3, "tomo", "now", 3, 2, (angles,), (), (), (one.scan, one.scan, None))
    found = apply_preset(shipped("any"), replace(one, dims=(3, *DIMS), scan=series))
    np.testing.assert_allclose(found.positions_m, positions_m(), atol=1e-15)
    assert any("3 axes; the first of 2" in note for note in found.notes)


def test_the_unit_of_the_file_goes_before_that_of_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mda" / "velo_0001.mda"
    write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
    mda = read_mda(path)
    (axis,) = mda.scan.positioners
    in_mm = replace(mda.scan, positioners=(replace(axis, values=axis.values / 1000, readback_unit="mm"),))
    found = apply_preset(shipped("velociprobe"), replace(mda, scan=in_mm))
    np.testing.assert_allclose(found.positions_m, positions_m(), atol=1e-15)
    silent = replace(mda.scan, positioners=(replace(axis, readback_unit="", unit="counts"),))
    np.testing.assert_allclose(
        apply_preset(shipped("velociprobe"), replace(mda, scan=silent)).positions_m, positions_m()
    )


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
    write_mda_scan(path, shipped("velociprobe"), frames(), positions_m(), DIMS, 8800.0)
    mda = read_mda(path)
    column = Detector(0, "bl:energy", "", "keV", np.array(energies_keV))
    lines = replace(mda.scan, detectors=(column,))
    found = apply_preset(shipped("velociprobe"), replace(mda, scan=lines, pvs={}))
    value = found.values.get("experiment.energy_eV")
    assert (value and value.value) == (energy_eV and pytest.approx(energy_eV))
    assert any(note.startswith("the photon energy of column outer D1") and said in note for note in found.notes)


@pytest.mark.parametrize(("lines", "done", "count"), [(20, 20, 20), (20, 6, 20), (3, 2, 20), (20, 20, 8), (20, 6, 5)])
def test_steps_are_those_of_what_was_measured(lines: int, done: int, count: int) -> None:
    found = apply_preset(shipped("velociprobe"), line_scan(lines, done, [count] * lines))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))
    assert len(found.positions_m) == done * count and found.dims == (lines, 20)


@pytest.mark.parametrize("unit", ["microns", "Micron", "micrometers", " um "])
def test_units_in_words_are_understood(unit: str) -> None:
    found = apply_preset(shipped("2-id-d"), line_scan(3, 3, [20] * 3, unit))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))


@pytest.mark.parametrize("unit", ["deg", "degrees", "Deg", "mrad"])
def test_an_angle_is_no_position(unit: str) -> None:
    with pytest.raises(DataError, match=f"2-id-d wants positions from 'outer P1', but that is an angle, in {unit}"):
        apply_preset(shipped("2-id-d"), line_scan(3, 3, [20] * 3, unit))


def test_a_small_file_that_claims_a_huge_grid_is_refused() -> None:
    mda = line_scan(3, 3, [20] * 3)
    lines = tuple(replace(mda.scan.lines[0], requested=10**9) for _ in range(3) if mda.scan.lines[0])
    with pytest.raises(DataError, match="3 lines of up to 1000000000 points are more than"):
        apply_preset(shipped("any"), replace(mda, scan=replace(mda.scan, lines=lines)))


@pytest.mark.parametrize(
    ("unit", "value", "energy_eV"),
    [("keV", 8.8, 8800.0), ("eV", 8800.0, 8800.0), ("", 8.8, 8800.0), ("mA", 101.7, None), ("keV", np.inf, None)],
)
def test_an_energy_is_taken_only_from_what_can_be_one(unit: str, value: float, energy_eV: float | None) -> None:
    mda = line_scan(3, 3, [20] * 3)
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
    mda = replace(line_scan(2, 2, (3, 3)), pvs=pvs)
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
    return replace(named, preset=preset), replace(line_scan(2, 2, (3, 3)), pvs=pvs)


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


def test_a_unit_that_is_not_known_is_said() -> None:
    found = apply_preset(shipped("velociprobe"), line_scan(3, 3, [20] * 3, "steps"))
    assert found.values["experiment.step_m"].value == pytest.approx((0.2e-6, 0.3e-6))
    assert "'steps', the unit of outer P1, is not known; the preset's, um, is taken" in found.notes


def test_an_energy_that_is_none_gives_way_to_the_next_pv() -> None:
    pvs = [ExtraPv(name, "", 34, "keV", np.array([value])) for name, value in
           (("2idd:BraggEAO", 0.0), ("2idd:BraggERdbkAO", 8.8))]  # fmt: skip
    mda = replace(line_scan(3, 3, [20] * 3), pvs={pv.name: pv for pv in pvs})
    energy = apply_preset(shipped("velociprobe"), mda).values["experiment.energy_eV"]
    assert energy.value == pytest.approx(8800) and energy.place == "PV 2idd:BraggERdbkAO, a guess"


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
