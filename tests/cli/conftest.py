"""Scans that commands are given, and a window that does not open."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import simulate
from tests.cli.runs import SMALL


@pytest.fixture(scope="session")
def small_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a simulated scan that a reconstruction takes no time for."""
    return write_scan(tmp_path_factory.mktemp("scan") / "small.cxi", simulate(SMALL))[0]


@pytest.fixture
def scan(small_scan: Path, tmp_path: Path) -> Path:
    """Return a scan of the test's own, in the test's own folder."""
    return Path(shutil.copy(small_scan, tmp_path / "scan.cxi"))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Path], bool]]:
    """Record what the window would be opened with."""
    opened: list[tuple[list[Path], bool]] = []

    def open_window(files: list[Path], demo: bool = False, folder: Path | None = None) -> int:
        assert (folder is not None) == demo
        opened.append((files, demo))
        return 0

    monkeypatch.setitem(sys.modules, "ptychogui.app", SimpleNamespace(main=open_window))
    monkeypatch.setattr("ptychogui.app", SimpleNamespace(main=open_window), raising=False)
    return opened


@pytest.fixture
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the user's presets be none but those that the test makes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def mda_scan(tmp_path: Path) -> Path:
    """Write an MDA scan of the Velociprobe with its raw frames."""
    path = tmp_path / "mda" / "velo_0012.mda"
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    simulated = simulate(SMALL)
    write_mda_scan(path, named, simulated.counts, simulated.positions_m, SMALL.scan_dims, 8800.0)
    return path
