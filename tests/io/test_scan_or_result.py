"""A scan opens as a scan, a result as a result, and anything else says why it is no scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import takes_series
from ptychogui.io.result import Result, read_result
from ptychogui.io.scan_or_result import open_scan_or_result
from ptychogui.io.simulated import truth_path, write_scan
from ptychogui.physics.simulation import Recipe, simulate


def test_either_kind_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    scan = simulate(Recipe(n=64, detector_pixel_m=150e-6, scan_dims=(3, 3), probe_diameter_m=0.8e-6))
    path = tmp_path / "scan.cxi"
    write_scan(path, scan)
    opened = open_scan_or_result(path)
    assert isinstance(opened, Dataset)
    opened.close()
    assert isinstance(open_scan_or_result(truth_path(path)), Result)


def test_what_is_neither_says_why_it_is_no_scan(tmp_path: Path) -> None:
    (tmp_path / "text.cxi").write_text("notes")
    with pytest.raises(DataError, match=r"text\.cxi"):
        open_scan_or_result(tmp_path / "text.cxi")


@pytest.mark.parametrize("name", ["n" * 300, "text.cxi/under a file", "a\0b", "n" * 300 + "#03d.h5"])
def test_what_no_file_can_be_called_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.cxi").write_text("notes")
    assert takes_series(tmp_path / name) is ("#" in name)
    for read in (open_scan_or_result, read_result):
        with pytest.raises(DataError, match=r"can't open|no file|can't look"):
            read(tmp_path / name)
