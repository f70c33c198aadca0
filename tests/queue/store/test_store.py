"""The store: jobs come in whole and in order, and are read as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.errors import DataError, ParameterError
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store, served_by
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.queue.conftest import Add


def test_jobs_come_by_priority_and_then_first_in_first_out(store: Store, add: Add) -> None:
    first, urgent, second, late = add(), add(priority=5), add(), add(priority=-1)
    assert [entry.id for entry in store.entries()] == [urgent, first, second, late]


def test_what_was_added_is_all_there(store: Store, tmp_path: Path) -> None:
    job = make_job(tmp_path / "result.cxi", "what")
    (number,) = store.add([NewJob(JobText.of(job, {"ptychogui": "1"}), "cpu:1", 3, held=True)])
    entry = store.entry(number)
    assert (entry.uid, entry.title, entry.source) == (job.id, "simulated scan", None)
    assert (entry.device, entry.priority, entry.state, entry.lane) == ("cpu:1", 3, State.HELD, "")
    assert (entry.attempts, entry.iteration, entry.iterations, entry.error) == (0, 0, 3, None)
    assert entry.result == str(job.output) and entry.made and not entry.started
    assert store.text(number).job.parameters == job.parameters and store.starts(number) == []


def test_a_list_that_fails_adds_nothing(store: Store, tmp_path: Path) -> None:
    new = NewJob(JobText.of(make_job(tmp_path / "one.cxi"), {}))
    with pytest.raises(DataError, match="UNIQUE"):
        store.add([new, new])
    assert store.entries() == []


def test_numbers_are_never_given_again(store: Store, add: Add, folder: Path) -> None:
    gone = add()
    with store.transaction() as change:
        change.execute("DELETE FROM jobs")
    assert add() > gone
    with Store(folder) as other:
        assert [entry.id for entry in other.entries()] == [gone + 1]


def test_one_that_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(ParameterError, match="there is no job 7 in the queue"):
        store.entry(7)


def test_a_content_that_is_damaged_is_said_of_its_job_alone(store: Store, add: Add) -> None:
    job, other = add(), add()
    with store.transaction() as change:
        change.execute("UPDATE contents SET text = 'nonsense' WHERE job = ?", (job,))
    with pytest.raises(DataError, match="can't be read"):
        store.text(job)
    assert store.text(other).job.id == store.entry(other).uid


def test_only_what_others_do_counts_as_a_change(store: Store, folder: Path) -> None:
    assert store.has_changed() and not store.has_changed()
    store.keep_setting("a", "1")
    assert not store.has_changed()
    with Store(folder) as other:
        other.keep_setting("a", "2")
    assert store.has_changed() and not store.has_changed() and store.setting("a") == "2"


def test_a_transaction_that_fails_changes_nothing(store: Store, add: Add) -> None:
    add()
    with pytest.raises(ZeroDivisionError), store.transaction() as change:
        change.execute("DELETE FROM jobs")
        raise ZeroDivisionError
    assert len(store.entries()) == 1


def test_what_a_lane_does() -> None:
    assert served_by("cpu:1") == ("cpu:1", "cpu", "any") and served_by("cpu") == ("cpu", "any")


def test_jobs_are_counted_and_filtered(store: Store, add: Add) -> None:
    held, _, _ = add(held=True), add(), add(device="cuda:1")
    assert store.counts() == {(State.HELD, "any"): 1, (State.QUEUED, "any"): 1, (State.QUEUED, "cuda:1"): 1}
    assert [entry.id for entry in store.entries(State.HELD)] == [held]
