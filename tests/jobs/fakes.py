"""What stands in for run_job in a child, and for engines and scans in the runner."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.engines.base import Estimate, Problem, Step
from ptychogui.errors import DeviceLostError, ParameterError
from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.result import write_result
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.prepare.prepared_job import PreparedJob
from ptychogui.params.model import Parameters
from ptychogui.physics.frames import ArrayFrames
from ptychogui.states import State
from tests.io.makers import make_result

Prepare = Callable[..., PreparedJob]
"""Prepares a scan in memory with some parameters; see conftest."""

PACE_S = 0.002
"""Of the fake iterations, so that messages don't pile up."""


def make_job(output: Path, what: str = "", **values: Any) -> Job:
    """Make a job on a small simulated scan; `what` tells `play` what to do."""
    small = {
        "experiment.simulate": True, "experiment.scan_dims": (3, 4), "preprocessing.size_px": 64,
        "experiment.detector_pixel_m": 150e-6, "experiment.probe_diameter_m": 0.8e-6, "devices.device": "numpy",
        "reconstruction.iterations": 3,
    }  # fmt: skip
    parameters = Parameters().replace({**small, **{key.replace("__", "."): value for key, value in values.items()}})
    return Job(f"job of {output.name} {what}", None, parameters, output, command=what)


def play(job: Job, backend: Any, control: Control, wants: Callable[[int], bool]) -> Generator[Progress, None, None]:
    """Do what the job's command says; otherwise go on until stopped, then write the result."""
    if job.command == "refuse":
        raise ParameterError("the energy is missing; give --energy")
    tries = 1 if job.first_try is None else 2
    for iteration in range(1_000_000):
        if iteration == 3 and job.command.startswith("lost") and str(tries) <= job.command[-1] <= "9":
            raise DeviceLostError(f"cuda:0 is lost for the {tries}. time")
        if control.stop_asked and job.command == "lost when it is to stop":
            raise DeviceLostError("cuda:0 is lost")
        if control.leave_asked:
            yield progress(job, iteration, State.INTERRUPTED)
            return
        if control.stop_asked and job.command == "nothing done":
            yield progress(job, 0, State.CANCELLED)
            return
        if control.stop_asked:
            job.output.write_text("result")
            yield progress(job, iteration, State.STOPPED, picture(iteration, job), job.output)
            return
        if iteration == 3 and job.command == "blunder":
            raise ZeroDivisionError("a bug")
        if iteration == 3 and job.command == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if iteration == 3 and job.command == "exit":
            os._exit(7)
        saved = job.output if "save" in job.command and iteration == 2 else None
        yield progress(job, iteration, estimate=picture(iteration, job) if wants(iteration) else None, result=saved)
        threading.Event().wait(PACE_S)


def progress(
    job: Job,
    iteration: int,
    state: State = State.RUNNING,
    estimate: Estimate | None = None,
    result: Path | None = None,
) -> Progress:
    return Progress(job.id, iteration, 1_000_000, 1.0, 0.0, 0.0, pixel_m(iteration), state, estimate, result)


def pixel_m(iteration: int) -> float:
    """Object pixel of an iteration, as if stages changed all the time."""
    return 1e-9 * (iteration + 1)


def picture(iteration: int, job: Job) -> Estimate:
    """Return an estimate of one value, of a size that the job's number of modes sets."""
    modes = job.parameters.experiment.modes
    return Estimate(np.full((60 * modes, 80), iteration, np.complex64), np.full((modes, 8, 8), iteration, np.complex64))


class Asking(Control):
    """A control that asks a function whether the job was stopped."""

    def __init__(self, stop: Callable[[], bool], on_waiting: Callable[[str], None] = lambda _text: None) -> None:
        super().__init__(on_waiting)
        self._ask = stop

    @property
    def stop_asked(self) -> bool:
        return self._ask()


class FakeEngine:
    """An engine that does what its errors say: one is given per iteration of the job."""

    def __init__(self, problem: Problem, errors: Sequence[float]) -> None:
        self.iteration = problem.iteration
        self.problem = problem
        self._errors = errors

    def step(self) -> Step:
        self.iteration += 1
        return Step(self.iteration, (self._errors[self.iteration - 1],))

    def finish(self) -> Step:
        return Step(self.iteration, ())

    def estimate(self) -> Estimate:
        return Estimate(self.problem.object * self.iteration, self.problem.probe)

    def wind_up(self) -> int:
        return 0

    def steady_since(self) -> int | None:
        return self.problem.iteration

    def errors_of_positions(self) -> np.ndarray:
        return np.ones(len(self.problem.geometry.corners), np.float32)

    def positions_px(self) -> np.ndarray:
        return np.asarray(self.problem.geometry.corners + self.problem.geometry.fractions)


class GuardedFrames(ArrayFrames):
    """Frames that must not be read."""

    def read(self, rows: Any, out: Any = None) -> np.ndarray:
        raise AssertionError("frames were read")


def scan(known: bool = True, **changes: Any) -> Dataset:
    """Return a scan in memory: a raster of 3 x 4 positions with a bright spot of 16,000 counts on every frame."""
    values = {"energy_eV": 8000.0, "distance_m": 2.0, "detector_pixel_m": 150e-6} if known else {}
    counts = np.zeros((12, 32, 32), np.uint16)
    counts[:, 14:18, 14:18] = 1000
    content: dict[str, Any] = {
        "path": Path("scan.h5"),
        "format": "test",
        "frames": ArrayFrames(counts),
        "frame_rows": np.arange(12),
        "positions_m": np.indices((3, 4)).reshape(2, -1).T * 2e-7,
        "values": {f"experiment.{name}": Value(value, f"/at/{name}") for name, value in values.items()},
    }
    return Dataset(**{**content, **changes})


def result_file(path: Path, **content: Any) -> Path:
    """Write a result whose object is told from empty space."""
    write_result(path, make_result(**{"object": np.full((40, 50), 0.5j, np.complex64), **content}))
    return path
