"""Preflight in a process of its own: nothing that it does holds up a window, and it can be ended at any moment."""

from __future__ import annotations

import logging
import warnings

from ptychogui.errors import DeviceLostError, PtychoError
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import Checker, Preflight
from ptychogui.jobs.processes.child_main import Parent, Raised
from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.jobs.processes.current_child import CurrentChild

_log = logging.getLogger(__name__)


class PreflightProcess:
    """A child that checks jobs and keeps its device open and its sample read between them.

    It starts when it is first asked, and another follows where its device was lost. `check` belongs to one thread at a
    time; `close` may be called from any, and the check under way then returns None.
    """

    def __init__(self) -> None:
        self._current = CurrentChild()

    def check(self, job: Job) -> Preflight | None:
        """Return what a job's preflight finds; None where it was closed meanwhile.

        Raises:
            PtychoError: the scan can't be opened, or the process died.
            InternalError: the preflight has a defect.
        """
        child = self._current.get(lambda: ChildProcess(serve, name="ptychogui preflight"))
        if child is None:
            return None
        child.send(job)
        for answer in child.until_end():
            if isinstance(answer, Raised):
                raise answer.error()
            if isinstance(answer.device_error, DeviceLostError):
                _log.info("preflight's process is replaced: %s", answer.device_error)
                self._current.let_go(child)
            return answer  # type: ignore[no-any-return]
        if self._current.let_go(child) and child.end is not None:
            child.end.check()
        return None

    def close(self, for_good: bool = False) -> None:
        """End the child at once, and free its device; the next check starts another, unless it is for good."""
        self._current.end(for_good)


def serve(parent: Parent) -> None:
    """Check jobs that come until the parent is gone; what can't be checked is an answer as well."""
    warnings.simplefilter("ignore")  # that a device is slow is a finding
    with Checker() as checker:
        while (job := parent.receive()) is not None:
            try:
                parent.send(checker.check(job))
            except PtychoError as error:
                _log.info("refused: %s", error)
                parent.send(Raised.of(error))
