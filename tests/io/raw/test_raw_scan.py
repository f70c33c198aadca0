"""A series of files as a scan: what is there is read, what is missing, broken or still written is named."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.hdf5 import files as hdf5
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.inspection import inspect_file
from tests.io.makers import make_cxi, make_frames, make_rows
from tests.io.raw.makers import LZ4, lines, make_all, make_master, read, refuse, told


@pytest.mark.parametrize("packing", [{}, LZ4, dict(**hdf5plugin.Blosc()), {"compression": "gzip"}])
def test_a_series_is_one_stack(tmp_path: Path, packing: dict[str, Any]) -> None:
    pattern = make_rows(tmp_path, lines(3, 2, 4), **packing)
    with open_dataset(pattern) as dataset:
        assert dataset.frames.shape == (9, 16, 16)
        assert dataset.frames.dtype == np.uint16
        np.testing.assert_array_equal(dataset.frames.read([0, 2, 3, 8]), make_all(lines(3, 2, 4))[[0, 2, 3, 8]])
        assert [(file.number, file.first_row, file.frames) for file in dataset.files] == [
            (0, 0, 3),
            (1, 3, 2),
            (2, 5, 4),
        ]
        assert dataset.positions_m is None
    with pytest.raises(DataError, match="are closed"):
        dataset.frames.read([0])


def test_what_is_missing_or_broken_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2, 2, 2, first=5))
    (tmp_path / "scan_0006.h5").unlink()
    cut = tmp_path / "scan_0008.h5"
    cut.write_bytes(cut.read_bytes()[:3000])
    (tmp_path / "scan_0010.h5").touch()
    (tmp_path / "scan_0011.h5").write_text("no HDF5 file")
    make_rows(tmp_path, {12: make_frames(2, size=32)})
    with open_dataset(pattern, ReadOptions(first_file=5)) as dataset:
        assert told(dataset) == [0, 1, 4, 5, 8, 9]
        problems = {file.number: file.problem for file in dataset.files if file.problem}
    assert list(problems) == [6, 8, 10, 11, 12]
    assert problems[6] == "there is no file scan_0006.h5"
    assert "scan_0008.h5: the HDF5 file is cut off, only 3000 of its" in problems[8]
    assert problems[10] == "can't open scan_0010.h5: the file is empty"
    assert problems[11] == "can't open scan_0011.h5: it is not an HDF5 file"
    assert problems[12] == "scan_0012.h5 holds frames of 32 x 32 uint16, not 16 x 16 uint16 as most files"


def test_a_series_without_files_says_what_there_is(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, first=5))
    refuse(pattern, "the numbers go from 5 to 6: give --first-file 5", first_file=7)
    refuse(tmp_path / "other_#04d.h5", "no file there fits '.*other_#04d.h5'; correct the pattern")
    refuse(tmp_path / "no folder" / "a_#04d.h5", "no folder: no such file or directory")
    refuse(tmp_path / "scan_#04d.h5", "name one with --dataset-path", first_file=5, dataset_path="/nowhere")


def test_a_number_that_means_something_else_is_refused(tmp_path: Path) -> None:
    make_rows(tmp_path, lines(2))
    os.link(tmp_path / "scan_0000.h5", tmp_path / "scan_20261125.h5")
    refuse(tmp_path / "scan_#04d.h5", "have numbers up to 20261125, but only 2 are there")


def test_files_may_hold_single_frames(tmp_path: Path) -> None:
    for number in range(3):
        with h5py.File(tmp_path / f"p_{number}.h5", "w") as file:
            file["entry/data/data"] = make_frames(1, number)[0]
    with open_dataset(tmp_path / "p_#d.h5") as dataset:
        assert told(dataset) == [0, 1, 2]


@pytest.mark.parametrize("where", ["series", "master", "single"])
def test_a_missing_filter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    packing = dict(**hdf5plugin.LZ4())
    paths: dict[str, Path | str] = {
        "series": make_rows(tmp_path, lines(2, 2), **packing),
        "master": make_master(tmp_path, **packing),
        "single": tmp_path / "scan_0000.h5",
    }
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32004)
    with pytest.raises(DataError, match=r"is packed with the HDF5 filter 32004 \(.*lz4.*\), which is not installed; "):
        open_dataset(paths[where])


def test_a_file_that_another_program_writes_is_named(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2))
    writer = h5py.File(tmp_path / "scan_0001.h5", "r+")
    with open_dataset(pattern) as dataset:
        assert dataset.files[1].problem == (
            "can't open scan_0001.h5: another program is writing it; try again when it has finished"
        )
    writer.close()
    with open_dataset(pattern) as dataset:
        assert told(dataset) == list(range(6))


def test_reading_takes_no_lock_that_would_stop_a_detector(tmp_path: Path) -> None:
    path = tmp_path / "scan_0000.h5"
    make_rows(tmp_path, lines(2))
    assert can_be_locked(path)
    with hdf5.open_h5(path):
        assert can_be_locked(path)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert not can_be_locked(path)


def can_be_locked(path: Path) -> bool:
    """Whether a detector could lock a file, as HDF5 does to write it."""
    with path.open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_file_whose_writer_shares_it_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    script = (
        "import h5py, sys, numpy as np\n"
        f"file = h5py.File({str(path)!r}, 'w', libver='latest')\n"
        "how = {'maxshape': (None, 16, 16), 'chunks': (1, 16, 16)}\n"
        "data = file.create_dataset('entry/data/data', (0, 16, 16), 'u2', **how)\n"
        "file.swmr_mode = True\n"
        "data.resize(3, 0); data[:] = 7; data.flush()\n"
        "print('there', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"there\n"
        assert (read(path) == np.full((3, 16, 16), 7)).all()
        writer.communicate(b"")


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2))
    os.mkfifo(tmp_path / "scan_0002.h5")
    with open_dataset(pattern) as dataset:
        assert "no ordinary file" in dataset.files[2].problem
    refuse(tmp_path / "scan_0002.h5", "no ordinary file")


def test_a_file_that_changes_under_the_reader_is_named(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2))
    with open_dataset(pattern) as dataset:
        make_rows(tmp_path, {1: make_frames(1)})
        with pytest.raises(DataError, match=r"scan_0001\.h5 has changed since it was opened"):
            dataset.frames.read([0, 3])


def test_a_pattern_means_nothing_for_a_scan_that_holds_its_frames(tmp_path: Path) -> None:
    refuse(
        make_cxi(tmp_path / "a.cxi"), "holds the frames itself; leave out the pattern x_#d.h5", file_pattern="x_#d.h5"
    )


def test_info_says_what_a_series_is(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2, first=1), **LZ4)
    (tmp_path / "scan_0002.h5").unlink()
    entries, notes = inspect_file(Path(pattern), ReadOptions(first_file=1))
    texts = {entry.name: entry.text for entry in entries}
    assert texts["files"] == "2 of 3, scan_0001.h5 to scan_0003.h5"
    assert texts["compression"] == "bitshuffle-LZ4"
    assert texts["frames"] == "4 (uint16)"
    assert texts["frame size"] == "16 x 16 px"
    assert "there is no file scan_0002.h5" in notes
    _, notes = inspect_file(Path(pattern))
    assert [note for note in notes if "there is no file" in note] == ["there is no file scan_0002.h5"]
