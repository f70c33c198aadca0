"""The job that a lane has, and what a lane tells of its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.queue.job_record import JobRecord
from ptychogui.queue.store.journal import Claim
from ptychogui.states import State


@dataclass(frozen=True)
class LaneNews:
    """What has become of a job.

    Attributes:
        device: of the lane.
        id: number of the job.
        title: of the job.
        state: RUNNING where it begins, INTERRUPTED where it will go on, or how it ended.
        cause: why, where that needs saying.
        result: path of its result, where there is one now.
    """

    device: str
    id: int
    title: str
    state: State
    cause: str = ""
    result: Path | None = None


@dataclass
class UnderWay:
    """The job that a lane has.

    Attributes:
        claim: the job and its start.
        job: as it was sent.
        record: its log and preview.
        kills: processes that the system had killed for want of memory when it began.
        state: as the store has it.
        progress: the last one.
        orders: number of the last order that was followed.
        ending: the order that is to end it, if one came.
        end_s: when it is killed, if it was told to end.
        noted_s: when its progress was last written down.
        findings: of the convergence watch, so far.
    """

    claim: Claim
    job: Job
    record: JobRecord
    kills: int
    state: State = State.RUNNING
    progress: Progress | None = None
    orders: int = 0
    ending: Order | None = None
    end_s: float = float("inf")
    noted_s: float = float("-inf")
    findings: tuple[RunFinding, ...] = ()
