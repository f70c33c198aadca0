"""What a killed owner leaves: jobs go on once, and only when their child is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.io import atomic
from ptychogui.io.result import write_result
from ptychogui.jobs.checkpoints.state_file import part_of_state_file
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.results.owners import process
from ptychogui.queue import recovery
from ptychogui.queue.recovery import MOST_CRASHES, recover
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.folders import job_checkpoint
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.io.makers import make_result
from tests.queue.conftest import Add
from tests.queue.fakes import ended_pid


def _begun(store: Store, pid: int) -> journal.Claim:
    claim = journal.claim(store, "cpu", "the last owner", process(pid).identity)
    assert claim is not None
    return claim


def test_a_job_whose_child_is_gone_goes_on(store: Store, add: Add) -> None:
    job = add()
    _begun(store, ended_pid())
    assert recover(store, "me")
    assert (store.entry(job).state, store.entry(job).cause) == (State.INTERRUPTED, recovery.CAUSE)
    assert journal.claim(store, "cpu", "me", {}) is not None


def test_a_child_that_still_lives_is_ended_first(store: Store, add: Add) -> None:
    job = add()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, preexec_fn=os.setpgrp) as child:
        _begun(store, child.pid)
        assert recover(store, "me")
        assert child.wait() == -signal.SIGKILL
    assert store.entry(job).state is State.INTERRUPTED


@pytest.mark.parametrize("alive", [True, None])
def test_while_it_may_live_its_job_waits_and_says_why(
    store: Store, add: Add, monkeypatch: pytest.MonkeyPatch, alive: bool | None
) -> None:
    job, other = add(), add()
    _begun(store, ended_pid())
    killed: list[int] = []
    monkeypatch.setattr(recovery, "lives", lambda _owner: alive)
    monkeypatch.setattr(os, "killpg", lambda pid, _number: killed.append(pid))
    assert not recover(store, "me", patience_s=0.0)
    assert store.entry(job).state is State.WAITING and f"process {ended_pid()}" in store.entry(job).cause
    claim = journal.claim(store, "cpu", "me", {})
    assert claim is not None and claim.entry.id == other and bool(killed) is (alive is True)
    monkeypatch.undo()
    assert recover(store, "me")
    assert store.entry(job).state is State.INTERRUPTED and store.entry(other).state is State.RUNNING


def test_one_that_can_not_be_asked_is_let_go_when_its_job_is_cancelled(
    store: Store, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add()
    _begun(store, ended_pid())
    monkeypatch.setattr(recovery, "lives", lambda _owner: None)
    assert not recover(store, "me", patience_s=0.0)
    changes.order(store, job, Order.CANCEL)
    assert recover(store, "me") and store.entry(job).state is State.CANCELLED


@pytest.mark.parametrize("state", [State.DONE, State.STOPPED])
def test_a_result_that_was_written_is_not_made_again(store: Store, add: Add, state: State) -> None:
    job = add()
    claim = _begun(store, ended_pid())
    write_result(Path(claim.entry.result), make_result(state=state))
    recover(store, "me")
    assert store.entry(job).state is state


def test_half_a_file_that_was_left_is_removed(store: Store, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add(), add()
    claims = [_begun(store, ended_pid()) for _ in range(2)]
    parts = []
    for claim in claims:
        monkeypatch.setattr(atomic, "_marks", [])
        atomic.mark_parts(claim.entry.uid)
        parts.append(atomic._temporary(Path(claim.entry.result)))
        parts[-1].touch()
    recover(store, "me")
    assert not any(part.exists() for part in parts)


def test_a_result_that_was_there_before_does_not_count(store: Store, add: Add) -> None:
    job = add()
    write_result(Path(store.entry(job).result), make_result(state=State.DONE))
    _begun(store, ended_pid())
    recover(store, "me")
    assert store.entry(job).state is State.INTERRUPTED


@pytest.mark.parametrize(
    ("order", "left", "state"),
    [
        (Order.CANCEL, None, State.CANCELLED),
        (Order.STOP, None, State.CANCELLED),
        (Order.STOP, State.CHECKPOINT, State.STOPPED),
        (Order.PAUSE, None, State.INTERRUPTED),
    ],
)
def test_an_order_to_end_holds(store: Store, add: Add, order: Order, left: State | None, state: State) -> None:
    job = add()
    claim = _begun(store, ended_pid())
    changes.order(store, job, order)
    if left is not None:
        write_result(Path(claim.entry.result), make_result(state=left))
    recover(store, "me")
    assert store.entry(job).state is state


def test_a_job_that_ends_its_owner_again_and_again_is_given_up(store: Store, add: Add) -> None:
    job = add()
    for _ in range(MOST_CRASHES):
        assert store.entry(job).state in (State.QUEUED, State.INTERRUPTED)
        _begun(store, ended_pid())
        recover(store, "me")
    assert store.entry(job).state is State.FAILED and "10 times" in store.entry(job).cause


def test_ones_own_jobs_are_left_alone(store: Store, add: Add) -> None:
    job = add()
    journal.claim(store, "cpu", "me", json.loads("{}"))
    assert recover(store, "me") and store.entry(job).state is State.RUNNING


@pytest.mark.parametrize(("state", "stays"), [(State.DONE, False), (State.CANCELLED, False), (State.FAILED, True)])
def test_whole_states_that_a_crash_has_left_of_ended_jobs_go(store: Store, add: Add, state: State, stays: bool) -> None:
    job, other = add(), add()
    journal.end(store, _begun(store, ended_pid()), state)
    left = [job_checkpoint(store.folder, number) for number in (job, other)]
    left.append(part_of_state_file(left[0]))
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a whole state")
    recovery.forget_states_of_ended(store)
    assert [path.exists() for path in left] == [stays, True, stays]
