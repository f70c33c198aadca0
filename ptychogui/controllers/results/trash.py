"""The trash: where past results go that are thrown away, with what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QFile, QObject, pyqtSignal

from ptychogui.catalog.catalog import take_out
from ptychogui.catalog.marks import marks_file
from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.errors import OutputError
from ptychogui.io.foreign import second_of_pair
from ptychogui.texts import counted


class TrashController(QObject):
    """Moves results to the trash of the desktop.

    Signals:
        thrown(): some are gone.
        message(text), problem(ErrorMessage): for the user.
    """

    thrown = pyqtSignal()
    message = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background

    def throw(self, results: Sequence[Path]) -> None:
        """Move results to the trash; what was not moved stays, and is said."""
        paths = tuple(results)

        def done(_none: None) -> None:
            what = paths[0].name if len(paths) == 1 else counted(len(paths), "result")
            self.message.emit(f"moved to the trash: {what}")
            self.thrown.emit()

        def failed(error: Exception) -> None:
            self.problem.emit(explain("Not all could be moved to the trash", error))
            self.thrown.emit()

        self._background.start(lambda: _throw(paths), done, failed)


def _throw(results: Sequence[Path]) -> None:
    gone: list[Path] = []
    try:
        for path in results:
            _throw_one(path)
            gone.append(path)
    finally:
        take_out(gone)


def _throw_one(path: Path) -> None:
    """Move a result, the second file of a pair, and its marks.

    Raises:
        OutputError: it can't be moved, as where there is no trash on its disk.
    """
    for file in (path, marks_file(path), second_of_pair(path)):
        if file is not None and file.exists() and not _to_trash(file):
            raise OutputError(f"{file} can't be moved to the trash: its folder or its disk may not allow it")


def _to_trash(file: Path) -> bool:
    return QFile(str(file)).moveToTrash()
