"""Preflight in the window: checks the open scan in the background whenever something about it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.loading import LoadedScan
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import ParameterError
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import Preflight
from ptychogui.jobs.processes.preflight_process import PreflightProcess
from ptychogui.params.model import Parameters
from ptychogui.queue_state import QueueState

_SETTLED_MS = 400
"""Without another change for so long, values are checked."""


_NOT_YET = "Not checked yet"


class Checking(Protocol):
    """What checks jobs: a PreflightProcess."""

    def check(self, job: Job) -> Preflight | None:
        """Return the findings; None where it was closed."""

    def close(self, for_good: bool = False) -> None:
        """End what is under way."""


@dataclass(frozen=True)
class _Wanted:
    """What a check is about."""

    scan: LoadedScan | None
    parameters: Parameters

    def is_same(self, other: _Wanted) -> bool:
        """Whether nothing that matters has changed; a file that was opened again may be another."""
        mine, its = self.parameters, other.parameters
        return self.scan is other.scan and mine.model_copy(update={"output": its.output}) == its


class PreflightController(QObject):
    """Keeps the findings up to date; while a job runs the device is let go after each check.

    Signals:
        checking(): findings are on their way; those shown are of before.
        checked(Preflight): the findings.
        idle(text): there is nothing to check, or it can't be checked at all; why.
    """

    checking = pyqtSignal()
    checked = pyqtSignal(object)
    idle = pyqtSignal(str)

    def __init__(
        self,
        session: SessionController,
        queue: QueueController,
        background: Background,
        process: Checking | None = None,
    ) -> None:
        super().__init__()
        self._session, self._background = session, background
        self._process = process or PreflightProcess()
        self._wanted: _Wanted | None = None
        self._busy = self._jobs_run = self._is_opening = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self._start)
        session.valuesChanged.connect(self._wait)
        session.opening.connect(self._on_opening)
        for opened in (session.scanOpened, session.scanClosed):
            opened.connect(self._begin)
        for nothing in (session.resultOpened, session.openFailed):
            nothing.connect(self._on_nothing_opened)
        queue.changed.connect(self._on_queue)

    def close(self) -> None:
        """End the check under way and the process."""
        self._timer.stop()
        self._process.close(for_good=True)

    def _wait(self) -> None:
        """Check as soon as nothing has changed for a while."""
        if not self._is_opening:
            self._timer.start()

    def _on_opening(self) -> None:
        """Forget what was found about another scan, and wait for the one that is on its way."""
        self._is_opening = True
        self._timer.stop()
        self._rest(_NOT_YET)

    def _begin(self) -> None:
        self._is_opening = False
        self._rest(_NOT_YET)
        self._wait()

    def _on_nothing_opened(self) -> None:
        self._is_opening = False
        self._wait()

    def _on_queue(self, queue: QueueState) -> None:
        if queue.is_busy and not self._jobs_run:
            self._give_way()
        self._jobs_run = queue.is_busy

    def _give_way(self) -> None:
        """Leave the device to a job that begins; the check under way comes again."""
        if self._busy:
            self._wanted = None
        self._process.close()

    def _start(self) -> None:
        if self._is_opening:
            return
        try:
            job = self._session.job("preflight")
        except ParameterError as error:
            self._rest(str(error))
            return
        if job is None:
            self._rest("Open a scan to have it checked.")
            return
        wanted = _Wanted(self._session.scan, job.parameters)
        if self._wanted is not None and wanted.is_same(self._wanted):
            return
        self._wanted = wanted
        self.checking.emit()
        if not self._busy:
            self._check(job, wanted)

    def _rest(self, why: str) -> None:
        self._wanted = None
        self.idle.emit(why)

    def _check(self, job: Job, wanted: _Wanted) -> None:
        self._busy = True

        def ended(tell: Any) -> Any:
            return lambda outcome: self._ended(outcome, tell, wanted)

        self._background.start(lambda: self._process.check(job), ended(self._tell), ended(self._tell_error))

    def _ended(self, outcome: Any, tell: Any, wanted: _Wanted) -> None:
        """Tell the outcome of the newest check; after an older one begin anew."""
        self._busy = False
        if self._jobs_run:
            self._process.close()
        if wanted is self._wanted:
            tell(outcome)
        else:
            self._wanted = None
            self._start()

    def _tell(self, found: Preflight | None) -> None:
        if found is not None:
            self.checked.emit(found)

    def _tell_error(self, error: Exception) -> None:
        self.idle.emit(f"It can't be checked: {error}")
