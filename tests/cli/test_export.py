"""`ptychogui export`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.runs import FAST, refusal, run


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
