"""A process of a lane that does what a test says."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections import deque
from collections.abc import Callable

from ptychogui.io.result import write_result
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.messages import Died, Event, Failed, Finished, Paused, Ready
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.queue.lane import Lane
from ptychogui.states import State
from tests.io.makers import make_result


@functools.cache
def ended_pid() -> int:
    """Return the id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


class FakeProcess:
    """Opens its device at once, and says of its job what the test wants.

    Attributes:
        told: orders that came, with "submit", "start", "kill" and "close".
        jobs: all jobs that were submitted.
        opens: whether the device can be opened.
    """

    def __init__(self, device: str, on_child: Callable[[int], None]) -> None:
        self.device, self._on_child = device, on_child
        self.told: list[str] = []
        self.jobs: list[Job] = []
        self.job: Job | None = None
        self.opens = True
        self.silence_s = 0.0
        self._events: deque[Event] = deque()

    @property
    def job_id(self) -> str:
        return "" if self.job is None else self.job.id

    def start(self) -> None:
        self.told.append("start")
        self._on_child(ended_pid())
        ready = Ready(self.device, ended_pid())
        self._events.append(ready if self.opens else Failed("", "it is held by another process", kind="DeviceError"))

    def submit(self, job: Job) -> None:
        assert self.job is None
        self.told.append("submit")
        self.jobs.append(job)
        self.job = job

    def stop(self) -> None:
        self.told.append("stop")

    def cancel(self) -> None:
        self.told.append("cancel")

    def leave(self) -> None:
        self.told.append("leave")

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def step(self) -> None:
        self.told.append("step")

    def kill(self) -> None:
        self.told.append("kill")
        if self.job is not None:
            self.dies("killed by signal 9 (SIGKILL): out of memory or kill -9")

    def messages(self, _timeout_s: float) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        self.told.append("close")
        self.job = None
        self._events.clear()

    def runs(
        self,
        iteration: int = 1,
        state: State = State.RUNNING,
        notes: tuple[str, ...] = (),
        findings: tuple[RunFinding, ...] = (),
    ) -> None:
        """Say that an iteration is done."""
        told = Progress(self.job_id, iteration, 3, 1.5, 0.1, 10.0, 1e-9, state, notes=notes, findings=findings)
        self._events.append(told)

    def pauses(self) -> None:
        self._events.append(Paused(self.job_id))

    def writes(self, state: State = State.DONE) -> None:
        """Write the result of the job."""
        assert self.job is not None
        write_result(self.job.output, make_result(state=state))

    def finishes(self, state: State = State.DONE) -> None:
        """Say that the job has ended as it was asked to."""
        assert self.job is not None
        if state in (State.DONE, State.STOPPED):
            self.writes(state)
        self._events.append(Finished(self.job_id, state, None if state is State.CANCELLED else self.job.output))
        self.job = None

    def fails(self, message: str = "the energy is missing", kind: str = "ParameterError") -> None:
        self._events.append(Failed(self.job_id, message, kind=kind))
        self.job = None

    def dies(self, cause: str = "killed by signal 11 (SIGSEGV): a crash in compiled code") -> None:
        self._events.append(Died(self.job_id, cause))
        self.job = None


class Made:
    """Makes fake processes, and keeps them by device, the newest of each."""

    def __init__(self, kind: type[FakeProcess] | None = None) -> None:
        self._kind = kind or FakeProcess
        self.processes: dict[str, FakeProcess] = {}

    def __call__(self, device: str, on_child: Callable[[int], None]) -> FakeProcess:
        self.processes[device] = self._kind(device, on_child)
        return self.processes[device]


def turn(lane: Lane, times: int = 3) -> None:
    """Let a lane do all that it can do now."""
    for _ in range(times):
        lane.turn(0.0)
