"""Comparing past results: a child process reads and aligns them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.errors import PtychoError
from ptychogui.jobs.past.side_by_side import SideBySide, lay_side_by_side
from ptychogui.jobs.processes.helper import HelperProcess


class CompareController(QObject):
    """Compares two results; a comparison that was not yet made gives way to the next one.

    Signals:
        began(text): two are being compared.
        compared(SideBySide): how alike they are.
        refused(text): why they can't be compared.
        problem(ErrorMessage): a defect, for the user.
    """

    began = pyqtSignal(str)
    compared = pyqtSignal(object)
    refused = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._process = HelperProcess("ptychogui comparison", niceness=0)
        self._under_way: object | None = None

    def compare(self, paths: Sequence[Path]) -> None:
        """Compare two results."""
        first, second = paths
        if self._under_way is not None:
            self._process.end(for_good=True)
            self._process = HelperProcess("ptychogui comparison", niceness=0)
        token, process = object(), self._process
        self._under_way = token
        self.began.emit(f"Comparing {first.stem} with {second.stem}…")
        self._background.start(
            lambda: process.do(lay_side_by_side, first, second), lambda found: self._end(token, found),
            lambda error: self._end(token, None, error),
        )  # fmt: skip

    def close(self) -> None:
        """End the child."""
        self._under_way = None
        self._process.end(for_good=True)

    def _end(self, token: object, found: SideBySide | None, error: Exception | None = None) -> None:
        if token is not self._under_way:
            return
        self._under_way = None
        if error is not None:
            self.refused.emit(f"They can't be compared: {error}")
            if not isinstance(error, PtychoError):
                self.problem.emit(explain("Two results can't be compared", error))
        if found is not None:
            self.compared.emit(found)
