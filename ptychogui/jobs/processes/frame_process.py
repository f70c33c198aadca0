"""Frames of a scan, one by one, in a process of its own: a file that is damaged or hangs takes no window with it."""

from __future__ import annotations

import logging
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from ptychogui.errors import DataError, PtychoError
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare.job_masks import bad_pixels
from ptychogui.jobs.prepare.open_scan import open_scan
from ptychogui.jobs.processes.child_main import Parent, Raised
from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.jobs.processes.current_child import CurrentChild

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadFrame:
    """A frame as its file has it.

    Attributes:
        row: its place in the stack of all frames.
        counts: (rows, columns) in the file's dtype.
        bad: bool (rows, columns), the pixels that masks leave out, the scan's and the user's; None for none.
    """

    row: int
    counts: np.ndarray
    bad: np.ndarray | None


class FrameProcess:
    """A child that keeps a scan open and reads frames of it.

    It starts when it is first asked. `read` belongs to one thread at a time; `close` may be called from any.
    """

    def __init__(self) -> None:
        self._current = CurrentChild()
        self._told: tuple[ChildProcess, Job] | None = None

    def read(self, job: Job, row: int) -> ReadFrame | None:
        """Return a frame of a job's scan; None where it was closed meanwhile.

        Raises:
            PtychoError: the frame can't be read, or the process died.
            InternalError: the reading has a defect.
        """
        child = self._current.get(lambda: ChildProcess(serve, name="ptychogui frames"))
        if child is None:
            return None
        if self._told is None or self._told[0] is not child or self._told[1] is not job:
            child.send(job)
            self._told = (child, job)
        child.send(row)
        for answer in child.until_end():
            if isinstance(answer, Raised):
                raise answer.error()
            return answer  # type: ignore[no-any-return]
        if self._current.let_go(child) and child.end is not None:
            child.end.check()
        return None

    def close(self, for_good: bool = False) -> None:
        """End the child at once; the next frame starts another, unless it is for good."""
        self._current.end(for_good)


@dataclass
class _Opened:
    """The scan of the newest job, opened with the first of its frames."""

    job: Job | None = None
    dataset: Dataset | None = None
    bad: np.ndarray | None = None
    files: ExitStack = field(default_factory=ExitStack)

    def take(self, job: Job) -> None:
        """Close the scan before and read this one from now on."""
        self.files.close()
        self.job, self.dataset, self.bad = job, None, None

    def read(self, row: int) -> ReadFrame:
        """Read a frame."""
        assert self.job is not None, "a job comes before its frames"
        if self.dataset is None:
            self.dataset = self.files.enter_context(open_scan(self.job))
            self.bad = bad_pixels(self.dataset, self.job.parameters)
        if not 0 <= row < self.dataset.frames.shape[0]:
            raise DataError(f"{self.dataset.path} has no frame {row}: it was opened with more of them; open it again")
        return ReadFrame(row, self.dataset.frames.read([row])[0], self.bad)


def serve(parent: Parent) -> None:
    """Read frames that are asked for until the parent is gone; what can't be read is an answer as well."""
    warnings.simplefilter("ignore")
    opened = _Opened()
    with opened.files:
        while (asked := parent.receive()) is not None:
            if isinstance(asked, Job):
                opened.take(asked)
                continue
            try:
                parent.send(opened.read(asked))
            except (PtychoError, OSError) as error:
                _log.info("frame %s can't be read: %s", asked, error)
                told = error if isinstance(error, PtychoError) else DataError(str(error))
                parent.send(Raised.of(told))
