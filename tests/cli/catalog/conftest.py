"""A result that a command has made, in a catalog of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runs import FAST, run


@pytest.fixture
def result(scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    (tmp_path / "out").mkdir()
    run("reconstruct", scan, "-o", tmp_path / "out" / "fly_12.cxi", *FAST, "--job-id", "fly_12")
    return tmp_path / "out" / "fly_12.cxi"
