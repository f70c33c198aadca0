"""Saving of pictures and masks: files are written beside the window's thread, and what became of it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain


class SaveController(QObject):
    """Writes files. Announces `message(text)` and `problem(ErrorMessage)` for the user."""

    message = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background

    def save(self, path: Path, write: Callable[[Path], None], then: Callable[[], None] = lambda: None) -> None:
        """Let `write` write a file, and do something once it is there."""

        def done(_written: None) -> None:
            self.message.emit(f"saved: {path}")
            then()

        def failed(error: Exception) -> None:
            self.problem.emit(explain(f"{path.name} can't be saved", error))

        self._background.start(lambda: write(path), done, failed)
