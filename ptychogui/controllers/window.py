"""What the window shows, kept up to date: hears session, queue and the job that is shown, and announces one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.demo import DemoController
from ptychogui.controllers.loading import LoadedScan
from ptychogui.controllers.queue.live import LiveController
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.queue_state import QueueState
from ptychogui.session_state import Obstacle, ScanSummary, SessionState
from ptychogui.window_state import JobsState, RunState, window_state

_OF_ONE = ("continue", "log")
"""Keys of what can be done with one job at a time."""


class WindowController(QObject):
    """Turns events into what is shown; `window_state` knows how.

    Signals:
        changed(WindowState): what is shown from now on.
    """

    changed = pyqtSignal(object)

    def __init__(
        self, session: SessionController, queue: QueueController, live: LiveController, demo: DemoController
    ) -> None:
        super().__init__()
        self._session, self._run, self._told = SessionState(), RunState(), JobsState()
        self._queue = QueueState()
        self._jobs: tuple[int, ...] = ()
        session.runnableChanged.connect(self._on_runnable)
        session.missingChanged.connect(self._on_missing)
        session.historyChanged.connect(self._on_history)
        session.opening.connect(self._on_opening)
        session.scanOpened.connect(self._on_scan)
        session.resultOpened.connect(self._on_nothing_opened)
        session.openFailed.connect(self._on_nothing_opened)
        session.scanClosed.connect(self._on_closed)
        demo.opening.connect(self._on_opening)
        demo.failed.connect(self._on_nothing_opened)
        queue.changed.connect(self._on_queue)
        live.shown.connect(self._on_shown)
        live.chosen.connect(self._on_chosen)
        live.followed.connect(self._on_followed)

    def take_wrong(self, wrong: Sequence[Obstacle]) -> None:
        """Take the texts in the form that are no values."""
        self._show(session=replace(self._session, wrong=tuple(wrong)))

    def take_compiling(self, text: str) -> None:
        """Take how far the compiling of the kernels is."""
        self._show(told=replace(self._told, compiling=text))

    def _on_missing(self, missing: tuple[Obstacle, ...]) -> None:
        self._show(session=replace(self._session, missing=missing))

    def _on_history(self, undo: str, redo: str) -> None:
        self._show(session=replace(self._session, undo=undo, redo=redo))

    def _show(
        self, session: SessionState | None = None, run: RunState | None = None, told: JobsState | None = None
    ) -> None:
        before = self._session, self._run, self._told
        self._session, self._run, self._told = session or before[0], run or before[1], told or before[2]
        if (self._session, self._run, self._told) != before:
            self.changed.emit(window_state(self._session, self._run, self._told))

    def _on_runnable(self, runnable: bool) -> None:
        self._show(session=replace(self._session, runnable=runnable))

    def _on_opening(self, what: str) -> None:
        self._show(session=replace(self._session, opening=what))

    def _on_scan(self, scan: LoadedScan) -> None:
        summary = ScanSummary(scan.path, scan.facts, scan.notes)
        self._show(session=replace(self._session, scan=summary, opening=""))

    def _on_closed(self) -> None:
        self._show(session=replace(self._session, scan=ScanSummary(), opening=""))

    def _on_nothing_opened(self) -> None:
        self._show(session=replace(self._session, opening=""))

    def _on_shown(self, run: RunState) -> None:
        self._show(run=run)

    def _on_queue(self, queue: QueueState) -> None:
        self._queue = queue
        self._choose()

    def _on_chosen(self, jobs: tuple[int, ...]) -> None:
        self._jobs = jobs
        self._choose()

    def _on_followed(self, follows: bool) -> None:
        self._show(told=replace(self._told, follows=follows))

    def _choose(self) -> None:
        """Find out what can be done with the jobs that are chosen."""
        rows = [self._queue.rows[job] for job in self._jobs if job in self._queue.rows]
        may = frozenset(key for row in rows for key in row.may if len(rows) == 1 or key not in _OF_ONE)
        queue = self._queue
        self._show(told=replace(self._told, may=may, has_ended=queue.has_ended, has_waiting=queue.has_waiting,
                                has_held=queue.has_held, closed=queue.closed, is_busy=queue.is_busy))  # fmt: skip
