"""The engine process, seen from outside. Plain Python: a window's worker thread or a script may own it."""

from __future__ import annotations

import logging
import pickle
from collections import deque
from pathlib import Path
from typing import Any

from ptychogui.errors import DeviceError
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.child_process import ChildProcess, End
from ptychogui.jobs.processes.engine_child import do_jobs
from ptychogui.jobs.processes.messages import (
    INTERNAL,
    Died,
    Event,
    Failed,
    Finished,
    JobOrder,
    Open,
    Order,
    Picture,
    PictureNote,
    Run,
    Silent,
)
from ptychogui.jobs.processes.picture_slot import PictureSlot
from ptychogui.notify.log import TOLD

_log = logging.getLogger(__name__)

_NICE = 5
"""How much the engine gives way to the window where both want the same core."""


class EngineProcess:
    """One device's child process, kept warm between jobs and started anew when it died.

    `messages`, `submit` and `close` belong to one thread; `stop`, `cancel`, `pause`, `resume` and `kill` may be
    called from any.
    """

    def __init__(self, device: str, threads: int | None = None, run: str = "ptychogui.jobs.runner:run_job") -> None:
        """Make ready to start.

        Args:
            device: what backends.open_backend takes.
            threads: CPU threads to warm up with; a job brings its own number.
            run: "module:function" that does a job in the child, as run_job does.
        """
        self.device = device
        self._threads, self._run = threads, run
        self._child: _EngineChild | None = None
        self._local: deque[Event] = deque()
        self._job_id = ""
        self._checkpoint: Path | None = None

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def job_id(self) -> str:
        """The job under way, "" if none."""
        return self._job_id

    @property
    def pid(self) -> int | None:
        """Process id of the child, None if there is none."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the child, if there is none, and have it open the device; returns at once."""
        if self._child is None:
            self._child = self._started("")
            self._send(Open(self.device, self._threads))

    def submit(self, job: Job) -> None:
        """Begin a job; what becomes of it, a Job that can't be sent included, comes by `messages`.

        Raises:
            RuntimeError: the last job is still under way.
        """
        if self._job_id:
            raise RuntimeError(f"{self.device} is busy with job {self._job_id}; wait for its end")
        try:
            payload = pickle.dumps(job)
        except Exception as error:
            _log.error("the job can't be sent: %r", job, exc_info=True, extra=TOLD)
            self._local.append(Failed(job.id, f"internal error: the job can't be sent: {error}", repr(job), INTERNAL))
            return
        if self._child is not None:
            self._listen(self._child, 0)
        self._child = self._child or self._started(job.id)
        if self._child is not None:
            self._job_id, self._checkpoint = job.id, None
            self._child.send(Run(job.id, self.device, payload))

    def stop(self) -> None:
        """End the job after the iteration under way, with its result kept."""
        self._send(JobOrder(self._job_id, Order.STOP))

    def cancel(self) -> None:
        """End the job after the iteration under way, without a result."""
        self._send(JobOrder(self._job_id, Order.CANCEL))

    def pause(self) -> None:
        """Hold the job after the iteration under way."""
        self._send(JobOrder(self._job_id, Order.PAUSE))

    def resume(self) -> None:
        """Let a paused job go on."""
        self._send(JobOrder(self._job_id, Order.RESUME))

    def kill(self) -> None:
        """End the child at once, such as one that is silent; `messages` will say that it died."""
        if self._child is not None:
            self._child.kill()

    def messages(self, timeout_s: float) -> list[Event]:
        """Return what has happened, in order; wait for the first up to the time-out.

        Of several pictures that came in the meantime only the newest is there.
        """
        if self._child is not None and not self._local:
            self._listen(self._child, timeout_s)
        happened = list(self._local)
        self._local.clear()
        return happened

    def close(self) -> None:
        """End the child: it cancels its job, frees the device and ends; a child that does not is killed."""
        if self._child is not None:
            self._child.close()
        self._child, self._job_id = None, ""

    def _started(self, job_id: str) -> _EngineChild | None:
        """Return a new child; where none can be started, say so, and that the job fails that needs it."""
        try:
            return _EngineChild(self.device, self._run)
        except DeviceError as error:
            self._local.append(Failed(job_id, str(error), kind=type(error).__name__))
            return None

    def _send(self, message: Any) -> None:
        child = self._child
        if child is not None:
            child.send(message)

    def _listen(self, child: _EngineChild, timeout_s: float) -> None:
        messages = child.receive(timeout_s)
        newest = max((i for i, message in enumerate(messages) if isinstance(message, PictureNote)), default=None)
        for i, message in enumerate(messages):
            if isinstance(message, PictureNote):
                self._local.extend(child.picture(message) if i == newest else ())
            else:
                self._local.append(self._noted(message))
        if child.end is not None:
            self._bury(child, child.end)
        elif not messages and (silence_s := child.new_silence_s()) is not None:
            self._local.append(Silent(self._job_id, silence_s))

    def _noted(self, event: Any) -> Event:
        """Follow the job's life."""
        if isinstance(event, Progress) and event.result is not None:
            self._checkpoint = event.result
        if isinstance(event, Failed) and event.job_id:
            event = Failed(event.job_id, event.message, event.details, event.kind, self._checkpoint)
        if isinstance(event, Finished | Failed) and event.job_id == self._job_id:
            self._job_id = ""
        return event  # type: ignore[no-any-return]

    def _bury(self, child: _EngineChild, end: End) -> None:
        """Say why the child is gone."""
        if end.raised is not None:
            message = f"internal error: {end.raised.line}"
            self._local.append(Failed(self._job_id, message, end.raised.details, INTERNAL, self._checkpoint))
        elif end.cause or self._job_id:
            self._local.append(Died(self._job_id, end.cause or "ended by itself", self._checkpoint, end.last_words))
        child.close()
        self._child, self._job_id = None, ""


class _EngineChild(ChildProcess):
    """A child that does jobs, and the slot through which its pictures come."""

    def __init__(self, device: str, run: str) -> None:
        self._slot = PictureSlot()
        try:
            super().__init__(do_jobs, self._slot, run, name=f"ptychogui {device}", niceness=_NICE)
        except DeviceError:
            self._slot.close()
            raise

    def picture(self, note: PictureNote) -> list[Picture]:
        """Fetch a picture from the slot, if it is still there."""
        estimate = self._slot.read(note.sequence, note.object_shape, note.probe_shape)
        return [] if estimate is None else [Picture(note.job_id, note.iteration, estimate, note.object_pixel_m)]

    def close(self, at_once: bool = False) -> None:
        super().close(at_once)
        self._slot.close()
