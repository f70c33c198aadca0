"""What an engine process says, and what it is told: small frozen messages; large arrays are in a Picture alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ptychogui.engines.base import Estimate
from ptychogui.jobs.job import Progress
from ptychogui.states import State

INTERNAL = "internal"
"""Kind of a failure that is a bug; the process ends after it, since its device may be in disorder."""


@dataclass(frozen=True)
class Ready:
    """The device is open and the modules are loaded: a job will start at once."""

    device: str
    """The device's own name: "cpu" where "auto" was asked for."""
    pid: int


@dataclass(frozen=True)
class Picture:
    """The newest object and probe of a running job, their pixel at that stage, and where the probe is; see Progress."""

    job_id: str
    iteration: int
    estimate: Estimate
    object_pixel_m: float
    spots_m: np.ndarray | None = field(default=None, compare=False)
    errors_at: np.ndarray | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Paused:
    """A job holds, as it was asked to, until it is resumed, stopped or cancelled."""

    job_id: str


@dataclass(frozen=True)
class Finished:
    """A job ended as it was asked to: DONE, STOPPED, or without a result CANCELLED, or INTERRUPTED where it left."""

    job_id: str
    state: State
    result: Path | None


@dataclass(frozen=True)
class Failed:
    """A job could not be done. With `job_id` "" the device could not be opened; jobs will fail for the same reason.

    Attributes:
        message: for the user.
        details: traceback of an internal error, "" where the message says it all.
        kind: name of the PtychoError, or INTERNAL.
        checkpoint: the last result file that the job wrote on its way.
    """

    job_id: str
    message: str
    details: str = ""
    kind: str = INTERNAL
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Died:
    """The process is gone. `job_id` is the job that it had under way, "" if none.

    Attributes:
        cause: for the user.
        checkpoint: the last result file that the job wrote on its way.
        details: the end of what the process wrote to the standard error, such as where Python was.
    """

    job_id: str
    cause: str
    checkpoint: Path | None = None
    details: str = ""


@dataclass(frozen=True)
class Silent:
    """The process is there but has not said anything for so long; said once, until it speaks again."""

    job_id: str
    seconds: float


Event: TypeAlias = Ready | Progress | Picture | Paused | Finished | Failed | Died | Silent


@dataclass(frozen=True)
class PictureNote:
    """A picture lies in the slot: written `sequence` times before, of these shapes."""

    job_id: str
    iteration: int
    sequence: int
    object_shape: tuple[int, ...]
    probe_shape: tuple[int, ...]
    object_pixel_m: float
    spots_m: np.ndarray | None = field(default=None, compare=False)
    errors_at: np.ndarray | None = field(default=None, compare=False)


class Order(Enum):
    """What a running job can be told."""

    STOP = "stop"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    LEAVE = "leave"
    STEP = "step"


@dataclass(frozen=True)
class Open:
    """Open a device, so that the first job finds it warm."""

    device: str
    threads: int | None


@dataclass(frozen=True)
class Run:
    """Do a job on a device. `payload` is the pickled Job, so that one that can't be read fails alone."""

    job_id: str
    device: str
    payload: bytes


@dataclass(frozen=True)
class JobOrder:
    """An order to a job."""

    job_id: str
    order: Order
