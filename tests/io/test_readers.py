"""Readers are found by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import Reader, open_dataset, readers, register, unregister
from ptychogui.io.result import write_result
from tests.io.makers import COUNTS, make_cxi, make_result


@pytest.fixture
def added() -> Iterator[Callable[[Reader], None]]:
    """Register readers for one test."""
    mine: list[Reader] = []

    def add(reader: Reader) -> None:
        register(reader)
        mine.append(reader)

    yield add
    for reader in mine:
        unregister(reader)


def reader(name: str, priority: int, supports: Callable[[Path], bool]) -> Reader:
    def open_it(path: Path, options: ReadOptions) -> Dataset:
        return Dataset(path, name, frames=None, frame_rows=np.arange(0), positions_m=None)  # type: ignore[arg-type]

    return Reader(name, f"{name} files", supports, open_it, priority)


def fail(_: Path) -> bool:
    raise ZeroDivisionError


def broken(path: Path) -> bool:
    raise DataError(f"{path} is mine but broken")


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "scan.txt")) as dataset:
        assert dataset.format == "CXI"


def test_unknown_content_lists_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.cxi"
    path.write_text("not a scan")
    with pytest.raises(DataError) as caught:
        open_dataset(path)
    assert str(path) in str(caught.value)
    assert all(known.content in str(caught.value) for known in readers())


def test_higher_priority_is_asked_first(tmp_path: Path, added: Callable[[Reader], None]) -> None:
    added(reader("low", -5, lambda path: True))
    added(reader("high", 50, lambda path: True))
    assert [known.name for known in readers()] == ["high", "CXI", "raw", "MDA", "low"]
    assert open_dataset(make_cxi(tmp_path / "a.cxi")).format == "high"


def test_a_failing_probe_leaves_the_file_to_others(tmp_path: Path, added: Callable[[Reader], None]) -> None:
    added(reader("failing", 50, fail))
    added(reader("broken", 40, broken))
    with open_dataset(make_cxi(tmp_path / "a.cxi")) as dataset:
        assert dataset.format == "CXI"


def test_the_reason_of_the_reader_that_knows_the_file_is_told(tmp_path: Path, added: Callable[[Reader], None]) -> None:
    added(reader("broken", 40, broken))
    path = tmp_path / "a.scan"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match="is mine but broken"):
        open_dataset(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        open_dataset(tmp_path / "absent.cxi")
    (tmp_path / "empty.cxi").touch()
    with pytest.raises(DataError, match="is empty"):
        open_dataset(tmp_path / "empty.cxi")


def test_a_result_is_no_scan(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result())
    with pytest.raises(DataError, match="is a reconstruction, not a scan"):
        open_dataset(tmp_path / "r.cxi")


def test_plain_hdf5_is_read_by_the_usual_place_of_frames_or_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = COUNTS
        file["other/frames"] = COUNTS[::-1]
    with open_dataset(path, ReadOptions(dataset_path="/other/frames")) as dataset:
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), COUNTS[::-1])
    with open_dataset(path) as dataset:
        assert dataset.format == "HDF5"
        assert dataset.positions_m is None
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), COUNTS)
