"""What users do with jobs: each change does what it says, or says why it can't be done and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.result import write_result
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.results.reservations import reserve
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.entry import ENDED
from ptychogui.queue.store.folders import job_folder, make_job_folder
from ptychogui.queue.store.reserved import owner_of
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.io.makers import make_result
from tests.queue.conftest import Add


def _ids(store: Store) -> list[int]:
    return [entry.id for entry in store.entries()]


def _begin(store: Store) -> journal.Claim:
    claim = journal.claim(store, "cpu", "owner", {})
    assert claim is not None
    return claim


def _end(store: Store, state: State) -> int:
    claim = _begin(store)
    journal.end(store, claim, state, "a cause")
    return claim.entry.id


def test_a_held_job_is_not_begun_until_it_is_released(store: Store, add: Add) -> None:
    job = add()
    changes.hold(store, job)
    assert journal.claim(store, "cpu", "owner", {}) is None
    changes.release(store, job)
    assert _begin(store).entry.id == job


@pytest.mark.parametrize("change", [changes.hold, changes.release, changes.retry, changes.remove])
def test_a_job_under_way_is_left_alone(store: Store, add: Add, change: Callable[[Store, int], None]) -> None:
    job = add()
    _begin(store)
    with pytest.raises(ParameterError, match=f"job {job} is running and can't be"):
        change(store, job)
    assert store.entry(job).state is State.RUNNING


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED, State.CANCELLED])
def test_retry_puts_a_job_at_the_end_as_if_it_were_new(store: Store, add: Add, state: State) -> None:
    job, other = add(), add()
    _end(store, state)
    changes.retry(store, job)
    entry = store.entry(job)
    assert _ids(store) == [other, job] and entry.state is State.QUEUED and (entry.cause, entry.ended) == ("", "")


def test_a_job_that_is_done_is_not_retried(store: Store, add: Add) -> None:
    job = add()
    _end(store, State.DONE)
    with pytest.raises(ParameterError, match="is done and can't be retried; continue it"):
        changes.retry(store, job)


def test_retry_wants_the_path_of_the_result_back(store: Store, add: Add) -> None:
    job = add()
    _end(store, State.FAILED)
    with reserve(Path(store.entry(job).result)) or pytest.fail(), pytest.raises(OutputError, match="another job"):
        changes.retry(store, job)
    assert store.entry(job).state is State.FAILED
    changes.retry(store, job)
    assert reserve(Path(store.entry(job).result)) is None


def test_what_is_removed_takes_log_and_reservation_along_and_leaves_the_result(store: Store, add: Add) -> None:
    job = add()
    result = Path(store.entry(job).result)
    result.write_text("result")
    make_job_folder(store.folder, job)
    assert reserve(result, owner_of(store.folder, store.entry(job).uid))
    changes.remove(store, job)
    assert _ids(store) == [] and not job_folder(store.folder, job).exists() and result.read_text() == "result"
    assert store.read("SELECT * FROM contents") == []
    assert reserve(result) is not None


def test_clear_takes_out_what_has_ended_and_nothing_else(store: Store, add: Add) -> None:
    for _ in ENDED:
        add()
    for state in ENDED:
        _end(store, state)
    held, running, queued = add(held=True), add(), add()
    _begin(store)
    assert changes.clear(store) == len(ENDED) and _ids(store) == [held, running, queued]


def test_move_puts_a_job_before_another_and_takes_over_its_priority(store: Store, add: Add) -> None:
    urgent, first, second, third = add(priority=2), add(), add(), add()
    changes.move(store, third, before=second)
    assert _ids(store) == [urgent, first, third, second]
    changes.move(store, second, before=urgent)
    assert _ids(store) == [second, urgent, first, third] and store.entry(second).priority == 2


def test_without_more_a_move_is_to_the_end_and_one_to_a_device_keeps_the_place(store: Store, add: Add) -> None:
    first, second = add(), add()
    changes.move(store, first, device="cpu:1")
    assert _ids(store) == [first, second] and store.entry(first).device == "cpu:1"
    changes.move(store, first)
    assert _ids(store) == [second, first]


def test_a_hundred_moves_to_the_same_place_keep_their_order(store: Store, add: Add) -> None:
    target, *jobs = [add() for _ in range(4)]
    expected = [target, *jobs]
    for n in range(150):
        job = jobs[n % 3]
        changes.move(store, job, before=target)
        expected.remove(job)
        expected.insert(expected.index(target), job)
        assert _ids(store) == expected


@pytest.mark.parametrize("before", [1, 2])
def test_a_move_that_means_nothing_is_refused(store: Store, add: Add, before: int) -> None:
    add(), add()
    changes.order(store, 2, Order.CANCEL)
    with pytest.raises(ParameterError, match=r"before itself|can't be waited for"):
        changes.move(store, 1, before=before)


@pytest.mark.parametrize("order", [Order.STOP, Order.CANCEL])
def test_one_that_waits_is_ended_at_once(store: Store, add: Add, order: Order) -> None:
    job = add()
    assert not changes.order(store, job, order)
    assert store.entry(job).state is State.CANCELLED


def test_an_interrupted_job_that_is_stopped_keeps_its_checkpoint(store: Store, add: Add) -> None:
    jobs = add(), add()
    for _ in jobs:
        claim = _begin(store)
        if claim.entry.id == jobs[0]:
            write_result(Path(claim.entry.result), make_result(state=State.CHECKPOINT))
        journal.hold_back(store, claim, "not yet")
        journal.interrupt(store, claim, "killed")
        changes.hold(store, claim.entry.id)
    for job in jobs:
        changes.order(store, job, Order.STOP)
    assert [store.entry(job).state for job in jobs] == [State.STOPPED, State.CANCELLED]


def test_orders_to_a_job_under_way_wait_for_its_lane(store: Store, add: Add) -> None:
    job = add()
    _begin(store)
    assert changes.order(store, job, Order.PAUSE) and store.entry(job).asked == "pause"
    changes.order(store, job, Order.STOP)
    changes.order(store, job, Order.RESUME)
    assert store.entry(job).asked == "stop"
    assert [order for _, order in journal.orders_for(store, job, 0)] == [Order.PAUSE, Order.STOP, Order.RESUME]


@pytest.mark.parametrize(("state", "hint"), [(State.HELD, "release it"), (State.QUEUED, "hold it")])
def test_what_is_not_under_way_can_not_pause(store: Store, add: Add, state: State, hint: str) -> None:
    job = add(held=state is State.HELD)
    with pytest.raises(ParameterError, match=f"job {job} is {state} and can't be told to pause; {hint}"):
        changes.order(store, job, Order.PAUSE)


@pytest.mark.parametrize("state", ENDED)
def test_what_has_ended_takes_no_orders(store: Store, add: Add, state: State) -> None:
    job = add()
    _end(store, state)
    for order in Order:
        with pytest.raises(ParameterError, match=f"is {state} and can't be told to {order.value}"):
            changes.order(store, job, order)
