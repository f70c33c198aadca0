"""Run: from the session as it stands to a job at the end of the queue."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import PtychoError
from ptychogui.jobs.provenance import versions
from ptychogui.jobs.results.result_paths import make_results_folder
from ptychogui.queue.planning import Plan, plan_of, reserved, reserved_beside
from ptychogui.queue.store.store import NewJob, Store

_COMMAND = "window: Run"
_REFUSED = "This can't be reconstructed yet"


class RunController(QObject):
    """Puts jobs into the queue; the session is free for the next one at once.

    Signals:
        added(numbers): the job is in the queue.
        problem(ErrorMessage): it can't be done.
        folderChanged(folder): where results go from now on; "" for beside each scan.
    """

    added = pyqtSignal(object)
    problem = pyqtSignal(object)
    folderChanged = pyqtSignal(str)

    def __init__(self, session: SessionController, queue: QueueController) -> None:
        super().__init__()
        self._session, self._queue = session, queue
        self._folder = ""

    @property
    def folder(self) -> str:
        """Where results go; "" for beside each scan."""
        return self._folder

    def set_folder(self, folder: str) -> None:
        """Have results of jobs that are added from now on in a folder, or, for "", beside each scan."""
        self._folder = folder
        self.folderChanged.emit(folder)

    def run(self) -> None:
        """Make a job of the session as it stands; beside the window's thread, as it looks at files."""
        try:
            scan, layers = self._session.scan, self._session.layers
        except PtychoError as error:
            self._refuse(error)
            return
        source: Path | None = scan.path if scan else None
        known = scan.dataset if scan else None

        folder = self._folder

        def add(store: Store) -> list[int]:
            with _reserved(store, plan_of(source, layers, known), folder) as new:
                return store.add([new])

        self._queue.hold_left()
        self._queue.do(add, self.added.emit, self._refuse)

    def _refuse(self, error: Exception) -> None:
        self.problem.emit(replace(explain(_REFUSED, error), ends_with_edit=True))


def _reserved(store: Store, plan: Plan, folder: str) -> AbstractContextManager[NewJob]:
    """Make a job whose result goes into a folder, or beside its scan."""
    if not folder:
        return reserved_beside(store, plan, _COMMAND, versions())
    make_results_folder(Path(folder))
    return reserved(store, plan, Path(folder), _COMMAND, versions())
