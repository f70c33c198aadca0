"""What a lane asks of the process that does its jobs: a spawned child of this machine is one, others may follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.jobs.processes.messages import Event


class LaneProcess(Protocol):
    """Does one job at a time on one device; see jobs.processes.engine.EngineProcess, whose methods these are."""

    @property
    def job_id(self) -> str:
        """The job under way, "" if none."""

    @property
    def silence_s(self) -> float:
        """For how long it has given no sign of life."""

    def start(self) -> None:
        """Have the device opened; Ready or Failed tells how that went."""

    def submit(self, job: Job) -> None:
        """Begin a job."""

    def stop(self) -> None:
        """End the job within seconds, with its result kept."""

    def cancel(self) -> None:
        """End the job after the iteration under way, without a result."""

    def leave(self) -> None:
        """End the job after the iteration under way, its whole state kept."""

    def pause(self) -> None:
        """Hold the job after the iteration under way."""

    def resume(self) -> None:
        """Let a paused job go on."""

    def step(self) -> None:
        """Let a paused job do one more iteration."""

    def kill(self) -> None:
        """End the process at once; `messages` will say that it died."""

    def messages(self, timeout_s: float) -> list[Event]:
        """Return what has happened; wait for the first up to the time-out."""

    def close(self) -> None:
        """End the process."""


MakeProcess: TypeAlias = Callable[[str, Callable[[int], None]], LaneProcess]
"""Makes the process of a device; the second argument is to be called with the id of each child that it starts."""


def engine_process(device: str, on_child: Callable[[int], None]) -> LaneProcess:
    """Return a child of this machine."""
    return EngineProcess(device, on_child=on_child)
