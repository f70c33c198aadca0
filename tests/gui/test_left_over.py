"""What is asked about jobs that were left by an earlier program."""

from __future__ import annotations

from ptychogui.controllers.queue.left_over import LeftOver
from ptychogui.queue.snapshot import Snapshot
from ptychogui.states import State
from tests.test_queue_state import OTHER, entry, snapshot

WAITING = snapshot(entry(1, State.INTERRUPTED), entry(2, State.QUEUED), entry(3, State.DONE))


def test_what_waits_when_the_window_opens_is_asked_about_and_named() -> None:
    asked = LeftOver().owned(("fly1", "fly2"), 3)
    assert asked.notice is not None and asked.is_open
    assert asked.notice.text.startswith("3 jobs are left of last time. fly1 and fly2 were under way")
    assert [key for key, _ in asked.notice.choices] == ["go-on", "hold-left"]
    assert not asked.answered().is_open


def test_nothing_is_asked_where_nothing_waits() -> None:
    assert not LeftOver().owned((), 0).is_open


def test_a_queue_that_was_run_before_our_eyes_goes_on_by_itself() -> None:
    looked_on = LeftOver().seen(Snapshot(owner=OTHER))
    assert not looked_on.owned(("fly1",), 3).is_open


def test_the_question_goes_with_its_jobs() -> None:
    asked = LeftOver().owned((), 1)
    assert asked.notice is not None and asked.notice.text == "One job is left of last time."
    assert asked.seen(WAITING).is_open
    assert not asked.seen(snapshot(entry(3, State.DONE))).is_open
