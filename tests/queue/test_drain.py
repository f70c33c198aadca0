"""The whole queue with real processes: lanes at once, orders, kills, and what is left when it leaves."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ptychogui.errors import DataError, PtychoError
from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.jobs.processes.messages import Order
from ptychogui.queue.drain import Drain
from ptychogui.queue.lane_process import LaneProcess
from ptychogui.queue.owner import Ownership
from ptychogui.queue.store import changes
from ptychogui.queue.store.batch import Batch, add_batch
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.queue.conftest import Add
from tests.queue.fakes import FakeProcess, Made

LIMIT_S = 60.0
"""For what must come; a test that waits so long has failed."""


def _played(device: str, on_child: Callable[[int], None]) -> LaneProcess:
    return EngineProcess("numpy", run="tests.jobs.fakes:play", on_child=on_child)


@contextmanager
def _running(folder: Path, *devices: str, silence_limit_s: float = 300.0) -> Iterator[Drain]:
    with Ownership(folder, "test") as ownership:
        drain = Drain(folder, ownership, devices, make_process=_played, silence_limit_s=silence_limit_s)
        thread = threading.Thread(target=drain.run)
        thread.start()
        try:
            yield drain
        finally:
            drain.leave()
            thread.join(LIMIT_S)
            assert not thread.is_alive()


def _until(store: Store, job: int, is_so: Callable[[Entry], bool]) -> Entry:
    end_s = time.monotonic() + LIMIT_S
    while time.monotonic() < end_s:
        entry = store.entry(job)
        if is_so(entry):
            return entry
        threading.Event().wait(0.02)
    raise AssertionError(f"it did not come to that: {store.entry(job)}")


def test_two_lanes_run_at_once_and_orders_are_followed(folder: Path, store: Store, add: Add) -> None:
    one, two = add(device="cpu:0"), add(device="cpu:1")
    with _running(folder, "cpu:0", "cpu:1"):
        for job in (one, two):
            _until(store, job, lambda entry: entry.state is State.RUNNING and entry.iteration > 0)
        changes.order(store, one, Order.PAUSE)
        held = _until(store, one, lambda entry: entry.state is State.PAUSED)
        changes.order(store, one, Order.STEP)
        _until(store, one, lambda entry: entry.state is State.PAUSED and entry.iteration == held.iteration + 1)
        changes.order(store, two, Order.CANCEL)
        _until(store, two, lambda entry: entry.state is State.CANCELLED)
        changes.order(store, one, Order.STOP)
        assert Path(_until(store, one, lambda entry: entry.state is State.STOPPED).result).read_text() == "result"


class _DoneAtOnce(FakeProcess):
    def submit(self, job: Job) -> None:
        super().submit(job)
        self.finishes()


def test_the_end_of_a_batch_is_told_once_and_its_jobs_alone_may_be_done(
    folder: Path, store: Store, add: Add, tmp_path: Path
) -> None:
    other = add()
    new = [NewJob(JobText.of(make_job(tmp_path / f"{i}.cxi"), {})) for i in range(2)]
    number, jobs = add_batch(store, "night", "", new)
    told: list[object] = []
    for _ in range(2):
        with Ownership(folder, "test") as ownership:
            made = Made(_DoneAtOnce)
            Drain(folder, ownership, ["cpu"], told.append, made, only_batch=number).run(until_empty=True)
    (ended,) = (event for event in told if isinstance(event, Batch))
    assert [job.state for job in ended.jobs] == [State.DONE] * 2 and [job.id for job in ended.jobs] == jobs
    assert store.entry(other).state is State.QUEUED


def test_a_child_that_is_killed_costs_no_job(folder: Path, store: Store, add: Add) -> None:
    job = add()
    with _running(folder, "cpu:0"):
        _until(store, job, lambda entry: entry.iteration > 0)
        os.killpg(json.loads(store.starts(job)[0].process)["pid"], signal.SIGKILL)
        _until(store, job, lambda entry: entry.attempts == 2 and entry.state is State.RUNNING)
        changes.order(store, job, Order.STOP)
        stopped = _until(store, job, lambda entry: entry.state is State.STOPPED)
    assert (stopped.attempts, stopped.deaths) == (2, 1)


def test_a_child_that_hangs_is_ended_and_its_job_begun_again(folder: Path, store: Store, add: Add) -> None:
    job = add()
    with _running(folder, "cpu:0", silence_limit_s=4.0):
        _until(store, job, lambda entry: entry.iteration > 0)
        os.killpg(json.loads(store.starts(job)[0].process)["pid"], signal.SIGSTOP)
        again = _until(store, job, lambda entry: entry.attempts == 2 and entry.iteration > 0)
    assert again.deaths == 1


def test_it_leaves_at_once_and_goes_on_where_it_was(folder: Path, store: Store, add: Add) -> None:
    first, second = add(), add()
    with _running(folder, "cpu:0"):
        _until(store, first, lambda entry: entry.iteration > 0)
    assert [store.entry(job).state for job in (first, second)] == [State.INTERRUPTED, State.QUEUED]
    with _running(folder, "cpu:0"):
        _until(store, first, lambda entry: entry.state is State.RUNNING)


def test_until_empty_ends_with_what_no_lane_does_left(folder: Path, store: Store, add: Add) -> None:
    failed, held, elsewhere = add("refuse"), add(held=True), add(device="cuda:5")
    with Ownership(folder, "test") as ownership:
        news: list[object] = []
        Drain(folder, ownership, ["cpu:0"], news.append, _played).run(until_empty=True)
    assert [store.entry(job).state for job in (failed, held, elsewhere)] == [State.FAILED, State.HELD, State.QUEUED]
    assert [event.state for event in news if isinstance(event, LaneNews)] == [State.RUNNING, State.FAILED]


def test_an_empty_queue_ends_at_once(folder: Path) -> None:
    with Ownership(folder, "test") as ownership:
        news: list[object] = []
        Drain(folder, ownership, ["cpu:0", "cpu:1"], news.append, Made()).run(until_empty=True)
    assert not any(isinstance(event, LaneNews) for event in news)


def test_a_defect_ends_its_job_and_the_lane_goes_on(folder: Path, store: Store, add: Add) -> None:
    broken, after = add("blunder", device="cpu:0"), add("refuse", device="cpu:0")

    def hear(event: object) -> None:
        if isinstance(event, LaneNews) and event.state is State.RUNNING and event.id == broken:
            raise ZeroDivisionError("a bug")

    with Ownership(folder, "test") as ownership:
        Drain(folder, ownership, ["cpu:0"], hear, _played).run(until_empty=True)
    assert store.entry(broken).state is State.FAILED and "ZeroDivisionError: a bug" in store.entry(broken).cause
    assert store.entry(after).cause.startswith("the energy is missing")


def test_a_damaged_store_is_said_before_anything_begins(folder: Path, store: Store, add: Add) -> None:
    for _ in range(50):
        add()
    store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * (size // 4))
    made = Made()
    with Ownership(folder, "test") as ownership, pytest.raises(DataError, match="is damaged"):
        Drain(folder, ownership, ["cpu:0"], make_process=made).run(until_empty=True)
    assert not made.processes


def test_what_ends_a_lane_for_good_is_raised(folder: Path, store: Store, add: Add) -> None:
    add()

    def hear(_event: object) -> None:
        raise DataError("the store is damaged")

    with Ownership(folder, "test") as ownership, pytest.raises(PtychoError, match="the store is damaged"):
        Drain(folder, ownership, ["cpu:0"], hear, _played).run()
