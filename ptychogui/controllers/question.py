"""A question about the open scan that takes seconds: a child process answers it in steps, and can be ended any time."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.session import SessionController
from ptychogui.errors import ParameterError
from ptychogui.jobs.processes.questions import QuestionProcess, Work


class QuestionController(QObject):
    """Lets a child process do `work` on the open scan, and passes on what it says.

    Signals:
        began(): it is on its way.
        told(answer): a step of the work; the last one is the outcome.
        ended(text): it came to its end, or why it did not.
        cleared(): another scan is open, of which nothing is known.
        problem(ErrorMessage): for the user.
    """

    began = pyqtSignal()
    told = pyqtSignal(object)
    ended = pyqtSignal(str)
    cleared = pyqtSignal()
    problem = pyqtSignal(object)
    _answered = pyqtSignal(object, object)

    def __init__(self, session: SessionController, background: Background, work: Work, what: str) -> None:
        """Get ready to ask.

        Args:
            session: knows the scan.
            background: runs the thread that waits for the child.
            work: what the child does with the scan's job.
            what: title of the error message if it fails: "The orientation can't be found".
        """
        super().__init__()
        self._session, self._background, self._work, self._what = session, background, work, what
        self._process = QuestionProcess()
        self._under_way: object | None = None
        self._answered.connect(self._pass_on)
        for another in (session.scanOpened, session.scanClosed):
            another.connect(self._clear)

    def start(self) -> None:
        """Ask about the scan as it stands; what is under way goes on."""
        if self._under_way is not None:
            return
        try:
            job = self._session.job("question")
        except ParameterError as error:
            self.problem.emit(explain(self._what, error))
            return
        if job is None:
            self.ended.emit("Open a scan first.")
            return
        process, token = self._process, object()
        self._under_way = token
        self.began.emit()
        self._background.start(
            lambda: process.ask(self._work, job, lambda answer: self._answered.emit(token, answer)),
            lambda _whole: self._end(token, None),
            lambda error: self._end(token, error),
        )

    def stop(self) -> None:
        """End what is under way."""
        if self._under_way is not None:
            self._drop()
            self.ended.emit("Stopped.")

    def close(self) -> None:
        """End what is under way for good."""
        self._under_way = None
        self._process.end(for_good=True)

    def _clear(self) -> None:
        self._drop()
        self.cleared.emit()

    def _drop(self) -> None:
        """End the child; the next question starts another, since the thread that waits for this one may still run."""
        self._under_way = None
        self._process.end(for_good=True)
        self._process = QuestionProcess()

    def _pass_on(self, token: object, answer: object) -> None:
        if token is self._under_way:
            self.told.emit(answer)

    def _end(self, token: object, error: Exception | None) -> None:
        if token is not self._under_way:
            return
        self._under_way = None
        if error is not None:
            self.problem.emit(explain(self._what, error))
        self.ended.emit(f"{self._what}." if error is not None else "")
