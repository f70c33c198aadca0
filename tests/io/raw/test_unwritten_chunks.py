"""Frames, and parts of frames, that have room in a file but were never written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.io.raw.hdf5_frames import Hdf5Frames
from ptychogui.io.raw.unwritten_chunks import Unwritten
from ptychogui.io.readers import open_dataset
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.frames import Patterns, prepare_frames

COUNTS = np.random.default_rng(0).poisson(20, (6, 16, 24)).astype(np.uint16) + 1


def patterns_of(path: Path) -> Patterns:
    with h5py.File(path) as file:
        return prepare_frames(Hdf5Frames(path, file["data"]), np.arange(6), None, Preprocessing(size_px=16))


def read(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with h5py.File(path) as file:
        frames = Hdf5Frames(path, file["data"])
        return frames.read(np.arange(6)), frames.notes


def make(path: Path, chunks: Any, dtype: Any = np.uint16, fillvalue: Any = None, absent: Any = None) -> Path:
    """Write all frames but 2, or all but what is absent, of a stack with room for 6."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", COUNTS.shape, dtype, chunks=chunks, fillvalue=fillvalue)
        if absent is None:
            for row in (0, 1, 3, 4, 5):
                data[row] = COUNTS[row]
        else:
            for row in range(6):
                for place in (np.s_[row, :8, :8], np.s_[row, 8:, :8], np.s_[row, :8, 8:], np.s_[row, 8:, 8:]):
                    if place != absent:
                        data[place] = COUNTS[place]
    return path


@pytest.mark.parametrize("chunks", [(1, 16, 24), (1, 8, 8)])
@pytest.mark.parametrize(("dtype", "fill"), [(np.uint16, 7), (np.uint32, 65535), (np.int32, 9), (np.float32, 1e9),
                                             (np.uint16, None), (np.int32, -1), (np.float32, np.nan)])  # fmt: skip
def test_a_frame_that_was_never_written_is_free(tmp_path: Path, chunks: Any, dtype: Any, fill: Any) -> None:
    patterns = patterns_of(make(tmp_path / "s.h5", chunks, dtype, fill))
    assert patterns.counts[2] == 0
    assert patterns.free_pixels == 16 * 16 == 256
    assert (patterns.counts[[0, 1, 3, 4, 5]] == COUNTS[[0, 1, 3, 4, 5], :, 4:20].sum(axis=(1, 2))).all()


@pytest.mark.parametrize(("dtype", "fill"), [(np.uint16, 7), (np.uint32, None), (np.int16, 3), (np.float64, 12)])
def test_a_part_that_was_never_written_is_free(tmp_path: Path, dtype: Any, fill: Any) -> None:
    path = make(tmp_path / "s.h5", (1, 8, 8), dtype, fill, absent=np.s_[3, 8:, :8])
    frames, notes = read(path)
    expected = COUNTS.astype(dtype)
    expected[3, 8:, :8] = np.nan if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    np.testing.assert_array_equal(frames, expected)
    assert notes == ("parts of frames of /data were never written and are left free: 1 chunk",)
    assert patterns_of(path).free_pixels == 8 * 4


def test_what_was_never_written_is_said_of_single_files_and_of_series(tmp_path: Path) -> None:
    note = "parts of frames of /data were never written and are left free: 1 chunk"
    paths = [make(tmp_path / f"s_{number}.h5", (1, 8, 8), absent=np.s_[3, 8:, :8]) for number in range(3)]
    for source, said in ((paths[0], note), (tmp_path / "s_#d.h5", f"s_0.h5: {note}; so are 2 others")):
        with open_dataset(source) as dataset:
            assert said in dataset.notes


def test_a_contiguous_stack_with_a_fill_value(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    filled = COUNTS.copy()
    filled[4] = 11
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=filled, fillvalue=11)
    frames, notes = read(path)
    assert (frames[4] == 0).all() and (frames[:4] == COUNTS[:4]).all() and notes == ()


def test_a_virtual_stack_with_a_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["data"] = COUNTS[:5]
    layout = h5py.VirtualLayout((6, 16, 24), np.uint16)
    layout[:5] = h5py.VirtualSource(tmp_path / "part.h5", "data", (5, 16, 24))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_virtual_dataset("data", layout, fillvalue=9999)
    frames, _ = read(tmp_path / "s.h5")
    assert (frames[5] == 0).all() and (frames[:5] == COUNTS[:5]).all()


@pytest.mark.parametrize("chunks", [None, (1, 16, 24), (2, 16, 24), (1, 8, 8), (3, 16, 12)])
def test_a_whole_stack_is_not_looked_at(tmp_path: Path, chunks: Any) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        data = file.create_dataset("data", data=COUNTS, chunks=chunks)
        assert Unwritten.of(data) is None
