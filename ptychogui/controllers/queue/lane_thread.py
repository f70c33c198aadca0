"""The thread of a device: it runs the device's lane and relays what the lane tells, and does nothing else."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from PyQt5.QtCore import QThread, pyqtSignal

from ptychogui.jobs.job import Progress
from ptychogui.jobs.processes.messages import Event, Paused, Picture, Ready
from ptychogui.pictures.live_picture import Shot
from ptychogui.queue.drive import drive
from ptychogui.queue.lane_process import MakeProcess, engine_process
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State

_log = logging.getLogger(__name__)


class LaneThread(QThread):
    """Runs a lane. What it tells piles up until `take` takes it; of shots there is one, the newest of the job shown.

    Signals:
        heard(): there is something to take.
        ready(Ready): the device is open.
        fell(error): the lane has ended by an error.
    """

    heard = pyqtSignal()
    ready = pyqtSignal(object)
    fell = pyqtSignal(object)

    def __init__(self, folder: Path, device: str, owner: str, make_process: MakeProcess = engine_process) -> None:
        super().__init__()
        self.device = device
        self._folder, self._owner, self._make_process = folder, owner, make_process
        self._leaving, self._lock = threading.Event(), threading.Lock()
        self._told: list[Progress | LaneNews] = []
        self._shot: tuple[str, Shot] | None = None
        self._estimate: Picture | None = None
        self._shown, self._relayed, self._is_still, self._was_heard = "", False, False, True

    def show(self, uid: str) -> None:
        """Relay shots of this job from now on, the newest at once."""
        with self._lock:
            self._shown, self._relayed = uid, False

    def take(self) -> tuple[list[Progress | LaneNews], tuple[str, Shot] | None]:
        """Return what was told since the last time, and the newest shot with the id of its job, once."""
        with self._lock:
            told, shot = self._told, self._shot
            self._told, self._shot, self._was_heard = [], None, True
        return told, shot

    def leave(self) -> None:
        """Have the job under way broken off, which goes on when a lane takes it again, and end."""
        self._leaving.set()

    def run(self) -> None:
        """Be the thread."""
        try:
            drive(self._folder, self.device, self._owner, self._leaving, self._relay, self._make_process,
                  between=self._relay_shot)  # fmt: skip
        except BaseException as error:
            _log.exception("the lane of %s has ended", self.device)
            self.fell.emit(error)

    def _relay(self, event: Event | LaneNews) -> None:
        if isinstance(event, Ready):
            self.ready.emit(event)
        elif isinstance(event, Picture):
            self._estimate, self._relayed = event, False
        elif isinstance(event, Paused):
            self._is_still = True
        elif isinstance(event, Progress | LaneNews):
            self._is_still = event.state is not State.RUNNING
            if self._is_still:
                self._relay_shot()
            with self._lock:
                self._told.append(event)
            self._call()

    def _relay_shot(self) -> None:
        """Relay the newest estimate of the job shown, once the one before was taken."""
        newest = self._estimate
        with self._lock:
            is_due = self._shot is None or self._is_still
            if newest is None or self._relayed or not is_due or newest.job_id != self._shown:
                return
            self._relayed = True
            self._shot = (newest.job_id, shot_of(newest, self._is_still))
        self._call()

    def _call(self) -> None:
        """Say once that there is something, until it is taken."""
        with self._lock:
            was_heard, self._was_heard = self._was_heard, False
        if was_heard:
            self.heard.emit()


def shot_of(picture: Picture, is_still: bool = False) -> Shot:
    """Return what is developed of a picture that came from an engine."""
    found = picture.estimate
    return Shot(found.object, found.probe, picture.object_pixel_m, picture.iteration, picture.spots_m, is_still,
                picture.errors_at)  # fmt: skip
