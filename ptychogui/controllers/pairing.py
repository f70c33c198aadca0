"""The question which frame belongs to which position: asked where a scan leaves it open, until it is answered."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.loading import LoadedScan
from ptychogui.controllers.question import QuestionController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import Alternative
from ptychogui.jobs.preflight.findings import Preflight
from ptychogui.jobs.prepare.pairing_pictures import compare_ways
from ptychogui.states import State

_WHAT = "The ways to pair positions and frames can't be drawn"


class PairingController(QObject):
    """Asks as soon as a scan, or a check of it, says that there are several ways, and lets a child draw them.

    Signals:
        asked(alternatives): the question, before anything is drawn.
        recalled(): it is still open.
        settled(): there is no question, or no more.
    """

    asked = pyqtSignal(object)
    recalled = pyqtSignal()
    settled = pyqtSignal()

    def __init__(self, session: SessionController, background: Background) -> None:
        super().__init__()
        self.drawing = QuestionController(session, background, compare_ways, _WHAT)
        self._open: tuple[Alternative, ...] = ()
        session.scanClosed.connect(self._settle)

    def begin(self, scan: LoadedScan) -> None:
        """Take a scan that was just opened: what was asked about another one is asked no more."""
        self._settle()
        self._take(scan.ways)

    def consider(self, found: Preflight) -> None:
        """Take what a check found: ask, or see that there is nothing to ask."""
        self._take(next((finding.alternatives for finding in found.findings if finding.alternatives), ()))

    def recall(self, state: State) -> None:
        """Come back to a question that is open when a run could not do without its answer."""
        if self._open and state is State.FAILED:
            self.recalled.emit()

    def close(self) -> None:
        """End the drawing for good."""
        self.drawing.close()

    def _take(self, ways: tuple[Alternative, ...]) -> None:
        if not ways:
            self._settle()
        elif ways != self._open:
            self.drawing.stop()
            self._open = ways
            self.asked.emit(ways)
            self.drawing.start()

    def _settle(self) -> None:
        if self._open:
            self._open = ()
            self.drawing.stop()
        self.settled.emit()
