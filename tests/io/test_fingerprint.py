"""Fingerprints: a change of what a reader looked at is noticed, and nothing else is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.io.dataset import Dataset
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


def _write_over(path: Path) -> None:
    """Change a byte, and hide that."""
    state = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _replace(path: Path) -> None:
    state, data = path.stat(), path.read_bytes()
    other = path.with_suffix(".other")
    other.write_bytes(data)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [_grow, _touch, _write_over, _replace, Path.unlink])
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


def test_a_series_of_folders_that_grows_into_one_that_was_there_is_noticed(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"line{number}").mkdir()
    for number in (1, 2):
        np.save(tmp_path / f"line{number}" / "frames.npy", make_frames(4))
    with open_dataset(tmp_path / "line#1d" / "frames.npy") as dataset:
        known = dataset.without_frames()
    assert known.is_current
    np.save(tmp_path / "line3" / "frames.npy", make_frames(4))
    assert not known.is_current


def test_a_file_that_changed_just_now_is_not_trusted_where_times_are_whole_seconds(tmp_path: Path) -> None:
    (tmp_path / "scan").touch()
    for age_s, is_current in ((0, False), (10, True)):
        now_s = int(time.time()) - age_s
        os.utime(tmp_path / "scan", (now_s, now_s))
        with recorded() as recording:
            looked_at(tmp_path / "scan")
        assert recording.fingerprint().is_current() is is_current


def test_a_relative_name_is_that_of_another_file_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        make_cxi(tmp_path / name / "scan.cxi")
    monkeypatch.chdir(tmp_path / "first")
    with open_dataset("scan.cxi") as dataset:
        known = dataset.without_frames()
    assert known.is_current
    monkeypatch.chdir(tmp_path / "second")
    assert not known.is_current


_MASK = "entry_1/instrument_1/detector_1/mask"


def _known_with_mask(folder: Path, target: str) -> Dataset:
    path = make_cxi(folder / "scan.cxi", {_MASK: h5py.ExternalLink(target, "mask")})
    with open_dataset(path) as dataset:
        return dataset.without_frames()


def _link(path: Path, target: str) -> None:
    with h5py.File(path, "w") as file:
        file["mask"] = h5py.ExternalLink(target, "mask")


def test_a_file_that_a_link_names_is_noticed_when_it_comes(tmp_path: Path) -> None:
    known = _known_with_mask(tmp_path, "mask.h5")
    assert known.is_current
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["mask"] = np.eye(8, dtype=np.uint32)
    assert not known.is_current


def test_a_link_on_the_way_that_leads_elsewhere_is_noticed(tmp_path: Path) -> None:
    for name in ("old.h5", "new.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["mask"] = np.eye(8, dtype=np.uint32)
    _link(tmp_path / "between.h5", "old.h5")
    known = _known_with_mask(tmp_path, "between.h5")
    assert known.is_current
    _link(tmp_path / "between.h5", "new.h5")
    assert not known.is_current


def test_raw_frames_behind_a_link_are_looked_at(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file["data"] = make_frames(5, size=8)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("frames.h5", "data")
    with open_dataset(tmp_path / "scan.h5") as dataset:
        known = dataset.without_frames()
    assert known.is_current
    _touch(tmp_path / "frames.h5")
    assert not known.is_current


def test_positions_in_another_file_by_a_virtual_dataset_are_looked_at(tmp_path: Path) -> None:
    positions = np.random.default_rng(1).random((5, 3)) * 1e-6
    with h5py.File(tmp_path / "stage.h5", "w") as file:
        file["positions"] = positions
    layout = h5py.VirtualLayout(positions.shape, positions.dtype)
    layout[:] = h5py.VirtualSource("stage.h5", "positions", positions.shape)
    with h5py.File(tmp_path / "scan.cxi", "w") as file:
        file["entry_1/data_1/data"] = make_frames(5, size=8)
        file.create_virtual_dataset("entry_1/sample_1/geometry_1/translation", layout)
    with open_dataset(tmp_path / "scan.cxi") as dataset:
        known = dataset.without_frames()
    assert known.is_current and known.positions_m is not None
    _touch(tmp_path / "stage.h5")
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
