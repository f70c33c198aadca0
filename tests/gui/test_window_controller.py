"""What the window shows follows what session, demo, queue and the job that is shown announce."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PyQt5.QtCore import QObject, pyqtSignal
from pytestqt.qtbot import QtBot

from ptychogui.controllers.window import WindowController
from ptychogui.queue_state import JobRow, QueueState
from ptychogui.session_state import Obstacle, SessionState
from ptychogui.states import State
from ptychogui.window_state import RunState, WindowState, window_state

SCAN = SimpleNamespace(path=Path("a.cxi"), facts=("CXI",), notes=())
PAUSED = JobRow(7, "a", State.PAUSED, "paused", "", 0.5, frozenset({"resume", "step", "log"}))
QUEUED = JobRow(8, "b", State.QUEUED, "queued", "", -1.0, frozenset({"hold", "remove", "log"}))


class Source(QObject):
    """The signals of session, demo, queue and the job that is shown."""

    runnableChanged, opening, openFailed = pyqtSignal(bool), pyqtSignal(str), pyqtSignal()
    scanOpened, resultOpened, failed = pyqtSignal(object), pyqtSignal(object), pyqtSignal()
    scanClosed, missingChanged, historyChanged = pyqtSignal(), pyqtSignal(object), pyqtSignal(str, str)
    changed, shown, chosen, followed = pyqtSignal(object), pyqtSignal(object), pyqtSignal(object), pyqtSignal(bool)


@pytest.fixture
def source(qtbot: QtBot) -> Source:
    return Source()


@pytest.fixture
def controller(source: Any) -> WindowController:
    return WindowController(source, source, source, source)


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


def test_the_job_that_is_shown_and_a_result_that_is_opened(source: Source, shown: list[WindowState]) -> None:
    source.opening.emit("Opening a-001.cxi")
    source.resultOpened.emit(object())
    source.shown.emit(RunState().started("a", 4))
    assert shown[-1].strip is not None and shown[-1].strip.text == "Preparing a"
    assert shown[-1].card.facts == window_state(SessionState(), RunState()).card.facts


def test_what_can_be_done_with_the_jobs_that_are_chosen(source: Source, shown: list[WindowState]) -> None:
    source.chosen.emit((7,))
    source.changed.emit(QueueState(is_mine=True, has_ended=True, rows={7: PAUSED, 8: QUEUED}))
    assert shown[-1].may == PAUSED.may and shown[-1].has_ended and shown[-1].asks_at_end
    source.chosen.emit((7, 8))
    assert shown[-1].may == {"resume", "step", "hold", "remove"}, "a log is one job's"
    source.followed.emit(False)
    assert not shown[-1].follows and shown[-1].may
    source.changed.emit(QueueState(closed="it is damaged"))
    assert shown[-1].may == frozenset() and shown[-1].queue_closed == "it is damaged" and not shown[-1].follows


def test_what_is_missing_and_what_can_be_undone(source: Source, shown: list[WindowState]) -> None:
    source.scanOpened.emit(SCAN)
    source.missingChanged.emit((Obstacle("a.b", "B", "is missing"),))
    source.historyChanged.emit("Iterations", "")
    assert (shown[-1].obstacles[0].title, shown[-1].undo, shown[-1].redo) == ("B", "Iterations", "")
    source.scanClosed.emit()
    assert shown[-1].card.path is None


def test_what_changes_nothing_is_not_announced(
    source: Source, controller: WindowController, shown: list[WindowState]
) -> None:
    source.runnableChanged.emit(False)
    controller.take_wrong([])
    assert shown == []
    controller.take_wrong([Obstacle("reconstruction.iterations", "Iterations", "not a whole number")])
    assert "red" in shown[-1].run_hint
