"""What becomes of jobs under way when the window closes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.queue.ending import EndController
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.queue.owner import owner_text
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.gui.test_queue_controller import SOON, Add, add, begun, folder, made, process, queue, stands
from tests.queue.fakes import Made

__all__ = ["add", "folder", "made", "queue"]

_OWN = """
import sys, time
from pathlib import Path
from ptychogui.queue.owner import RUN, Ownership
with Ownership(Path(sys.argv[1]), RUN):
    sys.stdin.read()
"""


@pytest.fixture
def heirs() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for heir in started:
        heir.communicate()


def test_what_is_under_way_is_named(qtbot: QtBot, queue: QueueController, made: Made, add: Add) -> None:
    begun(qtbot, queue)
    job = add()
    process(qtbot, made)
    waiting = add()
    stands(qtbot, queue, waiting, State.QUEUED)
    stands(qtbot, queue, job, State.RUNNING)
    ending = EndController(queue)
    with qtbot.waitSignal(ending.asking, timeout=SOON) as asking:
        ending.ask()
    assert asking.args == [[queue.state.rows[job].name], 1]


def test_another_process_goes_on_once_every_job_has_kept_its_state(
    qtbot: QtBot, queue: QueueController, made: Made, add: Add, heirs: list[subprocess.Popen[bytes]]
) -> None:
    begun(qtbot, queue)
    job = add()
    process(qtbot, made)
    states: list[State] = []

    def start(devices: object) -> subprocess.Popen[bytes]:
        assert devices == ("cpu",)
        with Store(queue.folder) as store:
            states.append(store.entry(job).state)
        heirs.append(subprocess.Popen([sys.executable, "-c", _OWN, str(queue.folder)], stdin=subprocess.PIPE))
        return heirs[-1]

    ending = EndController(queue, start)
    with qtbot.waitSignals([ending.busy, ending.over], timeout=3 * SOON, order="strict"):
        ending.answer("go-on")
    assert states == [State.INTERRUPTED]
    assert owner_text(queue.folder).startswith("ptychogui run")


def test_the_window_stays_where_no_process_takes_over(
    qtbot: QtBot, queue: QueueController, made: Made, add: Add
) -> None:
    begun(qtbot, queue)
    job = add()
    process(qtbot, made)

    def start(_devices: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    ending = EndController(queue, start)
    with qtbot.waitSignal(ending.problem, timeout=3 * SOON) as problem, qtbot.assertNotEmitted(ending.over):
        ending.answer("go-on")
    assert "status 3" in problem.args[0].text
    stands(qtbot, queue, job, State.RUNNING)


def test_stop_ends_what_is_under_way_and_begins_nothing_more(
    qtbot: QtBot, queue: QueueController, made: Made, add: Add
) -> None:
    begun(qtbot, queue)
    job = add()
    child = process(qtbot, made)
    waiting = add()
    ending = EndController(queue)
    with qtbot.waitSignal(ending.over, timeout=3 * SOON):
        ending.answer("stop")
        qtbot.waitUntil(lambda: "stop" in child.told, timeout=SOON)
        assert "leave" not in child.told, "a job that is to stop is not broken off"
        child.finishes(State.STOPPED)
    with Store(queue.folder) as store:
        assert (store.entry(job).state, store.entry(waiting).state) == (State.STOPPED, State.QUEUED)
        assert Path(store.entry(job).result).exists()
    assert child.told.count("submit") == 1
