"""The header of a result: all that is said of it, whoever wrote the file, without its arrays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui import __version__
from ptychogui.errors import DataError
from ptychogui.io.result import read_result, write_result
from ptychogui.io.result_header import OWN, ResultFacts, SourceFile, read_header, read_positions_m
from ptychogui.physics.orientation import Orientation
from ptychogui.states import State
from tests.io.makers import make_cxi, make_result


def other_program(path: Path, changes: dict[str, Any] | None = None) -> Path:
    """Write a result as another CXI program would, with what is not given left out."""
    content = {"image_1/data": np.ones((8, 8), np.complex128), "image_2/data": np.ones((1, 20, 24), np.complex128)}
    with h5py.File(path, "w") as file:
        for place, value in (content | (changes or {})).items():
            if value is not None:
                file[f"entry_1/{place}"] = value
    return path


def test_it_says_what_the_whole_result_says(tmp_path: Path) -> None:
    raw = tmp_path / "raw.h5"
    raw.touch()
    result = make_result(
        parameters='{"schema": 1}', errors=np.array([3.0, 1.5]), sources=(SourceFile.of(raw),), device="cpu",
        timing_s={"prepare": 0.5, "iterate": 12.0}, command="ptychogui", started="2024-05-01T10:00:00+00:00",
        finished="2024-05-01T10:01:00+00:00", state=State.STOPPED, title="scan 12", notes=("slow",),
        recipe='{"n": 64}', orientation=Orientation(rotate90=1),
    )  # fmt: skip
    write_result(tmp_path / "r.cxi", result)
    header, whole = read_header(tmp_path / "r.cxi"), read_result(tmp_path / "r.cxi")
    for item in dataclasses.fields(ResultFacts):
        np.testing.assert_array_equal(getattr(header, item.name), getattr(whole, item.name), err_msg=item.name)
    assert (header.object_shape, header.probe_shape, header.positions) == ((20, 24), (3, 8, 8), 6)
    assert (header.program, header.version, header.made) == ("ptychogui", __version__, result.finished)
    assert (header.state, header.took_s) == (State.STOPPED, 12.5)
    assert header.thumbnail is not None and header.thumbnail.shape == (20, 24, 3)
    np.testing.assert_array_equal(read_positions_m(tmp_path / "r.cxi"), result.positions_m)


def test_a_result_with_layers_has_them_in_its_shape(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result(object=np.ones((2, 20, 24), np.complex64)))
    assert read_header(tmp_path / "r.cxi").object_shape == (2, 20, 24)


def test_what_another_program_does_not_say_is_unknown(tmp_path: Path) -> None:
    header = read_header(other_program(tmp_path / "r.cxi"))
    assert (header.object_shape, header.probe_shape, header.positions) == ((20, 24), (1, 8, 8), 0)
    texts = (header.parameters, header.device, header.command, header.title, header.program, header.made)
    assert texts == ("",) * len(texts)
    assert (header.sources, header.notes, dict(header.timing_s), dict(header.versions)) == ((), (), {}, {})
    unknown = (header.state, header.took_s, header.thumbnail, header.orientation, header.object_origin_m)
    assert unknown == (None,) * len(unknown)
    assert (header.object_pixel_m, header.energy_eV, len(header.errors)) == (0.0, 0.0, 0)


def test_what_another_program_says_is_taken(tmp_path: Path) -> None:
    said = {
        "image_2/image_size": [24e-8, 20e-8, 0.0], "data_1/translation": np.zeros((5, 3)), "title": b"cells",
        "process_1/program": "any", "end_time": "2020-02-02", "instrument_1/detector_1/distance": [1.5],
        "instrument_1/detector_1/x_pixel_size": h5py.Empty("f8"), "process_1/version": 3,
    }  # fmt: skip
    header = read_header(other_program(tmp_path / "r.cxi", said))
    assert header.object_pixel_m == pytest.approx(1e-8)
    assert (header.positions, header.distance_m, header.detector_pixel_m) == (5, 1.5, None)
    assert (header.title, header.program, header.version, header.made) == ("cells", "any", "", "2020-02-02")


@pytest.mark.parametrize("absent", ["timing_s", "notes", "state", "sources", "thumbnail", "versions", "orientation"])
def test_files_of_older_versions_lack_some_of_it(tmp_path: Path, absent: str) -> None:
    write_result(tmp_path / "r.cxi", make_result(orientation=Orientation()))
    with h5py.File(tmp_path / "r.cxi", "r+") as file:
        del file[f"{OWN}/{absent}"]
    header = read_header(tmp_path / "r.cxi")
    assert header.object_shape == (20, 24) and not getattr(header, absent)


def test_a_state_of_a_later_version_is_none_that_is_known(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result())
    with h5py.File(tmp_path / "r.cxi", "r+") as file:
        del file[f"{OWN}/state"]
        file[f"{OWN}/state"] = "archived"
    assert read_header(tmp_path / "r.cxi").state is read_result(tmp_path / "r.cxi").state is None


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("sources", "[3]"), ("sources", '[{"path": "a"}]'), ("notes", "3"), ("timing_s", "{"), ("orientation", "3"),
        ("object_origin_m", 3.0), ("object_pixel_m", "wide"), ("object_pixel_m", np.zeros(0)),
    ],
)  # fmt: skip
def test_a_header_that_makes_no_sense_is_refused(tmp_path: Path, place: str, content: Any) -> None:
    path = other_program(tmp_path / "r.cxi", {f"ptychogui/{place}": content})
    for read in (read_header, read_result):
        with pytest.raises(DataError, match="can't be read"):
            read(path)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a reconstruction: it has no /entry_1/image_2/data and no"):
        read_header(make_cxi(tmp_path / "scan.cxi"))
    with pytest.raises(DataError, match="it has no /entry_1/image_1/data"):
        read_header(other_program(tmp_path / "half.cxi", {"image_1/data": None}))
    with pytest.raises(DataError, match="it has no /entry_1/image_2/data"):
        read_header(other_program(tmp_path / "group.cxi", {"image_2/data": None, "image_2/data/deeper": 1}))
    with pytest.raises(DataError, match="should have two or three axes"):
        read_header(other_program(tmp_path / "flat.cxi", {"image_2/data": np.ones(4)}))
    with pytest.raises(DataError, match="there is no such file"):
        read_header(tmp_path / "absent.cxi")
    (tmp_path / "text.cxi").write_text(json.dumps({}))
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_header(tmp_path / "text.cxi")


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_file_cut_off_is_refused(tmp_path: Path, part: float) -> None:
    path = tmp_path / "r.cxi"
    write_result(path, make_result())
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="can't open"):
        read_header(path)


def test_any_damaged_byte_gives_a_header_or_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r.cxi"
    write_result(path, make_result(notes=("slow",), orientation=Orientation()))
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(0, len(content), 150):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_header(path)
        except DataError as error:
            assert str(path) in str(error)


def test_where_only_ptychodus_says_where_the_object_lies(tmp_path: Path) -> None:
    """As in the CXI files that it writes itself."""
    result = make_result(errors=np.array([2.0, 1.0]))
    write_result(tmp_path / "r.cxi", result)
    with h5py.File(tmp_path / "r.cxi", "a") as file:
        del file["entry_1/ptychogui"]
    header = read_header(tmp_path / "r.cxi")
    assert header.object_origin_m == pytest.approx(result.object_origin_m)
    assert list(header.errors) == [2, 1]
