"""Run: from the session as it stands to a job at the end of the queue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import PtychoError
from ptychogui.jobs.provenance import versions
from ptychogui.queue.planning import plan_of, reserved_beside
from ptychogui.queue.store.store import Store

_REFUSED = "This can't be reconstructed yet"


class RunController(QObject):
    """Puts jobs into the queue; the session is free for the next one at once.

    Signals:
        added(numbers): the job is in the queue.
        problem(ErrorMessage): it can't be done.
    """

    added = pyqtSignal(object)
    problem = pyqtSignal(object)

    def __init__(self, session: SessionController, queue: QueueController) -> None:
        super().__init__()
        self._session, self._queue = session, queue

    def run(self) -> None:
        """Make a job of the session as it stands; beside the window's thread, as it looks at files."""
        try:
            scan, layers = self._session.scan, self._session.layers
        except PtychoError as error:
            self._refuse(error)
            return
        source: Path | None = scan.path if scan else None
        known = scan.dataset if scan else None

        def add(store: Store) -> list[int]:
            with reserved_beside(store, plan_of(source, layers, known), "window: Run", versions()) as new:
                return store.add([new])

        self._queue.hold_left()
        self._queue.do(add, self.added.emit, self._refuse)

    def _refuse(self, error: Exception) -> None:
        self.problem.emit(replace(explain(_REFUSED, error), ends_with_edit=True))
