"""A look at a past result: a child process reads the one that is wanted last, so that no file harms the window."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.errors import PtychoError
from ptychogui.jobs.past.look import Look, look_at
from ptychogui.jobs.processes.helper import HelperProcess


class LookController(QObject):
    """Reads the result that is wanted last.

    Signals:
        seen(Look): what there is to see of it.
        unseen(path, text): why it can't be read.
        problem(ErrorMessage): a defect, for the user.
    """

    seen = pyqtSignal(object)
    unseen = pyqtSignal(object, str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._reader = HelperProcess("ptychogui reader", niceness=0)
        self._wanted: Path | None = None
        self._reading: Path | None = None

    def look(self, path: Path) -> None:
        """Read a result; what was wanted before is dropped."""
        self._wanted = path
        if self._reading is None:
            self._begin(path)

    def close(self) -> None:
        """End the child."""
        self._wanted = None
        self._reader.end(for_good=True)

    def _begin(self, path: Path) -> None:
        self._reading = path
        self._background.start(lambda: self._reader.do(look_at, path), self._show, self._fail)

    def _show(self, look: Look | None) -> None:
        if look is not None and look.path == self._wanted:
            self.seen.emit(look)
        self._go_on()

    def _fail(self, error: Exception) -> None:
        path = self._reading
        if path is not None and path == self._wanted:
            self.unseen.emit(path, str(error))
            if not isinstance(error, PtychoError):
                self.problem.emit(explain(f"{path.name} can't be read", error))
        self._go_on()

    def _go_on(self) -> None:
        done, self._reading = self._reading, None
        if self._wanted is not None and self._wanted != done:
            self._begin(self._wanted)
