"""`ptychogui compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runs import FAST, refusal, run


@pytest.fixture
def two(scan: Path, tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.cxi", tmp_path / "b.cxi"
    for path, engine in zip(paths, ("dm", "epie"), strict=True):
        run("reconstruct", scan, "-o", path, *FAST, "--engine", engine)
    return paths


def test_figures_and_differences(two: tuple[Path, Path]) -> None:
    told = json.loads(run("compare", *two, "--json").stdout)
    assert 0 < told["aligned_error"] < 2
    assert told["resolution_m"] >= told["object_pixel_m"]
    assert told["one_bit_resolution_m"] >= told["resolution_m"]
    assert len(told["frc"]["correlation"]) == len(told["frc"]["half_bit"]) == len(told["frc"]["one_bit"])
    assert {one["path"] for one in told["differences"]} >= {"reconstruction.engine"}
    assert "same measurement" in told["notes"][-1]
    text = run("compare", *two).stdout
    assert "aligned error" in text
    assert "reconstruction.engine" in text


def test_a_result_is_as_its_copy(two: tuple[Path, Path]) -> None:
    told = json.loads(run("compare", two[0], two[0], "--json").stdout)
    assert told["aligned_error"] < 1e-6
    assert (told["differences"], told["resolution_m"]) == ([], told["object_pixel_m"])
    assert "it may be better" in run("compare", two[0], two[0]).stdout


def test_a_scan_is_refused(two: tuple[Path, Path], scan: Path) -> None:
    assert "not a reconstruction" in refusal("compare", two[0], scan)
