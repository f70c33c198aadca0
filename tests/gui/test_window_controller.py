"""What the window shows follows what session, demo and run announce."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PyQt5.QtCore import QObject, pyqtSignal
from pytestqt.qtbot import QtBot

from ptychogui.controllers.window import WindowController
from ptychogui.jobs.job import Progress
from ptychogui.window_state import WindowState

SCAN = SimpleNamespace(path=Path("a.cxi"), facts=("CXI",), notes=())
RESULT = SimpleNamespace(path=Path("a-001.cxi"), facts=("result",), errors=(5.0, 3.0), free_errors=(6.0, 4.0))


class Source(QObject):
    """The signals of session, demo and run."""

    runnableChanged, opening, openFailed = pyqtSignal(bool), pyqtSignal(str), pyqtSignal()
    scanOpened, resultOpened, failed = pyqtSignal(object), pyqtSignal(object), pyqtSignal()
    started, waiting, stopping = pyqtSignal(str, int), pyqtSignal(str), pyqtSignal()
    progress, ended = pyqtSignal(object), pyqtSignal(str, str, object)


@pytest.fixture
def source(qtbot: QtBot) -> Source:
    return Source()


@pytest.fixture
def controller(source: Any) -> WindowController:
    return WindowController(source, source, source)


@pytest.fixture
def shown(controller: WindowController) -> list[WindowState]:
    states: list[WindowState] = []
    controller.changed.connect(states.append)
    return states


def test_a_scan_from_its_file_to_the_card(source: Source, shown: list[WindowState]) -> None:
    source.opening.emit("Opening a.cxi")
    source.runnableChanged.emit(True)
    source.scanOpened.emit(SCAN)
    assert [state.card.facts for state in shown] == [("Opening a.cxi",), ("Opening a.cxi",), ("CXI",)]
    assert (shown[-1].title, shown[-1].may_run) == ("a.cxi — ptychogui", True)


@pytest.mark.parametrize("ending", ["openFailed", "failed"])
def test_the_scan_of_before_comes_back_where_another_can_not_be_opened(
    source: Source, shown: list[WindowState], ending: str
) -> None:
    source.scanOpened.emit(SCAN)
    source.opening.emit("Opening b.cxi")
    getattr(source, ending).emit()
    assert [state.card.path for state in shown] == [Path("a.cxi"), None, Path("a.cxi")]


def test_a_run_and_a_result(source: Source, shown: list[WindowState]) -> None:
    source.started.emit("a", 4)
    source.waiting.emit("Waiting for raw files")
    source.progress.emit(Progress("job", 1, 4, 2.0, 1.0, 0.0, math.nan))
    source.stopping.emit()
    source.ended.emit("Stopped", "done", None)
    source.resultOpened.emit(RESULT)
    texts = [state.strip.text for state in shown if state.strip]
    assert texts == [
        "Preparing a",
        "Waiting for raw files",
        "Running",
        "Stopping, the result is kept",
        "Stopped",
        "a-001",
    ]
    assert shown[-1].curve.points == ((1, 5.0), (2, 3.0))
    assert shown[-1].curve.free == ((1, 6.0), (2, 4.0))


def test_what_changes_nothing_is_not_announced(
    source: Source, controller: WindowController, shown: list[WindowState]
) -> None:
    source.runnableChanged.emit(False)
    controller.take_wrong([])
    assert shown == []
    controller.take_wrong(["Iterations: not a whole number"])
    assert "red" in shown[-1].run_hint
