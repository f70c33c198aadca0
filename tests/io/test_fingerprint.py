"""Fingerprints: a change of what a reader looked at is noticed, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.io.fingerprint import Fingerprint, listed, looked_at, recorded
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import make_cxi, make_frames, make_rows


def test_nothing_is_never_current() -> None:
    assert not Fingerprint().is_current()


def test_what_is_looked_at_is_only_noted_while_it_is_recorded(tmp_path: Path) -> None:
    looked_at(tmp_path)
    with recorded() as recording:
        looked_at(tmp_path / "absent")
        listed(str(tmp_path / "*.h5"))
    assert [name for name, _ in recording.fingerprint().files] == [str(tmp_path / "absent")]
    assert len(recording.fingerprint().listings) == 1


def test_an_inner_recording_is_part_of_the_one_around_it(tmp_path: Path) -> None:
    with recorded() as outer:
        looked_at(tmp_path / "first")
        with recorded() as inner:
            looked_at(tmp_path / "second")
    assert [Path(name).name for name in inner.files] == ["second"]
    assert [Path(name).name for name in outer.files] == ["first", "second"]


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _replace(path: Path) -> None:
    state, data = path.stat(), path.read_bytes()
    other = path.with_suffix(".other")
    other.write_bytes(data)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [_grow, _touch, _replace, Path.unlink])
def test_a_changed_file_is_noticed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = make_cxi(tmp_path / "scan.cxi")
    with open_dataset(path) as dataset:
        known = dataset.without_frames()
    assert known.is_current
    (tmp_path / "result-001.cxi").touch()
    assert known.is_current
    change(path)
    assert not known.is_current


@pytest.mark.parametrize("number", [1, 3, 7], ids=["changed", "filled gap", "later one"])
def test_a_series_that_grows_is_noticed(tmp_path: Path, number: int) -> None:
    pattern = make_rows(tmp_path, {1: make_frames(4), 2: make_frames(4), 4: make_frames(4)})
    with open_dataset(pattern) as dataset:
        known = dataset.without_frames()
    (tmp_path / "scan_notes.txt").touch()
    assert known.is_current
    make_rows(tmp_path, {number: make_frames(5)})
    assert not known.is_current


def test_files_that_links_lead_to_are_looked_at(tmp_path: Path) -> None:
    raw = tmp_path / "raw.h5"
    with h5py.File(raw, "w") as file:
        file["data"] = make_frames(5, size=8)
    path = make_cxi(
        tmp_path / "scan.cxi", {"entry_1/instrument_1/detector_1/data": h5py.ExternalLink("raw.h5", "data")}
    )
    with open_dataset(path) as dataset:
        known = dataset.without_frames()
    assert known.is_current
    _touch(raw)
    assert not known.is_current


def test_a_missing_source_of_a_virtual_dataset_is_noticed_when_it_comes(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((4, 8, 8), np.uint16)
    for number in range(2):
        layout[2 * number : 2 * number + 2] = h5py.VirtualSource(f"part{number}.h5", "data", (2, 8, 8))
    with h5py.File(tmp_path / "part0.h5", "w") as file:
        file["data"] = make_frames(2, size=8)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    with open_dataset(tmp_path / "scan.h5", ReadOptions(dataset_path="/frames")) as dataset:
        known = dataset.without_frames()
    assert known.is_current
    with h5py.File(tmp_path / "part1.h5", "w") as file:
        file["data"] = make_frames(2, size=8)
    assert not known.is_current
