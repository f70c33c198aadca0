"""Batches in the store: when they have ended, and that this is told once."""

from __future__ import annotations

from pathlib import Path

from ptychogui.jobs.processes.messages import Order
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.batch import (
    Refused,
    add_batch,
    batch,
    close_batch,
    close_left_open,
    ended_untold,
    note_refused,
)
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.queue.store.word import note_told
from ptychogui.states import State
from tests.jobs.fakes import make_job


def _batch(store: Store, folder: Path, jobs: int = 2, is_open: bool = False) -> tuple[int, list[int]]:
    new = [NewJob(JobText.of(make_job(folder / f"{i}.cxi"), {})) for i in range(jobs)]
    return add_batch(store, "night", "ptychogui batch", new, [Refused("x.mda", "it is empty")], is_open=is_open)


def _end(store: Store, state: State = State.DONE) -> None:
    claim = journal.claim(store, "cpu", "me", {})
    assert claim is not None
    journal.end(store, claim, state, "a cause" if state is State.FAILED else "")


def test_it_ends_with_its_last_job_and_is_told_until_that_is_noted(store: Store, tmp_path: Path) -> None:
    number, _ = _batch(store, tmp_path)
    _end(store)
    assert ended_untold(store) == []
    _end(store, State.FAILED)
    (ended,) = ended_untold(store)
    assert ended.line == "batch 1, night: 1 done, 1 failed, 1 refused"
    assert [item.reason for item in ended.failures] == ["it is empty", "a cause"]
    assert ended.as_dict()["counts"] == {"done": 1, "failed": 1, "refused": 1} and ended.as_dict()["ended"]
    note_told(store, ended)
    assert ended_untold(store) == [] and batch(store, number).ended == ended.ended


def test_a_job_that_is_retried_reopens_it_and_the_next_end_is_told_too(store: Store, tmp_path: Path) -> None:
    number, (job,) = _batch(store, tmp_path, 1)
    _end(store, State.FAILED)
    note_told(store, ended_untold(store)[0])
    changes.retry(store, job)
    assert batch(store, number).ended == ""
    _end(store)
    assert [ended.id for ended in ended_untold(store)] == [number]


def test_jobs_that_are_cancelled_or_removed_hold_up_no_end(store: Store, tmp_path: Path) -> None:
    number, (first, second) = _batch(store, tmp_path)
    changes.order(store, first, Order.CANCEL)
    assert batch(store, number).ended == ""
    changes.remove(store, second)
    assert batch(store, number).ended != ""


def test_an_open_one_ends_when_it_is_closed(store: Store, tmp_path: Path) -> None:
    number, _ = _batch(store, tmp_path, 1, is_open=True)
    _end(store)
    with store.transaction() as change:
        note_refused(change, number, Refused("y.mda", "it is cut off"))
    assert batch(store, number).ended == ""
    close_batch(store, number)
    assert batch(store, number).ended != "" and len(batch(store, number).refused) == 2


def test_one_whose_watcher_was_killed_is_closed_and_one_that_is_watched_is_not(store: Store, tmp_path: Path) -> None:
    watched, _ = _batch(store, tmp_path, 1, is_open=True)
    assert not close_left_open(store) and batch(store, watched).ended == ""
    with store.transaction() as change:
        change.execute("UPDATE batches SET watcher = json_set(watcher, '$.start', 'long ago')")
    _end(store)
    assert ended_untold(store) == []
    assert close_left_open(store)
    assert [ended.id for ended in ended_untold(store)] == [watched] and not close_left_open(store)


def test_clearing_all_of_its_jobs_forgets_it(store: Store, tmp_path: Path) -> None:
    _batch(store, tmp_path)
    _end(store)
    changes.clear(store)
    _end(store)
    assert ended_untold(store)
    changes.clear(store)
    assert ended_untold(store) == []
