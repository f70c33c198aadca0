"""A job and its progress: frozen, picklable, free of arrays that live elsewhere."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptychogui.io.raw.file_series import is_pattern, scan_name
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.params.model import Parameters
from ptychogui.params.origins import Origin
from ptychogui.states import State

if TYPE_CHECKING:  # jobs are listed without engines
    from ptychogui.engines.base import Estimate
    from ptychogui.io.dataset import Dataset


@dataclass(frozen=True)
class FirstTry:
    """How the first try of a job ended, which lost its device. There are two tries at most.

    Attributes:
        failure: why, in words.
        checkpoint: the result file that it left, from which the second goes on; None where it left nothing.
        left_state: whether it left its whole state in the job's checkpoint file, which is better.
    """

    failure: str
    checkpoint: Path | None
    left_state: bool = False

    @property
    def note(self) -> str:
        """What a second try says of itself."""
        there = self.checkpoint is not None or self.left_state
        start = "at the last checkpoint" if there else "from the beginning, as there was no checkpoint"
        return f"second try, begun {start}; the first ended: {self.failure}"


@dataclass(frozen=True)
class Sweep:
    """What a job has in common with others of one scan that differ from it in a few values, to be compared.

    Attributes:
        group: the same for all of them, and for no other job.
        values: parameter path -> the job's own value.
    """

    group: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One reconstruction to do.

    Attributes:
        id: unique among all jobs.
        source: the scan file, or the pattern of a series of raw files; None with experiment.simulate.
        parameters: complete parameters, file values already in.
        output: path of the result file, written whole or not at all.
        origins: parameter path -> where its value came from.
        command: the command line or action that made the job, kept with the result.
        in_memory: whether the scan is in this process's memory: the runner is given it, and `source` is None.
        scan: what is known of the scan since the job was made, without its frames; None where nothing is yet. It is
            used as long as no file has changed that it was read from.
        first_try: of a job that is tried again; None the first time.
        checkpoint: where its whole state goes while it runs; beside the result, if None.
        resume: whether it goes on from the checkpoint of an earlier process, where that is there and of the same job.
        log: the job's own log, which its result names; None where it has none.
        sweep: the group of jobs that it is one of; None where it is alone.
    """

    id: str
    source: Path | None
    parameters: Parameters
    output: Path
    origins: Mapping[str, Origin] = field(default_factory=dict)
    command: str = ""
    in_memory: bool = False
    scan: Dataset | None = field(default=None, compare=False, repr=False)
    first_try: FirstTry | None = None
    checkpoint: Path | None = None
    resume: bool = True
    log: Path | None = None
    sweep: Sweep | None = None

    @property
    def checkpoint_file(self) -> Path:
        """Where the whole state of the job is kept while it runs: a hidden file that no result is."""
        return self.checkpoint or self.output.with_name(f".{self.output.name}.checkpoint")

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that the job reads, without those of a series."""
        parameters = self.parameters
        paths = (
            self.source, parameters.experiment.positions_file, parameters.preprocessing.mask_file,
            parameters.preprocessing.background_file, parameters.reconstruction.probe_guess,
            parameters.reconstruction.object_guess,
        )  # fmt: skip
        return tuple(path for path in paths if path is not None and not is_pattern(path))

    @property
    def title(self) -> str:
        """Short name for lists and logs."""
        made = "scan in memory" if self.in_memory else "simulated scan"
        return self.parameters.output.job_id or (scan_name(self.source) if self.source else made)


@dataclass(frozen=True)
class Progress:
    """One iteration done. `estimate` is there when the runner's `wants_picture` said so, and at the end.

    `iteration` 0 comes first, before any step, with the first guess and what was noted while it was made; it counts
    through all stages, of which `iterations` is the sum, and falls back where an engine diverged and goes on from an
    earlier iteration. The closing Progress repeats the last iteration, with `state` DONE or STOPPED; or CANCELLED
    where the job was stopped before its first iteration, or INTERRUPTED where it left: there is no result then.
    `result` is the path of the result file where one was just written: the result itself on the closing Progress, a
    checkpoint before.

    `error` is the last one known, in photon-noise units, and NaN before; a device that works ahead of the host gives
    it an iteration late. `free_error` is the same over the pixels that are held out, NaN where none are.
    `findings` are those of the convergence watch since the Progress before; `notes` say them as well.
    `elapsed_s` is the time that iterations took, pauses not counted, and `positions_per_s` their mean speed.
    `stage` is the engine under way and the iteration after which it began.
    `object_pixel_m` is that of the stage under way, and so of `estimate`. With an estimate, `spots_m` says where its
    probe is: float32 (positions, 2), row and column from the object's top left corner, as refined; and `errors_at` the
    error of each position by itself, float32 (positions,), NaN before the first iteration.
    """

    job_id: str
    iteration: int
    iterations: int
    error: float
    elapsed_s: float
    positions_per_s: float
    object_pixel_m: float
    state: State = State.RUNNING
    estimate: Estimate | None = None
    result: Path | None = None
    notes: tuple[str, ...] = ()
    free_error: float = math.nan
    findings: tuple[RunFinding, ...] = ()
    stage: tuple[str, int] = ("", 0)
    spots_m: np.ndarray | None = field(default=None, compare=False, repr=False)
    errors_at: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def seconds_left(self) -> float:
        """Estimated time to the last iteration, in s; infinite before the first."""
        if self.iteration == 0:
            return float("inf")
        return self.elapsed_s / self.iteration * (self.iterations - self.iteration)


def waiting_progress(job: Job, text: str) -> Progress:
    """Say what a job waits for before its first iteration."""
    return Progress(job.id, 0, 0, math.nan, 0.0, 0.0, math.nan, State.WAITING, notes=(text,))


class Control:
    """The line to a running job: asks it, from any thread, to stop or to leave, and hears what it says early.

    Attributes:
        on_waiting: called, on the job's thread, with what it waits for before its first iteration.
        on_doubts: called, on the job's thread, with what is doubtful about the scan before the scan is read, a sentence
            each; None leaves them to the notes of iteration 0.
    """

    def __init__(
        self,
        on_waiting: Callable[[str], None] = lambda _text: None,
        on_doubts: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self._stop, self._leave, self._cancel = threading.Event(), threading.Event(), threading.Event()
        self._stopped_s = math.inf
        self.on_waiting, self.on_doubts = on_waiting, on_doubts

    def stop(self) -> None:
        """Ask the job to end, within seconds, with a picture that is fit for it, and to write its result."""
        self._stopped_s = min(self._stopped_s, time.monotonic())
        self._stop.set()

    def cancel(self) -> None:
        """Ask the job to end at once, without a result."""
        self._cancel.set()

    def leave(self) -> None:
        """Ask the job to keep its whole state and to end without a result: another process will go on."""
        self._leave.set()

    @property
    def leave_asked(self) -> bool:
        """Whether leave() was called."""
        return self._leave.is_set()

    @property
    def end_asked(self) -> bool:
        """Whether the job is to end, one way or the other."""
        return self.stop_asked or self.leave_asked

    @property
    def stop_asked(self) -> bool:
        """Whether stop() was called."""
        return self._stop.is_set()

    @property
    def cancel_asked(self) -> bool:
        """Whether cancel() was called."""
        return self._cancel.is_set()

    @property
    def stopping_s(self) -> float:
        """How long ago stop() was called first; below 0 where it was not."""
        return time.monotonic() - self._stopped_s
