"""Run and Stop: from the session to a job, and from what the worker says to what the window shows."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.error_message import ErrorMessage, explain
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.worker import DeviceWorker
from ptychogui.errors import PtychoError
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.job_values import heeded_layers, make_job
from ptychogui.jobs.processes.messages import Died, Failed, Finished, Ready, Silent
from ptychogui.jobs.results.reservations import Reservation
from ptychogui.jobs.results.result_paths import beside_scan, job_name
from ptychogui.jobs.stages import total_iterations
from ptychogui.states import State

_ENDINGS = {State.DONE: "Finished", State.STOPPED: "Stopped", State.CANCELLED: "Cancelled"}
_FAILED = "The reconstruction failed"
_DIED = "The reconstruction process ended by itself"


class RunController(QObject):
    """One run at a time on one worker.

    Signals:
        waiting(text): for files, before anything else can be done.
        started(title, iterations), progress(Progress), picture(Picture): while it goes on.
        stopping(): Stop was understood.
        ended(text, kind, result): how it ended; kind is "done" or "failed"; result is a Path or None.
        problem(ErrorMessage), message(text): for the user.
    """

    started = pyqtSignal(str, int)
    waiting = pyqtSignal(str)
    progress = pyqtSignal(object)
    picture = pyqtSignal(object)
    stopping = pyqtSignal()
    ended = pyqtSignal(str, str, object)
    problem = pyqtSignal(object)
    message = pyqtSignal(str)

    def __init__(self, session: SessionController, worker: DeviceWorker) -> None:
        super().__init__()
        self._session, self._worker = session, worker
        self._job: Job | None = None
        self._reserved: Reservation | None = None
        self._last: Progress | None = None
        worker.progress.connect(self._on_progress)
        worker.pictureWaiting.connect(self._on_picture)
        worker.ready.connect(self._on_ready)
        worker.ended.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.died.connect(self._on_died)
        worker.silent.connect(self._on_silent)

    @property
    def job(self) -> Job | None:
        """The job under way."""
        return self._job

    def run(self) -> None:
        """Make a job of the session as it stands and give it to the worker."""
        if self._job is not None:
            return
        try:
            job = self._make_job()
        except PtychoError as error:
            self.problem.emit(explain("This can't be reconstructed yet", error))
            return
        self._job, self._last = job, None
        self.started.emit(job.title, total_iterations(job.parameters.reconstruction))
        self.message.emit(f"{job.title}: started; the result goes to {job.output}")
        self._worker.submit(job)

    def stop(self) -> None:
        """End the run within seconds, with its result kept."""
        if self._job is not None:
            self._worker.stop(self._job.id)
            self.stopping.emit()

    def _make_job(self) -> Job:
        scan, layers = self._session.scan, self._session.layers
        source = scan.path if scan else None
        name = job_name(source, layers.resolve()[0].output.job_id, unnamed="simulated-scan")
        self._reserved = beside_scan(source, name)
        with self._reserved.released_on_error() as output:
            known = scan.dataset if scan else None
            return make_job(heeded_layers(layers), source, output, "window: Run", scan=known)

    def _on_ready(self, event: Ready) -> None:
        self.message.emit(f"Device {event.device} is ready (process {event.pid})")

    def _on_progress(self, progress: Progress) -> None:
        if not self._is_mine(progress.job_id):
            return
        if progress.state is State.WAITING:
            self.waiting.emit(progress.notes[0])
        else:
            self._last = progress
            for note in progress.notes:
                self.message.emit(note)
            self.progress.emit(progress)

    def _on_picture(self) -> None:
        picture = self._worker.take_picture()
        if picture is not None:
            self.picture.emit(picture)

    def _on_finished(self, event: Finished) -> None:
        if self._is_mine(event.job_id):
            self._end(f"{_ENDINGS[event.state]}{self._summary()}", State.DONE, event.result)

    def _on_failed(self, event: Failed) -> None:
        if event.job_id and not self._is_mine(event.job_id):
            return
        text = event.message + _kept(event.checkpoint)
        self.problem.emit(ErrorMessage(_FAILED if event.job_id else "The device can't be used", text, event.details))
        if event.job_id:
            self._end("Failed", State.FAILED, event.checkpoint)

    def _on_died(self, event: Died) -> None:
        if not event.job_id:
            self.message.emit(f"{_DIED}: {event.cause}")
        elif self._is_mine(event.job_id):
            text = f"{event.cause}{_kept(event.checkpoint)}. A new process is started; press Run to try again."
            self.problem.emit(ErrorMessage(_DIED, text, event.details))
            self._end("Failed", State.FAILED, event.checkpoint)

    def _on_silent(self, event: Silent) -> None:
        if self._is_mine(event.job_id):
            self.message.emit(f"The reconstruction process has said nothing for {event.seconds:.0f} s")

    def _end(self, text: str, kind: str, result: Path | None) -> None:
        job, self._job = self._job, None
        assert job is not None and self._reserved is not None
        self._reserved.release()
        self.ended.emit(text, kind, result)
        self.message.emit(f"{job.title}: {text.lower()}" + (f"; {result}" if result else ""))

    def _is_mine(self, job_id: str) -> bool:
        return self._job is not None and self._job.id == job_id

    def _summary(self) -> str:
        last = self._last
        return f" after {last.elapsed_s:.1f} s" if last and last.iteration else ""


def _kept(checkpoint: Path | None) -> str:
    return f"; the last checkpoint is kept in {checkpoint}" if checkpoint else ""
