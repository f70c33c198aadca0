"""The engine process: what it says, in order; what becomes of it when it is told, killed, or left alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import pytest

from ptychogui.errors import OutputError
from ptychogui.io.result import read_result
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes import child_process
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.jobs.processes.messages import Died, Event, Failed, Finished, Order, Paused, Picture, Ready, Silent
from ptychogui.states import State
from tests.jobs.fakes import make_job, pixel_m
from tests.jobs.processes.gpu_in_child import plan_failures

LIMIT_S = 30.0
"""For what must come; a test that waits so long has failed."""

_Event = TypeVar("_Event", bound=Event)


class Listener:
    """Keeps what a process says, and waits for what must come."""

    def __init__(self, process: EngineProcess) -> None:
        self.process = process
        self.heard: list[Event] = []

    def until(self, kind: type[_Event], where: Callable[[_Event], bool] = lambda _event: True) -> _Event:
        """Listen until an event of a kind comes; return it."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            new = self.process.messages(1.0)
            self.heard += new
            for event in new:
                if isinstance(event, kind) and where(event):
                    return event
        raise AssertionError(f"no {kind.__name__} came, only {self.heard[-5:]}")

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.heard if isinstance(event, kind)]


def fake_process() -> EngineProcess:
    return EngineProcess("numpy", run="tests.jobs.fakes:play")


@pytest.fixture(scope="module")
def warm() -> Iterator[EngineProcess]:
    with fake_process() as process:
        Listener(process).until(Ready)
        yield process


@pytest.fixture
def listener(warm: EngineProcess) -> Iterator[Listener]:
    listener = Listener(warm)
    yield listener
    if warm.job_id:
        warm.cancel()
        listener.until(Finished)


def test_a_job_says_all_iterations_in_order_then_its_result_then_its_end(listener: Listener, tmp_path: Path) -> None:
    job = make_job(tmp_path / "result")
    listener.process.submit(job)
    listener.until(Progress, lambda progress: progress.iteration >= 5)
    listener.process.stop()
    end = listener.until(Finished)
    said = listener.of(Progress)
    last = said[-1].iteration
    assert [progress.iteration for progress in said] == [*range(last + 1)]
    assert [progress.state for progress in said] == [State.RUNNING] * last + [State.STOPPED]
    assert all(progress.estimate is None for progress in said)
    assert end == Finished(job.id, State.STOPPED, job.output) == listener.heard[-1]
    assert job.output.read_text() == "result"
    assert listener.process.job_id == ""


def test_pictures_come_whole_in_order_and_the_last_one_always(listener: Listener, tmp_path: Path) -> None:
    for modes in (1, 7, 2):
        listener.heard.clear()
        listener.process.submit(make_job(tmp_path / "result", experiment__probe_modes=modes))
        listener.until(Picture, lambda picture: picture.iteration > 0)
        listener.process.stop()
        listener.until(Finished)
        pictures = listener.of(Picture)
        assert pictures[-1].iteration == listener.of(Progress)[-1].iteration
        assert [picture.iteration for picture in pictures] == sorted({picture.iteration for picture in pictures})
        for picture in pictures:
            assert picture.estimate.object.shape == (60 * modes, 80)
            assert np.all(picture.estimate.object == picture.iteration)
            assert np.all(picture.estimate.probe == picture.iteration)
            assert picture.object_pixel_m == pixel_m(picture.iteration)


def test_pictures_are_rarer_than_iterations(listener: Listener, tmp_path: Path) -> None:
    start = time.monotonic()
    listener.process.submit(make_job(tmp_path / "result"))
    listener.until(Picture, lambda picture: picture.iteration > 0)
    listener.until(Picture)
    listener.process.stop()
    listener.until(Finished)
    assert len(listener.of(Picture)) <= 3 + (time.monotonic() - start) / 0.1


def test_cancel_writes_nothing(listener: Listener, tmp_path: Path) -> None:
    job = make_job(tmp_path / "result")
    listener.process.submit(job)
    listener.until(Progress)
    listener.process.cancel()
    assert listener.until(Finished) == Finished(job.id, State.CANCELLED, None)
    assert list(tmp_path.iterdir()) == []


def test_a_pause_holds_until_resumed(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    listener.until(Progress)
    listener.process.pause()
    listener.until(Paused)
    held = listener.of(Progress)[-1].iteration
    assert not [event for event in listener.process.messages(0.1) if isinstance(event, Progress)]
    listener.process.resume()
    assert listener.until(Progress).iteration == held + 1


def test_a_step_does_one_iteration_and_holds_again(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    listener.until(Progress)
    listener.process.step()  # of one that runs: hold after the iteration under way
    listener.until(Paused)
    held = listener.of(Progress)[-1].iteration
    for _ in range(3):
        listener.process.step()
        listener.until(Paused)
        held += 1
        assert listener.of(Progress)[-1].iteration == held
    listener.process.step()
    listener.process.step()
    listener.until(Progress, lambda progress: progress.iteration == held + 2)
    listener.process.resume()
    listener.until(Progress, lambda progress: progress.iteration > held + 5)


def test_each_child_is_made_known_before_a_job_is_sent_to_it(tmp_path: Path) -> None:
    known: list[int] = []
    with EngineProcess("numpy", run="tests.jobs.fakes:play", on_child=known.append) as process:
        listener = Listener(process)
        listener.until(Ready)
        assert known == [process.pid] and process.silence_s < LIMIT_S
        process.submit(make_job(tmp_path / "result", "lost 1"))
        listener.until(Progress, lambda progress: progress.iteration > 3)
        assert len(known) == 2 and known[1] == process.pid
    assert process.silence_s == 0.0


def test_a_child_that_can_not_be_made_known_is_ended(tmp_path: Path) -> None:
    known: list[int] = []

    def refuse(pid: int) -> None:
        known.append(pid)
        raise OutputError("the disk is full")

    process = EngineProcess("numpy", run="tests.jobs.fakes:play", on_child=refuse)
    with pytest.raises(OutputError, match="the disk is full"):
        process.submit(make_job(tmp_path / "result"))
    with pytest.raises(ProcessLookupError):
        os.kill(known[0], 0)
    assert process.job_id == "" and process.pid is None


@pytest.mark.parametrize("order", ["stop", "cancel"])
def test_a_paused_job_can_be_ended(listener: Listener, tmp_path: Path, order: str) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    listener.until(Progress)
    listener.process.pause()
    listener.until(Paused)
    getattr(listener.process, order)()
    assert listener.until(Finished).state is (State.STOPPED if order == "stop" else State.CANCELLED)


def test_an_order_at_once_after_the_job_is_obeyed(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    listener.process.stop()
    assert listener.until(Finished).state is State.STOPPED
    listener.process.stop()


def test_ctrl_c_is_the_parents_to_answer(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    listener.until(Progress)
    assert listener.process.pid is not None
    os.kill(listener.process.pid, signal.SIGINT)
    seen = listener.of(Progress)[-1].iteration
    listener.until(Progress, lambda progress: progress.iteration > seen + 5)


def test_the_device_is_opened_anew_for_another_number_of_threads(listener: Listener, tmp_path: Path) -> None:
    for threads, opened in ((2, True), (2, False), (None, True)):
        listener.heard.clear()
        listener.process.submit(make_job(tmp_path / "result", devices__threads=threads))
        listener.process.stop()
        listener.until(Finished)
        assert bool(listener.of(Ready)) is opened


def test_one_job_at_a_time(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result"))
    with pytest.raises(RuntimeError, match="busy with job"):
        listener.process.submit(make_job(tmp_path / "another"))


def test_a_users_error_comes_as_its_message_alone(listener: Listener, tmp_path: Path) -> None:
    job = make_job(tmp_path / "result", "refuse")
    pid = listener.process.pid
    listener.process.submit(job)
    failed = listener.until(Failed)
    assert failed == Failed(job.id, "the energy is missing; give --energy", "", "ParameterError")
    assert listener.process.pid == pid


def test_a_job_that_cant_be_sent_fails_alone(listener: Listener, tmp_path: Path) -> None:
    job = replace(make_job(tmp_path / "result"), origins=MappingProxyType({}))
    listener.process.submit(job)
    failed = listener.until(Failed)
    assert failed.job_id == job.id
    assert "can't be sent" in failed.message
    assert listener.process.job_id == ""


def test_a_bug_comes_with_its_traceback_and_the_next_job_gets_a_new_process(tmp_path: Path) -> None:
    with fake_process() as process:
        listener = Listener(process)
        process.submit(make_job(tmp_path / "result", "blunder"))
        failed = listener.until(Failed)
        pid = process.pid
        assert failed.message == "internal error: ZeroDivisionError: a bug"
        assert failed.kind == "internal"
        assert "fakes.py" in failed.details
        process.submit(make_job(tmp_path / "next"))
        listener.until(Progress, lambda progress: progress.iteration > 3)
        assert process.pid != pid
        assert not listener.of(Died)


def test_kill_9_is_noticed_with_its_cause_and_the_next_job_works(tmp_path: Path) -> None:
    shared_before = sorted(os.listdir("/dev/shm"))
    with fake_process() as process:
        listener = Listener(process)
        job = make_job(tmp_path / "result", "save")
        process.submit(job)
        listener.until(Progress, lambda progress: progress.iteration >= 3)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        start = time.monotonic()
        died = listener.until(Died)
        assert time.monotonic() - start < 2
        assert died == Died(job.id, "killed by signal 9 (SIGKILL): out of memory or kill -9", job.output)
        assert process.pid is None
        process.submit(make_job(tmp_path / "next"))
        listener.until(Picture)
        process.stop()
        listener.until(Finished)
    assert sorted(os.listdir("/dev/shm")) == shared_before


@pytest.mark.parametrize(("what", "cause"), [("crash", "a crash in compiled code"), ("exit", "ended with exit code 7")])
def test_other_ends_have_their_causes(tmp_path: Path, what: str, cause: str, capfd: pytest.CaptureFixture[str]) -> None:
    with fake_process() as process:
        process.submit(make_job(tmp_path / "result", what))
        assert cause in Listener(process).until(Died).cause


def test_a_device_that_cant_be_opened_is_said_at_once() -> None:
    with EngineProcess("cuda:99", run="tests.jobs.fakes:play") as process:
        failed = Listener(process).until(Failed)
    assert failed.job_id == ""
    assert failed.kind == "DeviceError"
    assert "cuda:99" in failed.message


@pytest.mark.parametrize("saves", ["a result", "its state", ""])
def test_a_job_that_lost_its_device_is_tried_once_more(tmp_path: Path, saves: str) -> None:
    with fake_process() as process:
        listener = Listener(process)
        job = make_job(tmp_path / "result", f"lost{' after a save' * (saves == 'a result')} 1")
        if saves == "its state":
            job.checkpoint_file.touch()
        process.submit(job)
        pid = process.pid
        again = listener.until(Progress, lambda progress: progress.state is State.WAITING)
        assert "cuda:0 is lost for the 1. time" in again.notes[0]
        assert ("at the last checkpoint" if saves else "from the beginning") in again.notes[0]
        listener.heard.clear()
        listener.until(Progress, lambda progress: progress.iteration == 5)
        assert process.pid != pid and process.job_id == job.id
        process.stop()
        assert listener.until(Finished) == Finished(job.id, State.STOPPED, job.output)
        assert not listener.of(Failed) and not listener.of(Died)


def test_a_second_loss_ends_the_job_with_both_causes_and_the_next_job_works(tmp_path: Path) -> None:
    with fake_process() as process:
        listener = Listener(process)
        job = make_job(tmp_path / "result", "lost after a save 2")
        process.submit(job)
        failed = listener.until(Failed)
        assert (failed.job_id, failed.kind, failed.checkpoint) == (job.id, "DeviceLostError", job.output)
        assert failed.message.startswith("cuda:0 is lost for the 2. time")
        assert "the first ended: cuda:0 is lost for the 1. time" in failed.message
        assert process.pid is None and process.job_id == "" and not listener.of(Died)
        process.submit(make_job(tmp_path / "next"))
        listener.until(Progress, lambda progress: progress.iteration > 3)


def test_a_pause_holds_in_the_second_try_too(tmp_path: Path) -> None:
    with fake_process() as process:
        listener = Listener(process)
        job = make_job(tmp_path / "result", "lost 1")
        process.submit(job)
        process._order = Order.PAUSE  # one that came too late for the first try
        listener.until(Progress, lambda progress: progress.state is State.WAITING)
        assert listener.until(Paused).job_id == job.id
        process.resume()
        process.stop()
        assert listener.until(Finished).state is State.STOPPED


def test_a_job_that_is_to_stop_is_not_tried_again(tmp_path: Path) -> None:
    with fake_process() as process:
        listener = Listener(process)
        process.submit(make_job(tmp_path / "result", "lost when it is to stop"))
        listener.until(Progress)
        process.stop()
        assert listener.until(Failed).message == "cuda:0 is lost"
        assert process.pid is None


def gpu_process() -> EngineProcess:
    return EngineProcess("cuda:0", run="tests.jobs.processes.gpu_in_child:run_job")


def gpu_job(output: Path) -> Job:
    return make_job(output, devices__device="cuda:0", reconstruction__iterations=5, output__save_every=2)


def test_a_lost_gpu_is_replaced_and_its_job_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_failures(monkeypatch, tmp_path, (3, 40, "lost"))
    job = gpu_job(tmp_path / "result.cxi")
    with gpu_process() as process:
        listener = Listener(process)
        process.submit(job)
        assert listener.until(Finished) == Finished(job.id, State.DONE, job.output)
        said = listener.of(Progress)
        assert [each.iteration for each in said if each.state is not State.WAITING] == [0, 1, 2, 3, 2, 3, 4, 5, 5]
        assert "second try" in " ".join(note for each in said if each.state is State.WAITING for note in each.notes)
        assert len({ready.pid for ready in listener.of(Ready)}) == 2
        result = read_result(job.output)
        assert len(result.errors) == 5 and "cudaErrorIllegalAddress" in " ".join(result.notes)
        pid = process.pid
        process.submit(gpu_job(tmp_path / "next.cxi"))
        assert listener.until(Finished).state is State.DONE and process.pid == pid


def test_memory_that_is_used_up_ends_a_job_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_failures(monkeypatch, tmp_path, (1, 2, "memory"))
    with gpu_process() as process:
        listener = Listener(process)
        process.submit(gpu_job(tmp_path / "result.cxi"))
        failed, pid = listener.until(Failed), process.pid
        assert failed.kind == "MemoryBudgetError" and failed.message.startswith("cuda:0 has too little memory")
        process.submit(gpu_job(tmp_path / "next.cxi"))
        assert listener.until(Finished).state is State.DONE and process.pid == pid


def test_a_gpu_lost_while_it_is_opened_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_failures(monkeypatch, tmp_path, (-1, 1, "lost"))
    with gpu_process() as process:
        listener = Listener(process)
        failed = listener.until(Failed)
        assert (failed.job_id, failed.kind, process.pid) == ("", "DeviceLostError", None)
        process.submit(gpu_job(tmp_path / "result.cxi"))
        assert listener.until(Finished).state is State.DONE


def test_silence_is_said_once_and_a_killed_process_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_process() as process:
        listener = Listener(process)
        listener.until(Ready)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        monkeypatch.setattr(child_process, "SILENCE_S", 0.1)
        assert listener.until(Silent).seconds >= 0.1
        assert process.messages(0.1) == []
        process.kill()
        assert "SIGKILL" in listener.until(Died).cause


def test_close_ends_the_job_and_the_process(tmp_path: Path) -> None:
    process = fake_process()
    process.submit(make_job(tmp_path / "result"))
    Listener(process).until(Progress)
    assert process.pid is not None
    watch = os.pidfd_open(process.pid)
    process.close()
    ended, _, _ = select.select([watch], [], [], 0)
    os.close(watch)
    assert ended
    assert process.pid is None
    assert list(tmp_path.iterdir()) == []
    assert process.messages(0.0) == []
    process.stop()
    process.close()


_PARENT = """
import sys
from pathlib import Path
from ptychogui.jobs.processes.engine import EngineProcess
from tests.jobs.fakes import make_job

if __name__ == "__main__":
    process = EngineProcess("numpy", run="tests.jobs.fakes:play")
    process.submit(make_job(Path(sys.argv[1])))
    while not any(type(event).__name__ == "Picture" for event in process.messages(1.0)):
        pass
    print(process.pid, flush=True)
    while True:
        process.messages(1.0)
"""


def test_the_child_ends_with_its_parent_and_leaves_nothing(tmp_path: Path, repo_root: Path) -> None:
    shared_before = sorted(os.listdir("/dev/shm"))
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "result")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(repo_root)},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None and parent.stderr is not None
        watch = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        ended, _, _ = select.select([watch], [], [], LIMIT_S)
        os.close(watch)
        assert ended
        assert parent.stderr.read() == ""
    assert sorted(os.listdir("/dev/shm")) == shared_before
    assert [path.name for path in tmp_path.iterdir()] == ["parent.py"]


def test_a_job_stopped_before_it_began_ends_cancelled(listener: Listener, tmp_path: Path) -> None:
    listener.process.submit(make_job(tmp_path / "result", "nothing done"))
    listener.process.stop()
    end = listener.until(Finished)
    assert (end.state, end.result) == (State.CANCELLED, None)
