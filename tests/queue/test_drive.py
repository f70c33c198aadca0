"""The loop of a lane on its thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ptychogui.queue.drive import drive
from ptychogui.queue.lane import Lane
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State
from tests.queue.conftest import Add
from tests.queue.fakes import Made


class _Driven:
    """What comes between turns: the job ends, then the lane is to leave."""

    def __init__(self, made: Made) -> None:
        self.made, self.leaving, self.told = made, threading.Event(), list[object]()

    def between(self) -> None:
        process = self.made.processes["cpu"]
        if process.job_id:
            process.finishes()
        elif any(isinstance(event, LaneNews) and event.state is State.DONE for event in self.told):
            self.leaving.set()


def test_it_turns_until_it_is_told_to_leave(folder: Path, store: Store, add: Add) -> None:
    job, driven = add(), _Driven(Made())
    drive(folder, "cpu", "owner", driven.leaving, driven.told.append, driven.made, between=driven.between)
    assert store.entry(job).state is State.DONE
    assert driven.made.processes["cpu"].told[-1] == "close"


def test_after_a_defect_another_lane_takes_its_place(
    folder: Path, store: Store, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, driven = add(), _Driven(Made())
    monkeypatch.setattr("ptychogui.queue.drive._AFTER_DEFECT_S", 0.0)
    turns, turn = iter([True]), Lane.turn

    def defective(self: Lane, wait_s: float) -> None:
        if next(turns, False):
            raise ZeroDivisionError("a defect")
        turn(self, wait_s)

    monkeypatch.setattr(Lane, "turn", defective)
    drive(folder, "cpu", "owner", driven.leaving, driven.told.append, driven.made, between=driven.between)
    assert store.entry(job).state is State.DONE
