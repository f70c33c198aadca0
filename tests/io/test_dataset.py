"""What is known of a scan without its frames: it can be kept and sent elsewhere, and gives the same frames again."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from ptychogui.errors import DataError
from ptychogui.io.in_memory import scan_of
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import COUNTS, make_cxi, make_frames, make_rows


def _npy(folder: Path) -> Path:
    np.save(folder / "frames.npy", make_frames(6))
    return folder / "frames.npy"


def _npz(folder: Path) -> Path:
    np.savez(folder / "frames.npz", frames=make_frames(6))
    return folder / "frames.npz"


def _tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "frames.tif", make_frames(6))
    return folder / "frames.tif"


def _cxi(folder: Path) -> Path:
    return make_cxi(folder / "scan.cxi")


def _hdf5(folder: Path) -> Path:
    with h5py.File(folder / "frames.h5", "w") as file:
        file.create_dataset("data", data=make_frames(6), chunks=(1, 16, 16), compression="gzip")
    return folder / "frames.h5"


def _series(folder: Path) -> Path:
    return Path(make_rows(folder, {1: make_frames(4), 2: make_frames(3, 4), 4: make_frames(4, 7)}))


def _master(folder: Path) -> Path:
    make_rows(folder, {1: make_frames(4), 2: make_frames(3, 4)})
    with h5py.File(folder / "scan_master.h5", "w") as file:
        for number in (1, 2):
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(f"scan_{number:04d}.h5", "/entry/data/data")
    return folder / "scan_master.h5"


def _linked(folder: Path) -> Path:
    """Make a scan whose frames are in another file, at a place where it has something else itself."""
    with h5py.File(folder / "raw.h5", "w") as file:
        file["run/frames"] = COUNTS
    link = h5py.ExternalLink("raw.h5", "run/frames")
    return make_cxi(folder / "scan.cxi", {"entry_1/instrument_1/detector_1/data": link, "run/frames": COUNTS + 1})


@pytest.mark.parametrize("make", [_npy, _npz, _tiff, _cxi, _linked, _hdf5, _series, _master])
def test_frames_come_again_in_another_place(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with open_dataset(make(tmp_path)) as dataset:
        rows = np.arange(dataset.frames.shape[0])
        frames = dataset.frames.read(rows)
        known = pickle.loads(pickle.dumps(dataset.without_frames()))
    assert known.is_current
    assert (known.frames.shape, known.frames.dtype) == (frames.shape, frames.dtype)
    with pytest.raises(DataError, match="closed"):
        known.frames.read([0])
    with known.with_frames() as again:
        np.testing.assert_array_equal(again.frames.read(rows), frames)
        np.testing.assert_array_equal(again.frame_rows, dataset.frame_rows)
        assert (again.values, again.notes, again.files) == (dataset.values, dataset.notes, dataset.files)


def test_a_file_that_went_is_said(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "scan.cxi")
    with open_dataset(path) as dataset:
        known = dataset.without_frames()
    path.unlink()
    assert not known.is_current
    with pytest.raises(DataError, match=r"scan\.cxi"):
        known.with_frames()


def test_a_scan_keeps_what_its_reader_was_told(tmp_path: Path) -> None:
    options = ReadOptions(dataset_path="/data")
    with open_dataset(_hdf5(tmp_path), options) as dataset:
        assert dataset.options == options


def test_a_scan_in_memory_is_nowhere_to_be_opened_again() -> None:
    dataset = scan_of(COUNTS)
    assert dataset.reopen is None
    assert not dataset.is_current
