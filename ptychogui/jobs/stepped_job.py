"""A job that a script steps, on a device of its own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType

import numpy as np

from ptychogui.backends import open_backend
from ptychogui.engines.base import Estimate
from ptychogui.errors import ParameterError
from ptychogui.io.atomic import check_writable
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.job_checks import check_job
from ptychogui.jobs.job_run import JobRun
from ptychogui.jobs.prepare.prepared_job import NOTHING_IN_MEMORY, InMemory
from ptychogui.jobs.results.reservations import Reservation
from ptychogui.params.reconstruction import Reconstruction


class SteppedJob:
    """A job on a device of its own, ready to step; a context manager: leaving it frees the device.

    Args:
        job: what to do.
        given: what it takes from memory in place of files.
        control: hears what the job says before its first iteration.
        reserved: the path of the result, given back when it is closed, or can't begin.

    Raises:
        PtychoError: the job can't be done.
    """

    def __init__(
        self,
        job: Job,
        given: InMemory = NOTHING_IN_MEMORY,
        control: Control | None = None,
        reserved: Reservation | None = None,
    ) -> None:
        self._job = job
        devices = job.parameters.devices
        with contextlib.ExitStack() as stack:
            if reserved is not None:
                stack.enter_context(reserved)
            check_job(job)
            check_writable(job.output)
            self._backend = stack.enter_context(open_backend(devices.device, devices.threads))
            with self._backend.in_words():
                self._run: JobRun | None = JobRun(job, self._backend, control or Control(), given)
            self._stack = stack.pop_all()

    def __enter__(self) -> SteppedJob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the device's memory and the result's path; nothing can be stepped any more. Again does nothing."""
        self._run = None
        self._stack.close()

    @property
    def run(self) -> JobRun:
        """The job under way.

        Raises:
            ParameterError: it was closed.
        """
        if self._run is None:
            raise ParameterError("the reconstruction was closed; use it inside its 'with', and save what is to be kept")
        return self._run

    def step(self) -> Progress:
        """Do one iteration.

        Raises:
            PtychoError: the reconstruction diverged, the device failed, or the memory is used up.
        """
        with self._backend.in_words():
            saved = self.run.step()
            return self.run.progress(result=saved)

    def extend(self, settings: Reconstruction, note: str = "") -> None:
        """Go on with other settings; see JobRun.extend."""
        with self._backend.in_words():
            self.run.extend(settings, note)

    def estimate(self) -> Estimate:
        """Copy object and probe to the host."""
        with self._backend.in_words():
            return self.run.picture()

    @property
    def positions_m(self) -> np.ndarray:
        """float64 (positions, 2); see JobRun.positions_m."""
        with self._backend.in_words():
            return self.run.positions_m

    @property
    def settings(self) -> Reconstruction:
        """What the job asks of its engines."""
        return self._job.parameters.reconstruction

    def finish(self) -> Progress:
        """Write the result to the job's output; nothing if nothing was done. See JobRun.finish."""
        with self._backend.in_words():
            return self.run.finish()

    def save(self, path: Path) -> tuple[str, ...]:
        """Write the result as it stands; see JobRun.save."""
        with self._backend.in_words():
            return self.run.save(path)
