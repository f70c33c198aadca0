"""Says that the kernels are being compiled for this processor, which happens once, and how far that is."""

from __future__ import annotations

import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.backends.compiler import cached_kernels
from ptychogui.controllers.background import Background
from ptychogui.controllers.queue.queue import QueueController

_EVERY_MS = 1000
_USUAL_S = 20
"""What compiling usually takes."""


class CompilingController(QObject):
    """Looks from the window's start until the CPU is open: opening it compiles, beside everything else.

    Announces `told(text)`, "" once there is nothing more to wait for.
    """

    told = pyqtSignal(str)

    def __init__(self, queue: QueueController, background: Background) -> None:
        super().__init__()
        self._queue, self._background = queue, background
        self._began = 0.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Find out beside the window's thread whether there is anything to compile."""
        self._began = time.monotonic()
        self._background.start(cached_kernels, self._begin, lambda _error: None)

    def close(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Say how far it is, as long as the CPU is not open."""
        is_opening = any(name.startswith("cpu") for name in self._queue.opening)
        self.told.emit(_in_words(time.monotonic() - self._began) if is_opening else "")
        if not is_opening and self._queue.state.groups:
            self.close()

    def _begin(self, kernels: object) -> None:
        if kernels is None:
            self._timer.start(_EVERY_MS)


def _in_words(seconds: float) -> str:
    far = f"{seconds:.0f} s of about {_USUAL_S} s" if seconds < _USUAL_S else f"{seconds:.0f} s so far"
    return f"compiling for this processor, once: {far}"
