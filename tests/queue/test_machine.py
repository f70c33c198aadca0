"""Store and lanes against a simple model, through random orders, ends, and kills of children and owners."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ptychogui.errors import ParameterError
from ptychogui.jobs.processes.messages import Order
from ptychogui.queue import recovery
from ptychogui.queue.lane import Lane
from ptychogui.queue.recovery import recover
from ptychogui.queue.store import changes
from ptychogui.queue.store.entry import ENDED, UNDER_WAY, WAITING
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store, served_by
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.queue.fakes import FakeProcess, Made, turn

DEVICES = ("cpu:0", "cpu:1")
FAST_DISK = Path("/dev/shm")
"""Memory that looks like a disk, where there is some: thousands of synced changes take no time there."""


@dataclass
class Modelled:
    """What the model knows of a job."""

    device: str
    priority: int
    state: State
    lane: str = ""
    deaths: int = 0
    memory_tries: int = 0
    ending: str = ""
    is_written: bool = False
    starts: int = 0


class Queue(RuleBasedStateMachine):
    """Two lanes; `order` has all jobs as they come, `jobs` what is known of each."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=FAST_DISK if FAST_DISK.is_dir() else None))
        self.patch = pytest.MonkeyPatch()
        self.orphans_live = False
        self.patch.setattr(recovery, "lives", lambda _owner: self.orphans_live)
        self.patch.setattr(os, "killpg", lambda _pid, _number: None)
        self.store = Store(self.folder / "queue")
        self.jobs: dict[int, Modelled] = {}
        self.order: list[int] = []
        self.owners, self.outputs = 0, 0
        self.lanes: dict[str, Lane] = {}
        self.stores: list[Store] = []
        self._take_over()

    def teardown(self) -> None:
        for store in (*self.stores, self.store):
            store.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    def _take_over(self) -> None:
        """Begin as a new owner."""
        self.owners += 1
        self.name, self.made = f"owner {self.owners}", Made()
        recover(self.store, self.name, patience_s=0.0)
        for store in self.stores:
            store.close()
        self.stores = [Store(self.folder / "queue") for _ in DEVICES]
        self.lanes = {
            device: Lane(store, device, self.name, make_process=self.made)
            for device, store in zip(DEVICES, self.stores, strict=True)
        }
        self._settle()

    def _settle(self, first: str = DEVICES[0]) -> None:
        """Let lanes do all that they can, and the model the same, one lane after the other."""
        for device in sorted(DEVICES, key=lambda device: device != first):
            turn(self.lanes[device], 4)
            if self._on(device) is None:
                self._begin(device)

    def _begin(self, device: str) -> None:
        for number in self.order:
            job = self.jobs[number]
            if job.state in WAITING and job.device in served_by(device):
                job.state, job.lane, job.starts = State.RUNNING, device, job.starts + 1
                job.ending = ""
                return

    def _on(self, device: str) -> int | None:
        return next(
            (n for n, job in self.jobs.items() if job.lane == device and job.state in (State.RUNNING, State.PAUSED)),
            None,
        )

    def _pick(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.order))

    def _busy(self, data: st.DataObject) -> tuple[int, FakeProcess]:
        device = data.draw(st.sampled_from([device for device in DEVICES if self._on(device) is not None]))
        number = self._on(device)
        assert number is not None
        return number, self.made.processes[device]

    def _try(self, is_allowed: bool, change: Callable[[], Any]) -> bool:
        """Make a change that the store must allow, or refuse."""
        if is_allowed:
            change()
        else:
            with pytest.raises(ParameterError):
                change()
        return is_allowed

    def _put_last(self, number: int) -> None:
        self.order.remove(number)
        self._append(number)

    def _append(self, number: int) -> None:
        priority = self.jobs[number].priority
        place = sum(self.jobs[other].priority >= priority for other in self.order)
        self.order.insert(place, number)

    @rule(device=st.sampled_from(["any", "cpu", *DEVICES]), priority=st.integers(-1, 1), held=st.booleans())
    def add(self, device: str, priority: int, held: bool) -> None:
        self.outputs += 1
        job = make_job(self.folder / f"result-{self.outputs}.cxi", reconstruction__engine="epie")
        (number,) = self.store.add([NewJob(JobText.of(job, {}), device, priority, held)])
        self.jobs[number] = Modelled(device, priority, State.HELD if held else State.QUEUED)
        self._append(number)
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data(), release=st.booleans())
    def hold_or_release(self, data: st.DataObject, release: bool) -> None:
        number = self._pick(data)
        job = self.jobs[number]
        before = (State.HELD,) if release else WAITING
        change = changes.release if release else changes.hold
        if self._try(job.state in before, lambda: change(self.store, number)):
            job.state = State.QUEUED if release else State.HELD
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        number = self._pick(data)
        if self._try(self.jobs[number].state not in UNDER_WAY, lambda: changes.remove(self.store, number)):
            self.order.remove(number)
            del self.jobs[number]
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        number = self._pick(data)
        job = self.jobs[number]
        is_allowed = job.state in (State.FAILED, State.STOPPED, State.CANCELLED)
        if self._try(is_allowed, lambda: changes.retry(self.store, number)):
            job.state, job.deaths, job.memory_tries, job.is_written = State.QUEUED, 0, 0, False
            self._put_last(number)
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data(), device=st.sampled_from([None, "any", *DEVICES]))
    def move(self, data: st.DataObject, device: str | None) -> None:
        number = self._pick(data)
        job = self.jobs[number]
        if self._try(job.state in (State.HELD, *WAITING), lambda: changes.move(self.store, number, device=device)):
            if device is None:
                self._put_last(number)
            else:
                job.device = device
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def move_before(self, data: st.DataObject) -> None:
        number, target = self._pick(data), self._pick(data)
        waits = [self.jobs[one].state in (State.HELD, *WAITING) for one in (number, target)]
        is_allowed = all(waits) and number != target
        if self._try(is_allowed, lambda: changes.move(self.store, number, before=target)):
            self.jobs[number].priority = self.jobs[target].priority
            self.order.remove(number)
            self.order.insert(self.order.index(target), number)
        self._settle()

    @precondition(lambda self: self.order)
    @rule(data=st.data(), order=st.sampled_from([order for order in Order if order is not Order.LEAVE]))
    def give_order(self, data: st.DataObject, order: Order) -> None:
        number = self._pick(data)
        job = self.jobs[number]
        ends = order in (Order.STOP, Order.CANCEL)
        is_allowed = job.state in UNDER_WAY or (ends and job.state not in ENDED)
        if self._try(is_allowed, lambda: changes.order(self.store, number, order)):
            if job.state not in UNDER_WAY:
                job.state = State.CANCELLED
            elif ends:
                job.ending = order.value
        self._settle()
        if is_allowed and job.state in (State.RUNNING, State.PAUSED):
            assert self.made.processes[job.lane].told[-1] == order.value

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        number, process = self._busy(data)
        process.pauses()
        self.jobs[number].state = State.PAUSED
        self._settle(process.device)

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data(), state=st.sampled_from([State.DONE, State.STOPPED, State.CANCELLED]))
    def finish(self, data: st.DataObject, state: State) -> None:
        number, process = self._busy(data)
        process.finishes(state)
        self.jobs[number].state = state
        self._settle(process.device)

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        number, process = self._busy(data)
        process.fails()
        job = self.jobs[number]
        job.state = State.CANCELLED if job.ending == "cancel" else State.FAILED
        self._settle(process.device)

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data())
    def write_the_result(self, data: st.DataObject) -> None:
        number, process = self._busy(data)
        process.writes(State.DONE)
        self.jobs[number].is_written = True

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data())
    def run_out_of_memory(self, data: st.DataObject) -> None:
        number, process = self._busy(data)
        process.fails("too little memory", "MemoryBudgetError")
        job = self.jobs[number]
        if job.memory_tries == 0 and not job.ending:
            job.state, job.memory_tries = State.INTERRUPTED, 1
        else:
            job.state = State.CANCELLED if job.ending == "cancel" else State.FAILED
        self._settle(process.device)

    @precondition(lambda self: any(self._on(device) for device in DEVICES))
    @rule(data=st.data())
    def kill_a_child(self, data: st.DataObject) -> None:
        number, process = self._busy(data)
        process.dies()
        job = self.jobs[number]
        if job.is_written:
            job.state = State.DONE
        elif job.ending == "cancel":
            job.state = State.CANCELLED
        elif job.deaths == 0 and not job.ending:
            job.state, job.deaths = State.INTERRUPTED, 1
        else:
            job.state = State.FAILED
        self._settle(process.device)

    @rule(orphans_live=st.booleans())
    def kill_the_owner(self, orphans_live: bool) -> None:
        self.orphans_live = orphans_live
        for job in self.jobs.values():
            if job.state in UNDER_WAY:
                job.state = State.WAITING if orphans_live else self._left(job)
        self._take_over()

    @precondition(lambda self: self.orphans_live)
    @rule()
    def see_orphans_go(self) -> None:
        self.orphans_live = False
        for job in self.jobs.values():
            if job.state is State.WAITING:
                job.state = self._left(job)
        assert recover(self.store, self.name, patience_s=0.0)
        self._settle()

    def _left(self, job: Modelled) -> State:
        if job.is_written:
            return State.DONE
        return State.CANCELLED if job.ending else State.INTERRUPTED

    @rule()
    def leave(self) -> None:
        for device, lane in self.lanes.items():
            lane.leave()
            turn(lane)
            number = self._on(device)
            if number is not None:
                job, process = self.jobs[number], self.made.processes[device]
                process.finishes(State.CANCELLED if job.ending else State.INTERRUPTED)
                job.state = State.CANCELLED if job.ending else State.INTERRUPTED
            turn(lane)
            assert lane.has_left
        self._take_over()

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        found = self.store.entries()
        assert [entry.id for entry in found] == self.order
        assert {entry.id: entry.state for entry in found} == {number: job.state for number, job in self.jobs.items()}
        assert {entry.id: entry.attempts for entry in found} == {n: job.starts for n, job in self.jobs.items()}

    @invariant()
    def each_process_has_the_job_of_its_lane_and_no_other(self) -> None:
        names = {entry.id: entry.uid for entry in self.store.entries()}
        for device in DEVICES:
            number = self._on(device)
            assert self.made.processes[device].job_id == ("" if number is None else names[number])

    @invariant()
    def a_start_is_open_where_a_job_is_under_way(self) -> None:
        rows = self.store.read("SELECT job FROM starts WHERE ended IS NULL ORDER BY job")
        assert [row[0] for row in rows] == sorted(n for n, job in self.jobs.items() if job.state in UNDER_WAY)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
