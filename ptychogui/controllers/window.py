"""What the window shows, kept up to date: hears session and run, and announces one frozen value when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.demo import DemoController
from ptychogui.controllers.loading import LoadedResult, LoadedScan
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.jobs.job import Progress
from ptychogui.window_state import Kind, RunState, ScanSummary, SessionState, window_state


class WindowController(QObject):
    """Turns events into what is shown; `window_state` knows how.

    Signals:
        changed(WindowState): what is shown from now on.
    """

    changed = pyqtSignal(object)

    def __init__(self, session: SessionController, run: RunController, demo: DemoController) -> None:
        super().__init__()
        self._session, self._run = SessionState(), RunState()
        session.runnableChanged.connect(self._on_runnable)
        session.opening.connect(self._on_opening)
        session.scanOpened.connect(self._on_scan)
        session.resultOpened.connect(self._on_result)
        session.openFailed.connect(self._on_open_failed)
        demo.opening.connect(self._on_opening)
        demo.failed.connect(self._on_open_failed)
        run.started.connect(self._on_started)
        run.waiting.connect(self._on_waiting)
        run.progress.connect(self._on_progress)
        run.stopping.connect(self._on_stopping)
        run.ended.connect(self._on_ended)

    def take_wrong(self, wrong: Sequence[str]) -> None:
        """Take what is wrong with each text in the form that is no value."""
        self._show(replace(self._session, wrong=tuple(wrong)), self._run)

    def _show(self, session: SessionState, run: RunState) -> None:
        if (session, run) != (self._session, self._run):
            self._session, self._run = session, run
            self.changed.emit(window_state(session, run))

    def _on_runnable(self, runnable: bool) -> None:
        self._show(replace(self._session, runnable=runnable), self._run)

    def _on_opening(self, what: str) -> None:
        self._show(replace(self._session, opening=what), self._run)

    def _on_scan(self, scan: LoadedScan) -> None:
        summary = ScanSummary(scan.path, scan.facts, scan.notes)
        self._show(replace(self._session, scan=summary, opening=""), self._run)

    def _on_open_failed(self) -> None:
        self._show(replace(self._session, opening=""), self._run)

    def _on_result(self, result: LoadedResult) -> None:
        run = self._run.with_result(result.path, result.facts, result.errors, result.free_errors)
        self._show(replace(self._session, opening=""), run)

    def _on_started(self, title: str, iterations: int) -> None:
        self._show(self._session, self._run.started(title, iterations))

    def _on_waiting(self, text: str) -> None:
        self._show(self._session, self._run.waiting(text))

    def _on_progress(self, progress: Progress) -> None:
        self._show(self._session, self._run.progressed(progress))

    def _on_stopping(self) -> None:
        self._show(self._session, self._run.stopping())

    def _on_ended(self, text: str, kind: Kind, result: Path | None) -> None:
        self._show(self._session, self._run.ended(text, kind, result))
