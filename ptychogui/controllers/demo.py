"""'Try it on a simulated scan': simulate, write, open, run."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.io.simulated import write_scan
from ptychogui.paths import cache_folder
from ptychogui.physics.simulation import Recipe, simulate

_PRESET = {"reconstruction.iterations": (60, "simulated scan")}


class DemoController(QObject):
    """Makes a simulated scan and runs it as soon as the session has opened it."""

    problem = pyqtSignal(object)
    opening = pyqtSignal(str)
    failed = pyqtSignal()

    def __init__(
        self,
        session: SessionController,
        run: RunController,
        background: Background,
        folder: Path | None = None,
        recipe: Recipe | None = None,
    ) -> None:
        super().__init__()
        self._session, self._run, self._background = session, run, background
        self._folder = folder or cache_folder() / "simulated"
        self._recipe = recipe or Recipe()
        self._path: Path | None = None

    def start(self) -> None:
        """Simulate off the window's thread; the rest follows."""
        self.opening.emit("Simulating a scan")
        self._background.start(self._make, self._open, self._fail)

    def _make(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return write_scan(self._folder / "simulated-scan.cxi", simulate(self._recipe))[0]

    def _open(self, path: Path) -> None:
        self._path = path
        self._session.open(path, _PRESET)

    def _fail(self, error: Exception) -> None:
        self.failed.emit()
        self.problem.emit(explain("The scan can't be simulated", error))

    def run_if_mine(self) -> None:
        """Run the scan that the session has opened, if it is the one that was simulated for it."""
        scan, path, self._path = self._session.scan, self._path, None
        if scan is not None and scan.path == path:
            self._run.run()
