"""The thread of a device: it does the jobs of its queue one after the other, in the one engine process that it owns."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from PyQt5.QtCore import QThread, pyqtSignal

from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes import messages as events
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.pictures.live_picture import FINAL_PX, LIVE_PX, LivePicture, make_picture
from ptychogui.states import State

_POLL_S = 0.03
_STOP_S = 2.0
"""How long a run may take to write its result when the window closes; then it is ended without."""


class DeviceWorker(QThread):
    """Runs jobs in first-in-first-out order; a child that died is started anew for the next job.

    Signals, all with the message of that name in `jobs.processes.messages`: ready, progress, ended (Finished), failed,
    died, silent. `pictureWaiting` says that `take_picture` has one; there is never more than one, the newest.
    """

    ready = pyqtSignal(object)
    progress = pyqtSignal(object)
    ended = pyqtSignal(object)
    failed = pyqtSignal(object)
    died = pyqtSignal(object)
    silent = pyqtSignal(object)
    pictureWaiting = pyqtSignal()

    def __init__(self, device: str, make_process: Callable[[str], EngineProcess] = EngineProcess) -> None:
        super().__init__()
        self._device, self._make_process = device, make_process
        self._orders: queue.SimpleQueue[Callable[[EngineProcess], None]] = queue.SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._closing = threading.Event()
        self._came_up = False
        self._last: Progress | None = None
        self._estimate: events.Picture | None = None
        self._picture: LivePicture | None = None
        self._picture_lock = threading.Lock()
        self._signals = {
            events.Ready: self.ready, events.Finished: self.ended, events.Failed: self.failed, events.Died: self.died,
            events.Silent: self.silent,
        }  # fmt: skip

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        self._orders.put(lambda _process: self._waiting.append(job))

    def stop(self, job_id: str) -> None:
        """End a job with its result kept; one that still waits is taken out of the queue."""
        self._orders.put(lambda process: self._stop(process, job_id))

    def take_picture(self) -> LivePicture | None:
        """Return the newest picture, once."""
        with self._picture_lock:
            picture, self._picture = self._picture, None
        return picture

    def shut_down(self) -> None:
        """End the run under way with its result kept if that is quick, then the process and the thread."""
        self._closing.set()
        self.wait()

    def run(self) -> None:
        """Work until told to end; the process is started at once, so that the first job finds it warm."""
        process = self._make_process(self._device)
        try:
            process.start()
            while not self._closing.is_set():
                self._turn(process)
            self._wind_up(process)
        finally:
            process.close()

    def _turn(self, process: EngineProcess) -> None:
        while not self._orders.empty():
            self._orders.get()(process)
        if self._waiting and not process.job_id:
            self._submit(process, self._waiting.popleft())
        for event in process.messages(_POLL_S):
            self._announce(process, event)
        self._develop()

    def _submit(self, process: EngineProcess, job: Job) -> None:
        self._last = None
        process.device = job.parameters.devices.device
        process.submit(job)

    def _stop(self, process: EngineProcess, job_id: str) -> None:
        if process.job_id == job_id:
            process.stop()
        for job in [job for job in self._waiting if job.id == job_id]:
            self._waiting.remove(job)
            self.ended.emit(events.Finished(job.id, State.CANCELLED, None))

    def _announce(self, process: EngineProcess, event: events.Event) -> None:
        if isinstance(event, Progress):
            self._last = event
            self.progress.emit(event)
        elif isinstance(event, events.Picture):
            self._estimate = event
        else:
            self._develop(at_once=True)
            self._signals[type(event)].emit(event)
            self._keep_warm(process, event)

    def _keep_warm(self, process: EngineProcess, event: events.Event) -> None:
        """Start a process anew that died after it had worked; one that never came up waits for the next job."""
        if isinstance(event, events.Died) and self._came_up:
            process.start()
        if isinstance(event, events.Ready | events.Died):
            self._came_up = isinstance(event, events.Ready)

    def _develop(self, at_once: bool = False) -> None:
        """Make the newest estimate a picture, once the one before was taken or this is the last."""
        last, estimate = self._last, self._estimate
        if last is None or estimate is None or not (self._picture is None or at_once):
            return
        limit = LIVE_PX if last.state is State.RUNNING else FINAL_PX
        picture = make_picture(estimate.estimate.object, estimate.estimate.probe, estimate.object_pixel_m, limit)
        self._estimate = None
        with self._picture_lock:
            self._picture = picture
        self.pictureWaiting.emit()

    def _wind_up(self, process: EngineProcess) -> None:
        """Have the run under way write its result, and end the process if it does not in time."""
        process.stop()
        end_s = time.monotonic() + _STOP_S
        while process.job_id and time.monotonic() < end_s:
            process.messages(_POLL_S)
        if process.job_id:
            process.kill()
