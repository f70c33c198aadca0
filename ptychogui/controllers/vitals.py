"""How the machine is used: the devices that do jobs, memory, and the speed of the jobs under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil
from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.controllers.queue.queue import QueueController
from ptychogui.jobs.job import Progress
from ptychogui.queue_state import QueueState
from ptychogui.states import State
from ptychogui.window_state import grouped

_EVERY_MS = 2000


class VitalsController(QObject):
    """Looks every other second. Announces `told(device, memory, speed)` in words, "" for what is not known."""

    told = pyqtSignal(str, str, str)

    def __init__(self, queue: QueueController) -> None:
        super().__init__()
        self._queue = queue
        self._speeds: dict[str, float] = {}
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        queue.heard.connect(self._on_heard)
        queue.changed.connect(self._on_queue)

    def start(self) -> None:
        """Begin to look."""
        self.look()
        self._timer.start(_EVERY_MS)

    def close(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Look now."""
        memory = psutil.virtual_memory()
        used, total = (size / 2**30 for size in (memory.total - memory.available, memory.total))
        self.told.emit(", ".join(self._queue.devices), f"memory {used:.1f} of {total:.1f} GB", self._speed())

    def _speed(self) -> str:
        if not self._speeds:
            return ""
        jobs = f" in {len(self._speeds)} jobs" if len(self._speeds) > 1 else ""
        return f"{grouped(sum(self._speeds.values()))} positions/s{jobs}"

    def _on_heard(self, told: Sequence[Any], _picture: object) -> None:
        for event in told:
            if isinstance(event, Progress) and event.positions_per_s > 0:
                self._speeds[event.job_id] = event.positions_per_s

    def _on_queue(self, _queue: QueueState) -> None:
        """Forget the speed of what runs no more."""
        running = {entry.uid for entry in self._queue.snapshot.under_way if entry.state is State.RUNNING}
        self._speeds = {uid: speed for uid, speed in self._speeds.items() if uid in running}
