"""Questions about a scan that a child process answers: stopped, asked anew, ended by another scan, not answerable."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.question import QuestionController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import DataError
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.orientation.doctor import OrientationProgress
from ptychogui.jobs.processes.questions import Tell
from ptychogui.physics.simulation import simulate
from tests.gui.conftest import RECIPE

LONG = 60_000


def waits_forever(job: Job, tell: Tell) -> None:
    import threading

    tell(OrientationProgress(0, 10, job.id))
    threading.Event().wait()


def refuses(_job: Job, tell: Tell) -> None:
    tell(OrientationProgress(0, 10, "reading"))
    raise DataError("the scan has 4 positions, too few")


@pytest.fixture
def opened(qtbot: QtBot, workstation: Workstation, tmp_path: Path) -> SessionController:
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.session.open(write_scan(tmp_path / "scan.cxi", simulate(RECIPE))[0])
    return workstation.session


def test_a_question_is_stopped_and_asked_anew(
    qtbot: QtBot, workstation: Workstation, opened: SessionController
) -> None:
    question = QuestionController(opened, workstation.background, waits_forever, "It can't be found out")
    endings: list[str] = []
    question.ended.connect(endings.append)
    for _ in range(2):
        with qtbot.waitSignal(question.told, timeout=LONG):
            question.start()
        question.stop()
    assert endings == ["Stopped.", "Stopped."]
    question.close()


def test_another_scan_ends_a_question(
    qtbot: QtBot, workstation: Workstation, opened: SessionController, tmp_path: Path
) -> None:
    question = QuestionController(opened, workstation.background, waits_forever, "It can't be found out")
    with qtbot.waitSignal(question.told, timeout=LONG):
        question.start()
    with qtbot.waitSignal(question.cleared, timeout=LONG), qtbot.assertNotEmitted(question.ended):
        opened.open(tmp_path / "scan.cxi")
    question.close()


def test_a_question_that_can_not_be_answered_is_told(
    qtbot: QtBot, workstation: Workstation, opened: SessionController
) -> None:
    question = QuestionController(opened, workstation.background, refuses, "It can't be found out")
    with qtbot.waitSignals([question.problem, question.ended], timeout=LONG) as told:
        question.start()
    problem, ended = (signal.args[0] for signal in told.all_signals_and_args)
    assert "too few" in problem.text and ended == "It can't be found out."
    question.close()
