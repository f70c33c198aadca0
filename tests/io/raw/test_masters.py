"""Masters of detectors: the files that their links and virtual datasets name are read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ptychogui.io.readers import open_dataset
from ptychogui.jobs.inspection import inspect_file
from tests.io.makers import make_frames
from tests.io.raw.makers import LZ4, lines, make_master, read, refuse, told


def test_a_master_leads_to_its_files(tmp_path: Path) -> None:
    master = make_master(tmp_path, **LZ4)
    with open_dataset(master) as dataset:
        assert dataset.format == "HDF5 master"
        assert told(dataset) == list(range(8))
        assert dataset.facts["compression"] == "bitshuffle-LZ4"
        assert [file.frames for file in dataset.files] == [3, 3, 2]


def test_a_link_to_a_missing_file_is_named(tmp_path: Path) -> None:
    master = make_master(tmp_path)
    (tmp_path / "m_data_000002.h5").unlink()
    with open_dataset(master) as dataset:
        assert told(dataset) == [0, 1, 2, 6, 7]
        assert dataset.files[1].problem == "there is no file m_data_000002.h5"
    _, notes = inspect_file(master)
    assert "there is no file m_data_000002.h5" in notes


def test_a_master_with_a_single_link_follows_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["raw"] = make_frames(3)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("d.h5", "/raw")
    np.testing.assert_array_equal(read(tmp_path / "m.h5"), make_frames(3))
    (tmp_path / "d.h5").unlink()
    refuse(tmp_path / "m.h5", "is a link to /raw in the file d.h5, which is not there")


def make_virtual(folder: Path, counts: tuple[int, ...] = (3, 3)) -> Path:
    layout = h5py.VirtualLayout((sum(counts), 16, 16), "u2")
    row = 0
    for number, frames in lines(*counts).items():
        with h5py.File(folder / f"v_{number}.h5", "w") as file:
            file["data"] = frames
        layout[row : row + len(frames)] = h5py.VirtualSource(f"v_{number}.h5", "data", frames.shape)
        row += len(frames)
    with h5py.File(folder / "virtual.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    return folder / "virtual.h5"


def test_a_virtual_stack_is_read_file_by_file(tmp_path: Path) -> None:
    path = make_virtual(tmp_path, (3, 2, 4))
    with open_dataset(path) as dataset:
        assert told(dataset) == list(range(9))
    (tmp_path / "v_1.h5").unlink()
    with open_dataset(path) as dataset:
        assert told(dataset) == [0, 1, 2, 5, 6, 7, 8]
        assert dataset.files[1].problem == "there is no file v_1.h5"
