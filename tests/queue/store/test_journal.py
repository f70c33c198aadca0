"""Starts: taken in order, by one lane each, and written down before anything is done."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ptychogui.errors import OutputError
from ptychogui.jobs.results.reservations import reserve
from ptychogui.queue.store import journal
from ptychogui.queue.store.reserved import owner_of
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.queue.conftest import Add


def _taken(store: Store, device: str) -> int | None:
    claim = journal.claim(store, device, "owner", {"pid": 7})
    return None if claim is None else claim.entry.id


def test_a_lane_takes_its_own_and_those_of_any_in_their_order(store: Store, add: Add) -> None:
    first, other, own, kind, urgent = add(), add(device="cuda:0"), add(device="cpu:1"), add(device="cpu"), add(
        priority=1)  # fmt: skip
    assert [_taken(store, "cpu:1") for _ in range(5)] == [urgent, first, own, kind, None]
    assert _taken(store, "cuda:0") == other


def test_a_start_is_in_the_journal_with_its_process(store: Store, add: Add) -> None:
    job = add()
    assert _taken(store, "cpu:0") == job
    (start,) = store.starts(job)
    assert json.loads(start.process) == {"pid": 7} and (start.lane, start.ended) == ("cpu:0", "")
    entry = store.entry(job)
    assert (entry.state, entry.lane, entry.attempts) == (State.RUNNING, "cpu:0", 1)
    journal.note_process(store, start.id, {"pid": 8})
    assert json.loads(store.starts(job)[0].process) == {"pid": 8}


def test_no_job_is_taken_twice_by_lanes_that_ask_at_the_same_time(folder: Path, store: Store, add: Add) -> None:
    jobs = [add() for _ in range(40)]
    taken: list[list[int]] = [[], [], []]

    def drain(into: list[int]) -> None:
        with Store(folder) as own:
            while (job := _taken(own, "cpu")) is not None:
                into.append(job)

    threads = [threading.Thread(target=drain, args=(into,)) for into in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(job for into in taken for job in into) == jobs
    assert all(into == sorted(into) for into in taken)


def test_a_job_that_was_cut_off_comes_next_again(store: Store, add: Add) -> None:
    job, _ = add(), add()
    claim = journal.claim(store, "cpu", "owner", {})
    assert claim is not None
    journal.interrupt(store, claim, "killed", deaths=1)
    entry = store.entry(job)
    assert (entry.state, entry.cause, entry.deaths) == (State.INTERRUPTED, "killed", 1)
    again = journal.claim(store, "cpu", "owner", {})
    assert again is not None and again.entry.id == job and again.entry.attempts == 1
    assert [start.state for start in store.starts(job)] == ["interrupted", ""]


def test_what_lay_there_first_is_remembered_over_all_tries(store: Store, add: Add) -> None:
    job = add()
    first = journal.claim(store, "cpu", "owner", {})
    assert first is not None
    Path(store.entry(job).result).write_text("a checkpoint")
    journal.interrupt(store, first, "killed")
    second = journal.claim(store, "cpu", "owner", {})
    assert second is not None and first.before == second.before == "absent"


def test_the_end_gives_the_path_back_and_clears_orders(store: Store, add: Add) -> None:
    job = add()
    result = Path(store.entry(job).result)
    assert reserve(result, owner_of(store.folder, store.entry(job).uid)) is not None
    claim = journal.claim(store, "cpu", "owner", {})
    assert claim is not None and reserve(result) is None
    journal.end(store, claim, State.FAILED, "a cause")
    entry = store.entry(job)
    assert (entry.state, entry.cause, bool(entry.ended)) == (State.FAILED, "a cause", True)
    assert reserve(result) is not None and journal.open_starts(store, "") == []


def test_only_what_others_left_is_open(store: Store, add: Add) -> None:
    add(), add()
    journal.claim(store, "cpu", "old", {"pid": 1})
    journal.claim(store, "cpu", "new", {"pid": 2})
    assert [(start.owner, start.process) for start in journal.open_starts(store, "new")] == [("old", {"pid": 1})]


def test_a_claim_that_can_not_be_written_takes_nothing(store: Store, add: Add) -> None:
    job = add()
    store.read("PRAGMA query_only = 1")
    with pytest.raises(OutputError):
        _taken(store, "cpu")
    store.read("PRAGMA query_only = 0")
    assert store.entry(job).state is State.QUEUED and store.starts(job) == [] and _taken(store, "cpu") == job


def test_lanes_that_stay_keep_what_was_said_of_them(store: Store) -> None:
    journal.begin_lanes(store, ["cpu:0", "cpu:1"])
    journal.note_lane(store, "cpu:1", "it is in use")
    journal.change_lanes(store, ["cpu:1", "cuda:0"])
    assert store.lanes() == {"cpu:1": "it is in use", "cuda:0": ""}
    journal.change_lanes(store, [])
    assert store.lanes() == {}
