"""`ptychogui export`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ptychogui.io.result import write_result
from tests.cli.runs import FAST, refusal, run
from tests.io.makers import make_result


class TestExport:
    def test_formats(self, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        run("reconstruct", scan, "-o", result, *FAST)
        assert {Path(line).suffix for line in run("export", result).stdout.split()} == {".png"}
        written = run("export", result, "--csv", "--tiff", "--tiff8", "--png", "-o", tmp_path / "out").stdout.split()
        assert {Path(line).suffix for line in written} == {".csv", ".tif", ".png"}
        assert all(Path(line).parent == tmp_path / "out" and Path(line).stat().st_size for line in written)

    def test_a_folder_that_is_a_file_is_refused(self, scan: Path, tmp_path: Path) -> None:
        run("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST)
        assert f"{scan} is a file; give a folder" in refusal("export", tmp_path / "r.cxi", "-o", scan)

    def test_a_scan_is_refused(self, scan: Path) -> None:
        assert "is not a reconstruction" in refusal("export", scan)

    def test_many_under_names_by_a_pattern_with_a_sheet(self, tmp_path: Path) -> None:
        results = [write_named(tmp_path / f"{name}.cxi", error) for name, error in (("a", 1.5), ("b", 2.5))]
        out, sheet = tmp_path / "out", tmp_path / "sheet.csv"
        run("export", *results, "--npy", "--tiff16", "-o", out, "--name", "{number}-{name}", "--sheet", sheet)
        ends = ("magnitude16.tif", "object.npy", "phase16.tif", "probe.npy")
        assert sorted(path.name for path in out.iterdir()) == [
            f"{name}_{end}" for name in ("1-a", "2-b") for end in ends
        ]
        lines = list(csv.DictReader(sheet.read_text().splitlines()))
        assert [(line["file"], line["error"]) for line in lines] == [(str(results[0]), "1.5"), (str(results[1]), "2.5")]

    def test_a_sheet_alone_writes_no_pictures(self, tmp_path: Path) -> None:
        result, sheet = write_named(tmp_path / "a.cxi", 1.5), tmp_path / "sheet.csv"
        assert run("export", result, "--sheet", sheet).stdout.split() == [str(sheet)]

    def test_a_pattern_that_names_nothing_is_refused(self, tmp_path: Path) -> None:
        result = write_named(tmp_path / "a.cxi", 1.5)
        assert "give a file's name with any of {name}" in refusal("export", result, "--name", "{color}")


def write_named(path: Path, error: float) -> Path:
    write_result(path, make_result(title=path.stem, errors=np.array([error])))
    return path
