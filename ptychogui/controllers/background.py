"""Work beside the window's thread, so that the window stays alive; result or error comes back on its thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.errors import PtychoError
from ptychogui.notify.log import TOLD

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Background(QObject):
    """Runs work on threads of its own, which never keep the program from ending."""

    _ended = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._ended.connect(self._deliver)

    def start(self, work: Callable[[], _T], done: Callable[[_T], None], failed: Callable[[Exception], None]) -> None:
        """Run `work` on a thread, then `done` with its result or `failed` with its error on this object's thread."""
        thread = threading.Thread(target=self._work, args=(work, done, failed), daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Deliver nothing any more, and give the work under way this long to end."""
        self._closed = True
        for thread in self._threads:
            thread.join(seconds)

    def _work(self, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        try:
            outcome, deliver = work(), done
        except Exception as error:
            if isinstance(error, PtychoError):
                _log.info("refused: %s", error)
            else:
                _log.error("work in the background has failed", exc_info=True, extra=TOLD)
            outcome, deliver = error, failed
        if not self._closed:
            self._ended.emit(deliver, outcome)

    def _deliver(self, deliver: Callable[[Any], None], outcome: Any) -> None:
        if not self._closed:
            deliver(outcome)
