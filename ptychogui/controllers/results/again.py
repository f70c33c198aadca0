"""What becomes of a past result in the form: its values, its scan, or a start for more iterations."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, QTimer

from ptychogui.controllers.loading import LoadedResult
from ptychogui.controllers.session import SessionController


class AgainController(QObject):
    """Hands past results to the session."""

    def __init__(self, session: SessionController) -> None:
        super().__init__()
        self._session = session
        self._to_go_on: Path | None = None
        session.resultOpened.connect(self._opened)

    def use(self, result: Path) -> None:
        """Put the values of a result into the form, and open its scan."""
        self._to_go_on = None
        self._session.open(result)

    def go_on(self, result: Path) -> None:
        """Do the same, and let the next job begin where the result ends."""
        self._to_go_on = result
        self._session.open(result)

    def _opened(self, result: LoadedResult) -> None:
        if self._to_go_on == result.path:
            self._to_go_on = None
            QTimer.singleShot(0, lambda: self._session.go_on_from(result.path))  # once its values are there
