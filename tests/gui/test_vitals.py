"""How the machine is used, in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal
from pytestqt.qtbot import QtBot

from ptychogui.controllers.vitals import VitalsController
from ptychogui.jobs.job import Progress
from ptychogui.queue_state import QueueState
from ptychogui.states import State
from ptychogui.views.shell.status import StatusLine


class Queue(QObject):
    """A queue that runs two jobs."""

    heard, changed = pyqtSignal(object, object), pyqtSignal(object)
    devices = ("cuda:0", "cuda:1")

    def __init__(self) -> None:
        super().__init__()
        jobs = [SimpleNamespace(uid=uid, state=State.RUNNING) for uid in ("a", "b")]
        self.snapshot = SimpleNamespace(under_way=jobs)


def progress(uid: str, speed: float) -> Progress:
    return Progress(uid, 3, 10, 1.0, 1.0, speed, 1e-8)


def test_devices_memory_and_the_speed_of_all_that_runs(qtbot: QtBot) -> None:
    queue: Any = Queue()
    vitals, line = VitalsController(queue), StatusLine()
    qtbot.addWidget(line)
    vitals.told.connect(line.show_use)
    vitals.look()
    assert line.device.text() == "cuda:0, cuda:1" and line.speed.isHidden()
    assert line.memory.text().startswith("memory ") and line.memory.text().endswith(" GB")
    queue.heard.emit([progress("a", 1000), progress("b", 500), progress("b", 11000), "something else"], None)
    vitals.look()
    assert line.speed.text() == "12\u202f000 positions/s in 2 jobs"
    queue.snapshot.under_way[1].state = State.PAUSED
    queue.changed.emit(QueueState())
    vitals.look()
    assert line.speed.text() == "1\u202f000 positions/s"
