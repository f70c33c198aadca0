"""Exporting past results: a child process reads and writes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.io.export_many import export_results
from ptychogui.jobs.processes.helper import HelperProcess
from ptychogui.texts import counted


class ExportController(QObject):
    """Writes results in other formats. Announces `message(text)` and `problem(ErrorMessage)` for the user."""

    message = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._processes: set[HelperProcess] = set()

    def export(
        self, paths: Sequence[Path], formats: Collection[str], folder: Path, pattern: str, sheet: Path | None
    ) -> None:
        """Write results; see io.export_many.export_results."""
        process = HelperProcess("ptychogui export")
        self._processes.add(process)
        self.message.emit(f"exporting {counted(len(paths), 'result')} to {folder}")

        def done(written: tuple[Path, ...] | None) -> None:
            end()
            if written is not None:
                self.message.emit(f"exported: {counted(len(written), 'file')} in {folder}")

        def failed(error: Exception) -> None:
            end()
            self.problem.emit(explain("The export has failed", error))

        def end() -> None:
            self._processes.discard(process)
            process.end(for_good=True)

        self._background.start(
            lambda: process.do(export_here, tuple(paths), tuple(formats), folder, pattern, sheet), done, failed
        )

    def close(self) -> None:
        """End what is under way; files are whole or not there."""
        for process in self._processes:
            process.end(for_good=True)


def export_here(_tell: Callable[[Any], None], *arguments: Any) -> tuple[Path, ...]:
    """Export results, in a child process."""
    return export_results(*arguments)
