"""Exceptions that nobody handled, on whichever thread: each is logged and announced once, and the program lives on."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.error_message import explain_defect
from ptychogui.notify.log import TOLD

_TITLE = "Something went wrong inside ptychogui"

_log = logging.getLogger(__name__)


class ErrorHook(QObject):
    """Stands in for Python's own hooks while it is installed. Announces `problem(ErrorMessage)`."""

    problem = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._before: tuple[Any, Any] | None = None

    def install(self) -> None:
        """Take the exceptions of all threads."""
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook, threading.excepthook = self.handle, self._handle_of_thread

    def remove(self) -> None:
        """Give them back to whoever had them before."""
        if self._before is not None:
            (sys.excepthook, threading.excepthook), self._before = self._before, None

    def handle(self, _kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Stand in for sys.excepthook."""
        problem = explain_defect(_TITLE, error.with_traceback(trace))
        if problem.details in self._seen:
            return
        self._seen.add(problem.details)
        _log.error("unhandled exception\n%s", problem.details, extra=TOLD)
        self.problem.emit(problem)

    def _handle_of_thread(self, error: Any) -> None:
        """Stand in for threading.excepthook; a thread that wants to end is none of our business."""
        if error.exc_value is not None and not issubclass(error.exc_type, SystemExit):
            self.handle(error.exc_type, error.exc_value, error.exc_traceback)
