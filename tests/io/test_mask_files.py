"""Masks of every type and shape are read in both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.io.mask_files import mask_of
from ptychogui.io.readers import open_dataset
from tests.io.makers import DETECTOR, make_cxi

BAD = np.zeros((8, 8), bool)
BAD[2, 3] = BAD[7, :4] = True


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.uint32, np.float32, np.float64])
def test_a_mask_of_any_type_is_read_both_ways(tmp_path: Path, dtype: Any) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": BAD.astype(dtype)})) as dataset:
        np.testing.assert_array_equal(dataset.bad_pixels, BAD)
        np.testing.assert_array_equal(dataset.bad_if_inverted, ~BAD)
        assert not dataset.notes


@pytest.mark.parametrize("axes", [(5,), (1,), (2, 3)])
def test_a_pixel_that_is_bad_in_any_frame_is_bad_either_way(tmp_path: Path, axes: tuple[int, ...]) -> None:
    bad = np.broadcast_to(BAD, (*axes, 8, 8)).copy()
    bad[(0,) * len(axes)][5, 5] = True
    all_bad = BAD.copy()
    all_bad[5, 5] = True
    for name, mask in (("bad_pixels", bad), ("bad_if_inverted", ~bad)):
        path = make_cxi(tmp_path / f"{name}.cxi", {f"{DETECTOR}/mask": mask.astype(np.uint8)})
        with open_dataset(path) as dataset:
            np.testing.assert_array_equal(getattr(dataset, name), all_bad)


@pytest.mark.parametrize("good", [0.0, 1.0])
def test_a_pixel_whose_mask_is_no_number_is_bad(good: float) -> None:
    mask = mask_of([np.where(BAD, np.nan, good)])
    np.testing.assert_array_equal(mask.bad, BAD)
    np.testing.assert_array_equal(mask_of([np.where(BAD, np.nan, 1.0)]).inverted, BAD)


def test_numbers_say_more_than_what_is_none() -> None:
    values = np.where(BAD, 1.0, 0.0)
    values[4, 4] = np.nan
    expected = BAD.copy()
    expected[4, 4] = True
    np.testing.assert_array_equal(mask_of([values]).bad, expected)
    np.testing.assert_array_equal(mask_of([1 - values]).inverted, expected)


def test_a_mask_that_is_damaged_keeps_no_file_from_opening(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi")
    with h5py.File(path, "a") as file:
        data = file.create_dataset(f"{DETECTOR}/mask", data=BAD.astype("u1"), chunks=(8, 8), compression="gzip")
        offset, size = data.id.get_chunk_info(0).byte_offset, data.id.get_chunk_info(0).size
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff" * size)
    with open_dataset(path) as dataset:
        assert dataset.bad_pixels is None
        assert "can't be read" in dataset.notes[0] and "is ignored" in dataset.notes[0]
