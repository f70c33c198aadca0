"""Comparing past results: a child process reads and aligns them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.errors import PtychoError
from ptychogui.jobs.past.line_up import LineUp, line_up
from ptychogui.jobs.past.side_by_side import SideBySide, lay_side_by_side
from ptychogui.jobs.processes.helper import HelperProcess

_TWO = 2


class CompareController(QObject):
    """Compares two results, or lines up several; what was not yet made gives way to what is asked for next.

    Signals:
        began(text): two are being compared.
        compared(SideBySide): how alike they are.
        lineBegan(text), lined(LineUp): the same of several.
        refused(text): why they can't be compared.
        problem(ErrorMessage): a defect, for the user.
    """

    began = pyqtSignal(str)
    compared = pyqtSignal(object)
    lineBegan = pyqtSignal(str)
    lined = pyqtSignal(object)
    refused = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._process = HelperProcess("ptychogui comparison", niceness=0)
        self._under_way: object | None = None

    def compare(self, paths: Sequence[Path]) -> None:
        """Compare two results, or line up more than two."""
        if self._under_way is not None:
            self._process.end(for_good=True)
            self._process = HelperProcess("ptychogui comparison", niceness=0)
        token, process = object(), self._process
        self._under_way = token
        if len(paths) == _TWO:
            self.began.emit(f"Comparing {paths[0].stem} with {paths[1].stem}…")
        else:
            self.lineBegan.emit("Reading…")
        self._background.start(
            lambda: process.do(lay_side_by_side, *paths) if len(paths) == _TWO else process.do(line_up, tuple(paths)),
            lambda found: self._end(token, found), lambda error: self._end(token, None, error),
        )  # fmt: skip

    def close(self) -> None:
        """End the child."""
        self._under_way = None
        self._process.end(for_good=True)

    def _end(self, token: object, found: SideBySide | LineUp | None, error: Exception | None = None) -> None:
        if token is not self._under_way:
            return
        self._under_way = None
        if error is not None:
            self.refused.emit(f"They can't be compared: {error}")
            if not isinstance(error, PtychoError):
                self.problem.emit(explain("Two results can't be compared", error))
        if isinstance(found, SideBySide):
            self.compared.emit(found)
        if isinstance(found, LineUp):
            self.lined.emit(found)
