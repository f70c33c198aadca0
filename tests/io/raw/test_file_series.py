"""Names of a series of files: what a pattern stands for, and what it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.raw.file_series import Pattern, is_pattern, scan_name
from tests.io.makers import make_frames
from tests.io.raw.makers import read


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("a b/scan_#04d.h5", 7, "a b/scan_0007.h5"),
        ("scan#d.tif", 12, "scan12.tif"),
        ("x_#6d.h5", 12, "x_    12.h5"),
        ("line#03d/frames.npy", 5, "line005/frames.npy"),
        ("100%_#02i.h5", 123, "100%_123.h5"),
    ],
)
def test_a_pattern_gives_names(text: str, number: int, name: str) -> None:
    assert is_pattern(text)
    assert Pattern.parse(text).path(number) == Path(name)


def test_a_pattern_finds_its_files_and_no_others(tmp_path: Path) -> None:
    for name in ("s_0001.h5", "s_0010.h5", "s_12345.h5", "s_002.h5", "s_0003.h5x", "t_0004.h5", "s_0005_a.h5"):
        (tmp_path / name).touch()
    assert Pattern.parse(str(tmp_path / "s_#04d.h5")).numbers() == [1, 10, 12345]
    for number in (1, 3):
        (tmp_path / f"line{number}").mkdir()
    (tmp_path / "line3" / "a.h5").touch()
    assert Pattern.parse(str(tmp_path / "line#d" / "a.h5")).numbers() == [3]


@pytest.mark.parametrize("text", ["scan.h5", "scan#.h5", "scan_#04d_#04d.h5"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="needs one '#'"):
        Pattern.parse(text)


def test_a_file_with_a_number_sign_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "scan#1d.npy"
    np.save(path, make_frames(3))
    assert not is_pattern(path)
    np.testing.assert_array_equal(read(path), make_frames(3))


@pytest.mark.parametrize(
    ("path", "name"),
    [("r/scan012_#04d.h5", "scan012"), ("r/#d.h5", "r"), ("r/a.cxi", "a"), ("s_#06d_data.h5", "s_data")],
)
def test_a_series_has_a_name_without_the_number(path: str, name: str) -> None:
    assert scan_name(Path(path)) == name
