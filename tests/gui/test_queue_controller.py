"""The queue in the window, with lanes whose processes do what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.background import Background
from ptychogui.controllers.queue.live import LiveController
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.params.origins import Origin, Source
from ptychogui.queue.devices import remember
from ptychogui.queue.owner import RUN, Ownership
from ptychogui.queue.store.folders import LOG, PREVIEW, make_job_folder
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.states import State
from ptychogui.window_state import Phase, RunState
from tests.jobs.fakes import make_job
from tests.queue.fakes import FakeProcess, Made

SOON = 10_000

GIVEN = ("experiment.simulate", "experiment.scan_dims", "preprocessing.size_px", "experiment.detector_pixel_m",
         "experiment.probe_diameter_m")  # fmt: skip

Add = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "queue") as store:
        remember(store, ("cpu",))
    return tmp_path / "queue"


@pytest.fixture
def add(folder: Path, tmp_path: Path) -> Add:
    """Put a job into the queue, as another process does."""
    count = iter(range(1000))

    def one(**values: Any) -> int:
        job = make_job(tmp_path / f"result-{next(count)}.cxi", "", **values)
        job = replace(job, origins=dict.fromkeys(GIVEN, Origin(Source.USER)))
        with Store(folder) as store:
            return store.add([NewJob(JobText.of(job, {"ptychogui": "0"}))])[0]

    return one


class Leaving(FakeProcess):
    """Leaves its job when it is told to."""

    def leave(self) -> None:
        super().leave()
        if self.job is not None:
            self.finishes(State.INTERRUPTED)


class MadeLeaving(Made):
    def __call__(self, device: str, on_child: Callable[[int], None]) -> FakeProcess:
        self.processes[device] = Leaving(device, on_child)
        return self.processes[device]


@pytest.fixture
def made() -> Made:
    return MadeLeaving()


@pytest.fixture
def queue(qtbot: QtBot, folder: Path, made: Made) -> Iterator[QueueController]:
    controller = QueueController(folder, made)
    yield controller
    controller.close()


@pytest.fixture
def live(qtbot: QtBot, queue: QueueController) -> Iterator[LiveController]:
    background = Background()
    yield LiveController(queue, background)
    background.close()


def process(qtbot: QtBot, made: Made, device: str = "cpu") -> FakeProcess:
    """Wait until a lane has given a job to its process."""
    qtbot.waitUntil(lambda: device in made.processes and bool(made.processes[device].job_id), timeout=SOON)
    return made.processes[device]


def stands(qtbot: QtBot, queue: QueueController, job: int, state: State) -> None:
    qtbot.waitUntil(lambda: job in queue.state.rows and queue.state.rows[job].state is state, timeout=SOON)


def begun(qtbot: QtBot, queue: QueueController) -> None:
    queue.start()
    qtbot.waitUntil(lambda: queue.state.is_mine and bool(queue.state.groups), timeout=SOON)


class TestQueue:
    def test_a_job_of_another_terminal_is_done_here(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        job = add()
        child = process(qtbot, made)
        stands(qtbot, queue, job, State.RUNNING)
        assert queue.state.is_busy
        child.finishes()
        stands(qtbot, queue, job, State.DONE)
        assert not queue.state.is_busy and queue.state.has_ended

    def test_orders_reach_the_job(self, qtbot: QtBot, queue: QueueController, made: Made, add: Add) -> None:
        begun(qtbot, queue)
        job = add()
        child = process(qtbot, made)
        stands(qtbot, queue, job, State.RUNNING)
        queue.act("pause", [job])
        qtbot.waitUntil(lambda: "pause" in child.told, timeout=SOON)
        child.pauses()
        stands(qtbot, queue, job, State.PAUSED)
        queue.act("step", [job])
        queue.act("resume", [job])
        qtbot.waitUntil(lambda: {"step", "resume"} <= set(child.told), timeout=SOON)
        queue.act("retry", [job])  # means nothing to a job under way
        child.runs(2)
        queue.act("stop", [job])
        qtbot.waitUntil(lambda: "stop" in child.told, timeout=SOON)
        child.finishes(State.STOPPED)
        stands(qtbot, queue, job, State.STOPPED)
        queue.act("retry", [job])
        assert process(qtbot, made).told.count("submit") == 2
        stands(qtbot, queue, job, State.RUNNING)
        queue.act("cancel", [job])
        qtbot.waitUntil(lambda: "cancel" in child.told, timeout=SOON)
        child.finishes(State.CANCELLED)
        stands(qtbot, queue, job, State.CANCELLED)
        queue.act("remove", [job])
        qtbot.waitUntil(lambda: not queue.state.rows, timeout=SOON)

    def test_what_waits_is_held_released_and_moved(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        add()
        process(qtbot, made)
        first, second, third = add(), add(), add()
        stands(qtbot, queue, third, State.QUEUED)
        queue.act("hold", [first, second])
        stands(qtbot, queue, second, State.HELD)
        queue.act("release", [first, second, third])
        stands(qtbot, queue, second, State.QUEUED)

        def order() -> list[int]:
            (group,) = (group for group in queue.state.groups if group.key == "any")
            return [row.id for row in group.jobs]

        queue.act("up", [third])
        qtbot.waitUntil(lambda: order() == [first, third, second], timeout=SOON)
        queue.act("down", [first])
        qtbot.waitUntil(lambda: order() == [third, first, second], timeout=SOON)
        queue.move(second, third, "any")
        qtbot.waitUntil(lambda: order() == [second, third, first], timeout=SOON)
        queue.move(third, 0, "cpu:1")
        qtbot.waitUntil(lambda: order() == [second, first], timeout=SOON)
        queue.act("cancel", [second])
        stands(qtbot, queue, second, State.CANCELLED)
        queue.clear()
        qtbot.waitUntil(lambda: second not in queue.state.rows, timeout=SOON)

    def test_what_can_not_be_done_is_said(self, qtbot: QtBot, queue: QueueController, made: Made, add: Add) -> None:
        begun(qtbot, queue)
        job = add()
        process(qtbot, made)
        stands(qtbot, queue, job, State.RUNNING)
        with qtbot.waitSignal(queue.problem, timeout=SOON) as problem:
            queue.move(job, 0, "cpu")
        assert "can't be moved" in problem.args[0].text

    def test_a_device_that_is_ticked_has_a_lane_and_is_remembered(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add, folder: Path
    ) -> None:
        begun(qtbot, queue)
        job = add()
        child = process(qtbot, made)
        queue.tick("cpu:0", True)
        assert queue.devices == ("cpu:0",), "the CPU and its halves take each other's place"
        assert process(qtbot, made, "cpu:0").jobs[0].id == child.jobs[0].id, "its job goes on there"
        stands(qtbot, queue, job, State.RUNNING)
        queue.tick("cpu:1", True)
        add()
        process(qtbot, made, "cpu:1")
        with Store(folder) as store:
            assert store.setting("devices") == '["cpu:0", "cpu:1"]'
            qtbot.waitUntil(lambda: set(store.lanes()) == {"cpu:0", "cpu:1"}, timeout=SOON)

    def test_a_finished_job_goes_on_as_another(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        job = add()
        process(qtbot, made).finishes()
        stands(qtbot, queue, job, State.DONE)
        with qtbot.waitSignal(queue.added, timeout=SOON) as added:
            queue.go_on_from(job, 7)
        assert added.args == [[job + 1]]
        child = process(qtbot, made)
        assert child.jobs[-1].parameters.reconstruction.iterations == 7
        assert child.jobs[-1].parameters.reconstruction.object_guess == child.jobs[0].output

    def test_it_can_go_on_with_another_algorithm_and_the_forms_values(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        job = add()
        process(qtbot, made).finishes()
        stands(qtbot, queue, job, State.DONE)
        own = {"experiment.energy_eV": (9000.0, ""), "preprocessing.threshold_counts": (2.0, ""),
               "reconstruction.iterations": (99, "")}  # fmt: skip
        with qtbot.waitSignal(queue.added, timeout=SOON):
            queue.go_on_from(job, 7, "epie", own)
        values = process(qtbot, made).jobs[-1].parameters
        assert (values.reconstruction.engine, values.reconstruction.iterations) == ("epie", 7)
        assert values.preprocessing.threshold_counts == 2.0 and values.experiment.energy_eV != 9000.0

    def test_all_that_waits_is_held_and_released(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        first, second, third = add(), add(), add()
        stands(qtbot, queue, first, State.RUNNING)
        stands(qtbot, queue, third, State.QUEUED)
        assert queue.state.has_waiting and not queue.state.has_held
        queue.hold_all()
        stands(qtbot, queue, third, State.HELD)
        assert queue.state.has_held and not queue.state.has_waiting
        process(qtbot, made).finishes()
        stands(qtbot, queue, first, State.DONE)
        assert queue.state.rows[second].state is State.HELD
        queue.release_all()
        stands(qtbot, queue, second, State.RUNNING)


class TestOwners:
    def test_where_another_process_runs_the_queue_it_looks_on_and_takes_over_at_its_end(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add, folder: Path
    ) -> None:
        with Ownership(folder, RUN):
            job = add()
            queue.start()
            stands(qtbot, queue, job, State.QUEUED)
            notice = queue.state.notice
            assert not queue.state.is_mine and notice is not None and "ptychogui run, process" in notice.text
            queue.act("hold", [job])
            stands(qtbot, queue, job, State.HELD)
            queue.act("release", [job])
            assert not made.processes
        process(qtbot, made)
        assert queue.state.notice is None, "what went on before its eyes needs no question"

    def test_what_is_left_of_another_time_waits_for_an_answer(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        job = add()
        begun(qtbot, queue)
        qtbot.waitUntil(lambda: queue.state.notice is not None, timeout=SOON)
        assert not made.processes
        queue.answer("go-on")
        process(qtbot, made)
        assert queue.state.notice is None
        stands(qtbot, queue, job, State.RUNNING)

    def test_what_is_left_can_be_held_and_a_new_job_comes_before_it(
        self, qtbot: QtBot, queue: QueueController, made: Made, add: Add
    ) -> None:
        left = add()
        begun(qtbot, queue)
        qtbot.waitUntil(lambda: queue.state.notice is not None, timeout=SOON)
        queue.hold_left()
        stands(qtbot, queue, left, State.HELD)
        job = add()
        process(qtbot, made)
        stands(qtbot, queue, job, State.RUNNING)

    def test_a_store_that_is_damaged_is_said_and_closes_the_queue(
        self, qtbot: QtBot, queue: QueueController, folder: Path
    ) -> None:
        (folder / "queue.sqlite").write_bytes(b"no database at all" * 1000)
        with qtbot.waitSignal(queue.problem, timeout=SOON) as problem:
            queue.start()
        assert problem.args[0].title == "The queue can't be used"
        assert "queue.sqlite" in queue.state.closed


class TestLive:
    def test_it_follows_what_runs_and_names_it(
        self, qtbot: QtBot, queue: QueueController, live: LiveController, made: Made, add: Add
    ) -> None:
        said: list[RunState] = []
        live.shown.connect(said.append)
        begun(qtbot, queue)
        first = add()
        child = process(qtbot, made)
        child.runs(1)
        qtbot.waitUntil(lambda: bool(said) and said[-1].phase is Phase.RUNNING, timeout=SOON)
        assert said[-1].name.endswith(f"(job {first})") and said[-1].curve.points == ((1, 1.5),)
        assert live.jobs == (first,)
        second = add()
        child.finishes()
        process(qtbot, made)
        qtbot.waitUntil(lambda: live.jobs == (second,), timeout=SOON)
        assert not said[-1].curve.points, "nothing of the one before"

    def test_one_that_was_chosen_stays(
        self, qtbot: QtBot, queue: QueueController, live: LiveController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        first = add()
        process(qtbot, made).finishes()
        stands(qtbot, queue, first, State.DONE)
        second = add()
        process(qtbot, made)
        stands(qtbot, queue, second, State.RUNNING)
        qtbot.waitUntil(lambda: live.jobs == (second,), timeout=SOON)
        with qtbot.waitSignals([live.cleared, live.turned, live.shot], timeout=SOON, order="strict"):
            live.choose((first,))
        assert live.jobs == (first,)
        third = add()
        made.processes["cpu"].finishes()
        stands(qtbot, queue, third, State.RUNNING)
        assert live.jobs == (first,)
        live.follow(True)
        assert live.jobs == (third,)

    def test_a_job_without_a_result_shows_what_was_kept_of_it_and_its_log(
        self, qtbot: QtBot, queue: QueueController, live: LiveController, made: Made, add: Add, folder: Path
    ) -> None:
        begun(qtbot, queue)
        job = add()
        child = process(qtbot, made)
        with qtbot.waitSignals([live.problem, live.ended], timeout=SOON) as signals:
            child.fails("the energy is missing")
        title = signals.all_signals_and_args[0].args[0].title
        assert title.endswith(f"(job {job}) has failed")
        stands(qtbot, queue, job, State.FAILED)
        live.choose(())
        live.follow(True)
        with qtbot.waitSignal(live.preview, timeout=SOON) as preview:
            live.choose((job,)) if live.jobs != (job,) else queue.act("log", [])
            queue.seen.emit(queue.snapshot)
        assert preview.args[0].path == make_job_folder(folder, job) / PREVIEW
        with qtbot.waitSignal(live.log, timeout=SOON) as log:
            live.read_log()
        assert "the energy is missing" in log.args[1]
        (make_job_folder(folder, job) / LOG).unlink()
        with qtbot.waitSignal(live.problem, timeout=SOON) as problem:
            live.read_log()
        assert "has no log" in problem.args[0].title

    def test_a_job_that_is_taken_out_of_the_queue_leaves_nothing_on_the_screen(
        self, qtbot: QtBot, queue: QueueController, live: LiveController, made: Made, add: Add
    ) -> None:
        begun(qtbot, queue)
        job = add()
        process(qtbot, made).finishes()
        stands(qtbot, queue, job, State.DONE)
        live.choose((job,))
        said: list[RunState] = []
        live.shown.connect(said.append)
        with qtbot.waitSignal(live.cleared, timeout=SOON):
            queue.act("remove", [job])
        qtbot.waitUntil(lambda: bool(said) and said[-1] == RunState(), timeout=SOON)
        assert live.jobs == ()


def test_closing_waits_for_lanes_that_keep_their_jobs_state(qtbot: QtBot, folder: Path, made: Made, add: Add) -> None:
    queue = QueueController(folder, made)
    begun(qtbot, queue)
    job = add()
    child = process(qtbot, made)
    with qtbot.waitSignal(queue.left, timeout=SOON):
        queue.leave()
    assert "leave" in child.told
    queue.close()
    with Store(folder) as store:
        assert store.entry(job).state is State.INTERRUPTED
