"""A lane: it takes jobs in their order, follows orders, and goes on after whatever ends a job."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from ptychogui.engines.base import Estimate
from ptychogui.errors import OutputError
from ptychogui.io import atomic
from ptychogui.io.result import write_result
from ptychogui.jobs.job import FirstTry
from ptychogui.jobs.processes.messages import Order, Picture
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.queue import lane as lanes
from ptychogui.queue.lane import Lane
from ptychogui.queue.store import changes
from ptychogui.queue.store.folders import PREVIEW, job_folder, job_log
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State
from tests.io.makers import make_result
from tests.queue.conftest import Add
from tests.queue.fakes import FakeProcess, Made, turn


class Place:
    """A lane of cpu:0 with its process, and what it told."""

    def __init__(self, folder: Path, device: str = "cpu:0") -> None:
        self.made, self.news = Made(), list[LaneNews]()
        self.own = Store(folder)
        self.lane = Lane(self.own, device, "me", self._hear, self.made, 300.0)

    def _hear(self, event: object) -> None:
        if isinstance(event, LaneNews):
            self.news.append(event)

    @property
    def process(self) -> FakeProcess:
        return self.made.processes[self.lane.device]

    def turn(self) -> None:
        turn(self.lane)

    @property
    def told(self) -> list[tuple[int, State]]:
        return [(news.id, news.state) for news in self.news]


@pytest.fixture
def place(folder: Path) -> Iterator[Place]:
    made = Place(folder)
    yield made
    made.own.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass for lanes."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def test_jobs_are_done_one_after_the_other_in_their_order(place: Place, store: Store, add: Add) -> None:
    jobs = [add(), add(device="cpu:0"), add(device="cuda:0")]
    place.turn()
    for number in jobs[:2]:
        assert store.entry(number).state is State.RUNNING and place.process.job_id == store.entry(number).uid
        place.process.finishes()
        place.turn()
        assert store.entry(number).state is State.DONE
    assert store.entry(jobs[2]).state is State.QUEUED and place.process.job is None
    assert place.told == [(number, state) for number in jobs[:2] for state in (State.RUNNING, State.DONE)]


def test_nothing_is_taken_before_the_device_is_open(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.process.opens = False
    place.turn()
    assert store.entry(job).state is State.QUEUED and store.starts(job) == []
    assert store.read("SELECT * FROM lanes") == []


def test_the_process_is_in_the_journal_before_the_job_is_sent(place: Place, store: Store, add: Add) -> None:
    job = add()
    seen: list[str] = []
    place.turn()
    place.process.submit = lambda job: seen.append(store.starts(number)[0].process)  # type: ignore[method-assign]
    number = job + 1
    place.process.finishes()
    add()
    place.turn()
    assert json.loads(seen[0])["pid"] == json.loads(store.starts(job)[0].process)["pid"]


def test_a_job_goes_to_its_lanes_device_with_its_own_values(place: Place, add: Add) -> None:
    add(devices__device="numpy", reconstruction__iterations=7)
    place.turn()
    assert place.process.jobs[0].parameters.devices.device == "cpu:0"
    assert place.process.jobs[0].parameters.reconstruction.iterations == 7


def test_what_the_convergence_watch_finds_is_kept_until_the_next_start(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    found = [RunFinding("rise", 40 * i, f"the error rises {i}", {"reconstruction.seed": i}, "less") for i in (1, 2)]
    for one in found:
        place.process.runs(one.iteration, findings=(one,))
        place.turn()
    assert store.findings(job) == [one.as_dict() for one in found]
    place.process.dies()
    place.turn()
    assert store.findings(job) == []


def test_progress_comes_into_the_store_now_and_then(
    place: Place, store: Store, add: Add, clock: Callable[[float], None]
) -> None:
    job = add()
    place.turn()
    for iteration, seen in ((0, 0), (1, 0), (2, 2)):
        place.process.runs(iteration)
        place.turn()
        assert store.entry(job).iteration == seen
        clock(0.3)
    assert store.entry(job).error == 1.5
    place.process.runs(3, State.DONE)
    place.process.finishes()
    place.turn()
    assert store.entry(job).iteration == 3


def test_a_job_that_waits_for_files_says_so(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    place.process.runs(0, State.WAITING, ("3 files are missing",))
    place.turn()
    assert (store.entry(job).state, store.entry(job).cause) == (State.WAITING, "3 files are missing")
    place.process.runs(1)
    place.turn()
    assert (store.entry(job).state, store.entry(job).cause) == (State.RUNNING, "")


def test_a_job_keeps_its_state_in_its_folder_until_it_is_retried(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    assert place.process.job is not None
    state = place.process.job.checkpoint_file
    assert state == job_folder(store.folder, job) / "checkpoint"
    state.touch()
    place.process.fails()
    place.turn()
    assert state.exists()
    changes.retry(store, job)
    assert not state.exists()


def test_orders_reach_the_process_in_their_order(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    for order in (Order.PAUSE, Order.STEP, Order.RESUME, Order.STOP):
        changes.order(store, job, order)
    place.turn()
    assert place.process.told[2:] == ["pause", "step", "resume", "stop"]
    place.process.finishes(State.STOPPED)
    place.turn()
    assert store.entry(job).state is State.STOPPED and store.read("SELECT * FROM orders") == []


def test_a_pause_is_seen_and_ends(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    changes.order(store, job, Order.PAUSE)
    place.process.pauses()
    place.turn()
    assert (store.entry(job).state, store.entry(job).asked) == (State.PAUSED, "")
    changes.order(store, job, Order.RESUME)
    place.process.runs(2)
    place.turn()
    assert (store.entry(job).state, store.entry(job).asked) == (State.RUNNING, "")


def test_a_job_that_pauses_on_a_gpu_says_that_it_keeps_its_memory(store: Store, add: Add, folder: Path) -> None:
    job, place = add(), Place(folder, "cuda:0")
    place.turn()
    place.process.pauses()
    place.turn()
    assert store.entry(job).cause == "it keeps its memory on cuda:0"
    place.own.close()


def test_a_cancelled_job_that_does_not_end_is_killed(
    place: Place, store: Store, add: Add, clock: Callable[[float], None]
) -> None:
    job = add()
    place.turn()
    changes.order(store, job, Order.CANCEL)
    place.turn()
    assert "kill" not in place.process.told
    clock(11.0)
    place.turn()
    assert "kill" in place.process.told and store.entry(job).state is State.CANCELLED


def test_a_job_whose_process_died_is_tried_once_more_and_then_fails(place: Place, store: Store, add: Add) -> None:
    job, after = add(), add()
    for state in (State.INTERRUPTED, State.FAILED):
        place.turn()
        place.process.dies("killed by signal 11")
        place.lane.turn(0.0)
        assert (store.entry(job).state, store.entry(job).cause) == (state, "killed by signal 11")
    place.turn()
    assert store.entry(job).attempts == 2 and store.entry(after).state is State.RUNNING
    assert place.process.told.count("start") == 3


def test_what_fails_by_itself_is_not_tried_again(place: Place, store: Store, add: Add) -> None:
    job, after = add(), add()
    place.turn()
    place.process.fails("the scan folder is gone", "DataError")
    place.turn()
    assert (store.entry(job).state, store.entry(job).cause) == (State.FAILED, "the scan folder is gone")
    assert store.entry(after).state is State.RUNNING and place.process.told.count("start") == 1


def test_a_defect_ends_the_job_and_the_device_is_opened_anew(place: Place, store: Store, add: Add) -> None:
    job, after = add(), add()
    place.turn()
    place.process.fails("internal error: ZeroDivisionError", "internal")
    place.turn()
    assert store.entry(job).state is State.FAILED and store.entry(after).state is State.RUNNING
    assert place.process.told.count("start") == 2


@pytest.mark.parametrize(
    ("message", "kind"), [("cuda:0 has too little memory", "MemoryBudgetError"), ("MemoryError: used up", "internal")]
)
def test_out_of_memory_is_tried_once_with_a_smaller_batch(
    place: Place, store: Store, add: Add, message: str, kind: str
) -> None:
    job = add(reconstruction__engine="epie", reconstruction__batch_size=20)
    for state in (State.INTERRUPTED, State.FAILED):
        place.turn()
        place.process.fails(message, kind)
        place.lane.turn(0.0)
        assert store.entry(job).state is state
    sizes = [sent.parameters.reconstruction.batch_size for sent in place.process.jobs]
    assert sizes == [20, 10] and (store.entry(job).memory_tries, store.entry(job).deaths) == (1, 0)


def test_a_child_that_the_system_killed_for_memory_counts_as_out_of_memory(
    place: Place, store: Store, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = [3]
    monkeypatch.setattr(lanes, "kills_so_far", lambda: kills[0])
    job = add()
    place.turn()
    kills[0] = 4
    place.process.dies("killed by signal 9")
    place.lane.turn(0.0)
    assert store.entry(job).cause == "out of memory: killed by signal 9" and store.entry(job).memory_tries == 1


def test_half_a_file_that_a_dead_child_left_is_removed(
    place: Place, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    place.turn()
    assert place.process.job is not None
    monkeypatch.setattr(atomic, "_marks", [])
    atomic.mark_parts(place.process.job.id)
    part = atomic._temporary(tmp_path / "result.cxi")
    part.touch()
    place.process.dies()
    place.turn()
    assert not part.exists()


def test_a_result_that_was_written_before_the_process_died_counts(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    place.process.writes(State.DONE)
    place.process.dies()
    place.turn()
    assert store.entry(job).state is State.DONE and len(place.process.jobs) == 1


def test_after_a_death_a_job_goes_on_from_its_checkpoint(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    place.process.writes(State.CHECKPOINT)
    place.process.dies("killed")
    place.turn()
    place.turn()
    assert place.process.jobs[1].first_try == FirstTry("killed", Path(store.entry(job).result))


def test_a_result_that_was_there_before_is_no_checkpoint(place: Place, store: Store, add: Add) -> None:
    job = add()
    write_result(Path(store.entry(job).result), make_result(state=State.DONE))
    place.turn()
    place.process.dies("killed")
    place.turn()
    place.turn()
    assert place.process.jobs[1].first_try is None and store.entry(job).state is State.RUNNING


def test_a_device_that_can_not_be_opened_keeps_its_jobs_and_is_tried_again(
    place: Place, store: Store, add: Add, clock: Callable[[float], None]
) -> None:
    job = add()
    with store.transaction() as change:
        change.execute("INSERT INTO lanes VALUES ('cpu:0', '')")
    place.process.opens = False
    for starts, pause_s in ((1, 1.5), (2, 2.5), (3, 4.5)):
        place.turn()
        assert place.process.told.count("start") == starts
        clock(pause_s)
    assert store.lanes() == {"cpu:0": "it is held by another process"}
    place.process.opens = True
    place.turn()
    assert store.entry(job).state is State.RUNNING and store.lanes() == {"cpu:0": ""}


def test_a_silent_child_is_named_and_ended_after_the_limit(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    place.process.silence_s = 299.0
    place.turn()
    assert "kill" not in place.process.told
    place.process.silence_s = 301.0
    place.lane.turn(0.0)
    assert place.process.told.count("kill") == 1 and store.entry(job).state is State.INTERRUPTED


def test_leaving_breaks_the_job_off_and_it_goes_on_later(place: Place, store: Store, add: Add, folder: Path) -> None:
    job = add()
    place.turn()
    place.lane.leave()
    place.turn()
    assert place.process.told[-1] == "leave" and not place.lane.has_left
    place.process.finishes(State.INTERRUPTED)
    place.turn()
    assert place.lane.has_left and store.entry(job).state is State.INTERRUPTED
    next_one = Place(folder)
    next_one.turn()
    assert store.entry(job).state is State.RUNNING
    next_one.own.close()


def test_a_job_that_is_to_stop_is_not_broken_off_when_its_lane_leaves(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    changes.order(store, job, Order.STOP)
    place.lane.leave()
    place.turn()
    assert place.process.told[-1] == "stop" and not place.lane.has_left
    place.process.finishes(State.STOPPED)
    place.turn()
    assert place.lane.has_left and store.entry(job).state is State.STOPPED


def test_leaving_does_not_wait_for_a_long_iteration(
    place: Place, store: Store, add: Add, clock: Callable[[float], None]
) -> None:
    job = add()
    place.turn()
    place.lane.leave()
    place.turn()
    clock(21.0)
    place.turn()
    assert place.lane.has_left and (store.entry(job).state, store.entry(job).deaths) == (State.INTERRUPTED, 0)


def test_while_the_store_can_not_be_written_the_end_is_kept_and_nothing_begins(
    place: Place, store: Store, add: Add
) -> None:
    job, after = add(), add()
    place.turn()
    place.own.read("PRAGMA query_only = 1")
    place.process.finishes()
    place.turn()
    assert store.entry(job).state is State.RUNNING and place.process.job is None
    place.own.read("PRAGMA query_only = 0")
    place.turn()
    assert store.entry(job).state is State.DONE and store.entry(after).state is State.RUNNING


def test_a_child_that_can_not_be_written_down_gets_no_job(
    place: Place, store: Store, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add()
    place.turn()

    def full(_timeout_s: float) -> list[object]:
        raise OutputError("the disk is full")

    monkeypatch.setattr(place.process, "messages", full)
    place.lane.turn(0.0)
    monkeypatch.undo()
    assert store.entry(job).state is State.INTERRUPTED and place.process.told[-1] == "close"
    place.turn()
    assert store.entry(job).state is State.RUNNING


def test_a_job_that_can_not_be_read_fails_alone(place: Place, store: Store, add: Add) -> None:
    job, after = add(), add()
    with store.transaction() as change:
        change.execute("UPDATE contents SET text = '{}' WHERE job = ?", (job,))
    place.turn()
    assert store.entry(job).state is State.FAILED and "can't be read" in store.entry(job).cause
    assert store.entry(after).state is State.RUNNING


def test_the_log_has_parameters_iterations_notes_orders_and_the_end(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    place.process.runs(1, notes=("the beam is odd",))
    place.turn()
    changes.order(store, job, Order.STOP)
    place.turn()
    place.process.fails("a cause")
    place.turn()
    log = Path(job_log(store.folder, job)).read_text()
    said = [
        "start 1 of simulated scan on cpu:0", '"iterations": 3', "note: the beam is odd", "iteration 1/3: error 1.5",
        "told to stop", "failed: a cause",
    ]  # fmt: skip
    assert [log.index(words) for words in said] == sorted(log.index(words) for words in said)


def test_the_preview_is_the_newest_picture(place: Place, store: Store, add: Add) -> None:
    job = add()
    place.turn()
    for size in (40, 60):
        estimate = Estimate(make_result().object[:1, :1].repeat(size, 0).repeat(size, 1), make_result().probe)
        place.process._events.append(Picture(place.process.job_id, 1, estimate, 1e-9))
    place.process.finishes()
    place.turn()
    with Image.open(job_folder(store.folder, job) / PREVIEW) as preview:
        assert preview.size == (60, 60)
