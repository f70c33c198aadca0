"""What `ptychogui info` says about files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.mda.format import read_mda
from ptychogui.io.result import write_result
from ptychogui.jobs import inspection
from ptychogui.jobs.inspection import inspect_file
from ptychogui.physics.orientation import Orientation
from tests.io.makers import make_result
from tests.jobs.fakes import scan


def orientation_in(path: Path) -> list[str]:
    return [entry.text for entry in inspect_file(path)[0] if entry.name == "orientation"]


def test_a_result_says_how_frames_and_positions_were_turned(tmp_path: Path) -> None:
    path = tmp_path / "r.cxi"
    write_result(path, make_result(orientation=Orientation(transpose=True, mirror_columns=True)))
    assert orientation_in(path) == ["patterns (transposed), positions (columns mirrored)"]
    write_result(path, make_result(orientation=Orientation()))
    assert orientation_in(path) == ["as in the file"]
    write_result(path, make_result())
    assert orientation_in(path) == []


def test_a_scan_says_what_its_file_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(**values: Value) -> Dataset:
        plain = scan()
        return scan(values={**plain.values, **{f"preprocessing.{name}": value for name, value in values.items()}})

    monkeypatch.setattr(inspection, "open_scan_or_header", lambda _path, _options: opened())
    assert orientation_in(Path("scan.h5")) == []
    turned = opened(flip_rows=Value(True, "/flipped"))
    monkeypatch.setattr(inspection, "open_scan_or_header", lambda _path, _options: turned)
    assert orientation_in(Path("scan.h5")) == ["patterns (rows flipped)"]


@pytest.mark.parametrize(("name", "columns"), [("14BMC_0015.mda", 16), ("2iddf_0106.mda", None), ("sample1.mda", 2)])
def test_an_mda_file_that_no_preset_fits_says_what_it_is(shared_data: Path, name: str, columns: int | None) -> None:
    path = shared_data / "mda" / name
    entries, notes = inspect_file(path)
    mda, values = read_mda(path), {entry.name: entry.value for entry in entries}
    assert values["scan number"] == str(mda.number) and values["PVs"] == len(mda.pvs)
    assert values["dimensions"] == " x ".join(map(str, mda.dims))
    assert columns is None or values["columns"] == columns
    assert "--pvs lists all" in notes[-1]


def test_a_result_says_which_noise_model_it_came_to(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result(noise_model="poisson"))
    assert [entry.text for entry in inspect_file(tmp_path / "r.cxi")[0] if entry.name == "noise model"] == ["poisson"]
