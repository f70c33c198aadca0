"""`ptychogui gui` and `ptychogui demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.cli import gui
from ptychogui.io.result import read_result
from tests.cli.runs import SMALL, refusal, run


def test_without_a_display_no_window_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert "there is no display" in refusal("gui")


@pytest.fixture
def windows_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Open no window, but say by which way to the screen one would have been opened."""
    opened: list[str] = []

    def open_window(_files: list[Path]) -> int:
        opened.append(os.environ["QT_QPA_PLATFORM"])
        return 0

    monkeypatch.setattr(gui, "_open_window", open_window)
    monkeypatch.setenv("QT_QPA_PLATFORM", "wayland")
    monkeypatch.setenv("DISPLAY", ":7")
    return opened


def test_without_a_compositor_the_window_opens_by_x11(
    windows_opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        gui, "missing_display", lambda: "no compositor" if os.environ["QT_QPA_PLATFORM"] == "wayland" else ""
    )
    assert "no compositor; the window opens by X11" in run("gui").stderr
    assert windows_opened == ["xcb"]


def test_a_way_to_the_screen_that_is_none_is_one_line_and_no_abort(
    windows_opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gui, "_OPEN_A_WINDOW", "import sys; sys.exit('qt.qpa.wayland: no compositor')")
    assert "Qt can't open a window (wayland: no compositor), so no window can open" in refusal("gui")
    assert not windows_opened


class TestDemo:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gui, "Recipe", lambda: SMALL)
        monkeypatch.setattr(gui, "_DEMO_VALUES", {"reconstruction.iterations": (3, "demo")})

    def test_headless_leaves_result_and_picture(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        outcome = run("demo", "--headless", "-o", folder, "--quiet")
        assert (outcome.stdout, outcome.stderr) == (f"{folder / 'demo-result.cxi'}\n", "")
        assert read_result(folder / "demo-result.cxi").state == "done"
        assert any(path.suffix == ".png" for path in folder.iterdir())

    def test_without_a_display_it_says_so_and_runs_headless(self, tmp_path: Path) -> None:
        outcome = run("demo", "-o", tmp_path)
        assert outcome.stderr.splitlines()[0].endswith("so the demo runs without a window")
        assert outcome.stdout == f"{tmp_path / 'demo-result.cxi'}\n"

    def test_with_a_display_the_window_opens(
        self, windows: list[tuple[list[Path], bool]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gui, "missing_display", lambda: "")
        run("demo")
        assert windows == [([], True)]


def test_what_is_loaded_beside_the_trial_has_no_qt_in_it() -> None:
    """Qt takes the thread that loads it for the one that windows live in."""
    loads = f"import sys, {gui._LOADED_MEANWHILE}; sys.exit(any('Qt' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0
