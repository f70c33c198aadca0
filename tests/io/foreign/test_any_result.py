"""Headers of any result: read alone where it is ours, made of the whole where it is not."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from ptychogui.errors import DataError
from ptychogui.io.foreign import read_any_header
from ptychogui.io.result import write_result
from tests.io.foreign.makers import PIXEL_M, write_product
from tests.io.makers import make_result


def test_ours_is_read_as_it_is(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result(title="a"))
    header = read_any_header(tmp_path / "r.cxi")
    assert (header.program, header.title) == ("ptychogui", "a")


def test_of_another_program_all_is_there_that_it_says(tmp_path: Path) -> None:
    header = read_any_header(write_product(tmp_path / "p.h5"))
    assert (header.program, header.object_shape, header.probe_shape) == ("ptychodus", (20, 30), (2, 8, 8))
    assert (header.positions, header.object_pixel_m, header.state) == (4, PIXEL_M, None)
    assert header.thumbnail is not None
    assert header.thumbnail.shape == (20, 30, 3)
    assert header.made


def test_a_cxi_without_thumbnail_gets_one(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result())
    with h5py.File(tmp_path / "r.cxi", "a") as file:
        del file["entry_1/ptychogui"]
    assert read_any_header(tmp_path / "r.cxi").thumbnail is not None


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't open"):
        read_any_header(tmp_path / "absent.h5")
