"""A window of the tests' own: its settings and its simulated scan in a temporary folder, and nothing left behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QSettings
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.background import Background
from ptychogui.controllers.session import SessionController
from ptychogui.physics.simulation import Recipe
from ptychogui.views.shell.settings import WindowSettings

RECIPE = Recipe(n=64, scan_dims=(6, 6), outer_zone_m=80e-9)
"""A scan that is simulated and reconstructed in a moment."""


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def window_settings(settings: QSettings) -> WindowSettings:
    return WindowSettings(settings)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the window a queue of the test's own."""
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


@pytest.fixture
def session(background: Background) -> SessionController:
    return SessionController(background)


@pytest.fixture
def workstation(qtbot: QtBot, settings: QSettings, tmp_path: Path, home: Path) -> Iterator[Workstation]:
    made = Workstation(settings, tmp_path / "demo", RECIPE)
    made.window.show()
    yield made
    made.window.go()
    made.window.deleteLater()


@pytest.fixture(autouse=True)
def _nothing_left(qtbot: QtBot) -> Iterator[None]:
    """Fail a test that leaves a window or a thread."""
    threads = set(threading.enumerate())
    yield
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    shown = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    assert not shown, f"left on the screen: {shown}"
    left = {  # but for the threads that all raw files share
        thread for thread in set(threading.enumerate()) - threads
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith("unpack")
    }  # fmt: skip
    assert not left, f"still running: {left}"
