"""What the window shows of the queue, without Qt: from what was read of it to groups of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptychogui.backends.base import Device
from ptychogui.queue.owner import QueueOwner
from ptychogui.queue.snapshot import Resting, Snapshot
from ptychogui.queue.store.entry import UNDER_WAY, Entry
from ptychogui.queue_state import Group, JobRow, Notice, QueueState, QueueView
from ptychogui.states import State

DEVICES = (
    Device("cuda:0", "CUDA", False, "CuPy is not installed", 0, 0),
    Device("cpu", "two cores", True, "", 0, 0),
    Device("cpu:0", "half", True, "", 0, 0),
)
MINE = QueueOwner("the window", {"pid": 1, "host": "here"}, "now")
OTHER = QueueOwner("ptychogui run", {"pid": 17, "host": "beamline4"}, "10:33")


def entry(number: int, state: State, **more: Any) -> Entry:
    given = {
        "uid": str(number), "title": f"fly{number}", "source": None, "result": f"/nowhere/{number}.cxi",
        "device": "any", "priority": 0, "place": float(number), "state": state, "lane": "", "attempts": 0, "deaths": 0,
        "memory_tries": 0, "iteration": 0, "iterations": 100, "error": None, "cause": "", "asked": "", "made": "",
        "started": "", "ended": "", "batch": None,
    }  # fmt: skip
    return Entry(**{"id": number, **given, **more})


def snapshot(*entries: Entry, lanes: dict[str, str] | None = None, owner: QueueOwner | None = MINE) -> Snapshot:
    under_way = tuple(entry for entry in entries if entry.state in UNDER_WAY)
    resting = Resting(tuple(entry for entry in entries if entry.state not in UNDER_WAY))
    return Snapshot(under_way, resting, lanes or {}, owner, owner is MINE)


def shown(*entries: Entry, lanes: dict[str, str] | None = None, owner: QueueOwner | None = MINE) -> QueueState:
    return QueueView().state(snapshot(*entries, lanes=lanes or {"cpu": ""}, owner=owner), DEVICES, ("cpu",))


def group(state: QueueState, key: str) -> Group:
    return next(group for group in state.groups if group.key == key)


def row(**more: Any) -> JobRow:
    state = more.pop("state", State.QUEUED)
    return shown(entry(1, state, **more)).rows[1]


def test_jobs_are_under_their_device_or_wait_for_any_or_are_over() -> None:
    state = shown(
        entry(1, State.DONE, lane="cpu", ended="2026-01-01"), entry(2, State.QUEUED),
        entry(5, State.QUEUED, device="cpu"), entry(3, State.RUNNING, lane="cpu", attempts=1),
        entry(4, State.FAILED, lane="cpu", ended="2026-01-02"),
    )  # fmt: skip
    placed = {group.key: [job.id for job in group.jobs] for group in state.groups}
    assert placed == {"cpu": [3, 5], "cpu:0": [], "cuda:0": [], "any": [2], "ended": [4, 1]}
    assert state.counts == "1 running, 2 waiting"
    assert group(state, "ended").detail == "1 done, 1 failed"
    assert (state.is_busy, state.has_ended) == (True, True)


def test_what_waits_for_a_device_that_is_not_there_is_seen_with_the_reason() -> None:
    state = shown(entry(1, State.QUEUED, device="cuda:7"))
    assert group(state, "cuda:7").is_faulty
    assert state.rows[1].detail == "no lane for cuda:7; there are cpu"


def test_devices_say_why_they_can_not_be_used() -> None:
    state = shown(lanes={"cpu": "it is held by another process"})
    gpu, cpu = group(state, "cuda:0"), group(state, "cpu")
    assert (gpu.usable, gpu.ticked, gpu.detail) == (False, False, "CuPy is not installed")
    assert (cpu.usable, cpu.ticked, cpu.detail, cpu.is_faulty) == (True, True, "it is held by another process", True)


def test_where_another_process_runs_the_queue_it_is_named_and_its_devices_are_ticked() -> None:
    state = shown(entry(1, State.RUNNING, lane="cpu:0", attempts=1), lanes={"cpu:0": ""}, owner=OTHER)
    assert [(group.key, group.ticked) for group in state.groups] == [("cpu", False), ("cpu:0", True), ("cuda:0", False)]
    assert not any(group.usable for group in state.groups)
    assert state.notice is not None and "ptychogui run, process 17 of beamline4" in state.notice.text
    assert state.notice.choices == (), "a process elsewhere can't be asked"
    assert not state.is_busy
    assert QueueView().state(Snapshot(), DEVICES, (), Notice("x")).notice == Notice("x")


@pytest.mark.parametrize(
    ("state", "may"),
    [
        (State.RUNNING, {"pause", "stop", "cancel"}),
        (State.PAUSED, {"resume", "step", "stop", "cancel"}),
        (State.WAITING, {"stop", "cancel"}),
        (State.QUEUED, {"hold", "cancel", "remove"}),
        (State.INTERRUPTED, {"hold", "cancel", "remove"}),
        (State.HELD, {"release", "cancel", "remove"}),
        (State.DONE, {"continue", "remove"}),
        (State.STOPPED, {"continue", "retry", "remove"}),
        (State.FAILED, {"retry", "remove"}),
        (State.CANCELLED, {"retry", "remove"}),
    ],
)
def test_what_can_be_done_in_each_state(state: State, may: set[str]) -> None:
    assert row(state=state).may == may
    assert row(state=state, attempts=1).may == may | {"log"}


def test_what_was_told_to_stop_can_only_be_cancelled() -> None:
    asked = row(state=State.RUNNING, asked="stop", attempts=1)
    assert asked.word == "stopping" and asked.may == {"cancel", "log"}
    assert row(state=State.RUNNING, asked="cancel").may == frozenset()
    assert row(state=State.RUNNING, asked="pause").word == "pausing"


def test_a_failed_job_that_left_a_checkpoint_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "a.cxi").touch()
    assert "continue" in row(state=State.FAILED, result=str(tmp_path / "a.cxi")).may


def test_neighbors_are_those_that_wait_in_the_same_place() -> None:
    state = shown(
        entry(1, State.QUEUED), entry(2, State.HELD), entry(3, State.QUEUED, device="cpu"), entry(4, State.QUEUED)
    )
    near = {number: (job.before, job.after) for number, job in state.rows.items()}
    assert near == {1: (0, 2), 2: (1, 4), 4: (2, 0), 3: (0, 0)}
    assert "up" not in state.rows[1].may and {"up", "down"} <= state.rows[2].may


def test_numbers_and_causes() -> None:
    running = row(state=State.RUNNING, attempts=1, iteration=40, error=1.2345)
    assert (running.detail, running.done) == ("40 of 100 · error 1.23", 0.4)
    done = row(state=State.DONE, attempts=1, iteration=100, error=0.5, lane="cpu")
    assert (done.detail, done.done) == ("100 iterations · error 0.500 · cpu", -1.0)
    assert row(state=State.FAILED, cause="no energy").detail == "no energy"
    assert row().detail == "100 iterations"
    assert row().name == "fly1 (job 1)"


def test_jobs_that_rest_are_made_rows_of_once() -> None:
    view, resting = QueueView(), Resting(tuple(entry(number, State.QUEUED) for number in range(1, 9)))
    first = view.state(Snapshot((), resting, {"cpu": ""}, MINE, True), DEVICES, ("cpu",))
    running = entry(9, State.RUNNING, lane="cpu", attempts=1)
    second = view.state(Snapshot((running,), resting, {"cpu": ""}, MINE, True), DEVICES, ("cpu",))
    assert group(first, "any").jobs is group(second, "any").jobs and second.rows[9].state is State.RUNNING
    third = view.state(Snapshot((), Resting((entry(1, State.HELD),)), {"cpu": ""}, MINE, True), DEVICES, ("cpu",))
    assert set(third.rows) == {1} and third.counts == "1 held"


def test_a_device_that_is_being_opened_says_so_and_jobs_without_one_too() -> None:
    view = QueueView()
    state = view.state(snapshot(entry(1, State.QUEUED), lanes={"cpu": ""}), DEVICES, ("cpu",), opening={"cpu"})
    assert group(state, "cpu").detail.startswith("opening")
    assert view.state(snapshot(entry(1, State.QUEUED)), DEVICES, ()).rows[1].detail == "no device is ticked"


def test_a_device_says_in_few_words_what_a_user_needs_and_all_else_in_its_tip() -> None:
    gpu = Device(
        "cuda:0", "NVIDIA H100 80GB HBM3", True, "", 80 * 10**9, 31 * 10**9, 0.31, ("python (process 7)",), 61.0
    )
    cpu = Device("cpu", "AMD EPYC, 2 cores, c++ 12", True, "", 25 * 10**9, 22 * 10**9, cores=2)
    none = Device("cuda:1", "no GPU", False, "CuPy is not installed: pip install 'ptychogui[cuda12]'", 0, 0)
    first, second, last, *_ = QueueView().state(snapshot(), (gpu, cpu, none), ()).groups
    assert (first.title, first.detail, first.gauge) == ("cuda:0  H100 80GB HBM3", "31 GB free", "31% 61 °C")
    assert first.tip.splitlines() == ["NVIDIA H100 80GB HBM3", "31% busy", "also there: python (process 7)"]
    assert (second.title, second.detail, second.gauge) == ("cpu", "2 cores, 22 GB free", "")
    assert (last.detail, last.gauge) == ("CuPy is not installed", "") and "pip install" in last.tip


def test_a_job_under_way_says_how_long_it_takes_and_has_a_picture(tmp_path: Path) -> None:
    running, waiting = entry(1, State.RUNNING, attempts=1, iteration=40, error=1.234), entry(2, State.QUEUED)
    view = QueueView(tmp_path)
    state = view.state(snapshot(running, waiting), DEVICES, (), left_s={running.uid: 200.0})
    assert state.rows[1].detail == "40 of 100 · 3 min 20 s left · error 1.23"
    assert state.rows[1].picture == str(tmp_path / "jobs" / "1" / "preview.png") and not state.rows[2].picture
