"""What modules write to the log, brought to the window a few times a second, however much it is."""

from __future__ import annotations

import logging
import threading
import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

_EVERY_MS = 200
_MOST = 500
"""Lines that are brought at a time; of more the newest."""


class LogFeed(QObject):
    """Hears the log of this process while it is open.

    Announces `told(lines)`, each as (level, text, time): level is "info", "warning" or "error".
    """

    told = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._handler = _Collector()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.bring)

    def start(self) -> None:
        """Begin to hear."""
        logging.getLogger("ptychogui").addHandler(self._handler)
        self._timer.start(_EVERY_MS)

    def close(self) -> None:
        """Hear no more."""
        logging.getLogger("ptychogui").removeHandler(self._handler)
        self._timer.stop()

    def bring(self) -> None:
        """Announce what was heard since the last time."""
        lines = self._handler.take()
        if lines:
            self.told.emit(lines[-_MOST:])


class _Collector(logging.Handler):
    """Keeps what any thread logs until it is taken; what the user is told in another way counts as a note."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        is_told = getattr(record, "is_told", False) or record.levelno < logging.WARNING
        level = "info" if is_told else "error" if record.levelno >= logging.ERROR else "warning"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        with self._lock:
            self._lines.append((level, record.getMessage(), clock))

    def take(self) -> list[tuple[str, str, str]]:
        """Return what was kept, and keep it no more."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines
