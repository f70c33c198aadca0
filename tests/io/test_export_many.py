"""Exports of many results: each format holds what the result does, and no two results write one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.export_many import FORMATS, export_results
from ptychogui.io.result import write_result
from tests.io.makers import make_result


@pytest.fixture
def results(tmp_path: Path) -> list[Path]:
    made = []
    for name in ("a", "b"):
        made.append(tmp_path / name / "scan.cxi")
        made[-1].parent.mkdir()
        write_result(made[-1], make_result(title=name))
    return made


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_writes_what_it_tells(results: list[Path], tmp_path: Path, kind: str) -> None:
    told: list[Path] = []
    written = export_results(results[:1], [kind], tmp_path / "out", tell=told.append)
    assert told == list(written)
    assert sorted(written) == sorted((tmp_path / "out").iterdir())


def test_results_of_one_name_get_files_of_their_own(results: list[Path], tmp_path: Path) -> None:
    written = export_results(results, ["npy"], tmp_path / "out")
    assert {path.name for path in written} == {
        "scan_object.npy", "scan_probe.npy", "scan_2_object.npy", "scan_2_probe.npy"
    }  # fmt: skip
    assert np.array_equal(np.load(tmp_path / "out" / "scan_object.npy"), make_result().object)


def test_a_tiff_of_16_bit_has_its_limits_and_its_pixel(results: list[Path], tmp_path: Path) -> None:
    export_results(results[:1], ["tiff16"], tmp_path)
    with tifffile.TiffFile(tmp_path / "scan_phase16.tif") as file:
        page = file.pages[0]
        facts = json.loads(page.description)
        assert page.dtype == np.uint16
        assert facts["pixel_size_m"] == make_result().object_pixel_m and facts["black"] < facts["white"]


@pytest.mark.parametrize("pattern", ["", "a/b", "{color}", "{name", "{number:%}x{"])
def test_a_pattern_that_gives_no_name_is_refused(results: list[Path], pattern: str) -> None:
    with pytest.raises(ParameterError, match="the pattern"):
        export_results(results, ["npy"], pattern=pattern)


def test_a_folder_that_is_a_file_is_refused(results: list[Path]) -> None:
    with pytest.raises(OutputError, match="is a file; give a folder"):
        export_results(results, ["npy"], results[0])
