"""The engine process, seen from outside. Plain Python: a window's worker thread or a script may own it."""

from __future__ import annotations

import logging
import pickle
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ptychogui.errors import DeviceError, DeviceLostError, PtychoError
from ptychogui.jobs.job import FirstTry, Job, Progress, waiting_progress
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


_ENDS = (Order.STOP, Order.CANCEL, Order.LEAVE)


class EngineProcess:
    """One device's child process, kept warm between jobs and started anew when it died.

    A job that lost its device, as a GPU is lost by an illegal address, is tried once more in a new child: from its last
    checkpoint, of its whole state or else of its result, or from the beginning where it left none. A Progress that
    waits says so. What ends the second try ends the job, and is told with the cause of the first; so is what ends a job
    that was to stop, to leave or to be cancelled.

    `messages`, `submit` and `close` belong to one thread; `stop`, `cancel`, `leave`, `pause`, `resume`, `step`
    and `kill` may be called from any.
    """

    def __init__(
        self,
        device: str,
        threads: int | None = None,
        run: str = "ptychogui.jobs.runner:run_job",
        on_child: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """Make ready to start.

        Args:
            device: what backends.open_backend takes.
            threads: CPU threads to warm up with; a job brings its own number.
            run: "module:function" that does a job in the child, as run_job does.
            on_child: called with the process id of each new child before a job is sent to it.
        """
        self.device = device
        self._threads, self._run, self._on_child = threads, run, on_child
        self._child: _EngineChild | None = None
        self._local: deque[Event] = deque()
        self._job: Job | None = None
        self._order: Order | None = None
        self._checkpoint: Path | None = None

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def job_id(self) -> str:
        """The job under way, "" if none."""
        job = self._job
        return job.id if job else ""

    @property
    def pid(self) -> int | None:
        """Process id of the child, None if there is none."""
        return self._child.pid if self._child else None

    @property
    def silence_s(self) -> float:
        """For how long the child has given no sign of life; 0 where there is none."""
        child = self._child
        return child.silence_s if child else 0.0

    def start(self) -> None:
        """Start the child, if there is none, and have it open the device; returns at once."""
        if self._child is None:
            self._child = self._started(None)
            self._send(Open(self.device, self._threads))

    def submit(self, job: Job) -> None:
        """Begin a job; what becomes of it, a Job that can't be sent included, comes by `messages`.

        Raises:
            RuntimeError: the last job is still under way.
        """
        if self._job is not None:
            raise RuntimeError(f"{self.device} is busy with job {self._job.id}; wait for its end")
        if self._child is not None:
            self._listen(self._child, 0)
        self._order, self._checkpoint = None, None
        self._begin(job)

    def _begin(self, job: Job) -> None:
        """Send a job to the child, which is started if there is none."""
        try:
            payload = pickle.dumps(job)
        except Exception as error:
            _log.error("the job can't be sent: %r", job, exc_info=True, extra=TOLD)
            self._local.append(Failed(job.id, f"internal error: the job can't be sent: {error}", repr(job), INTERNAL))
            return
        self._child = self._child or self._started(job)
        if self._child is not None:
            self._job = job
            self._child.send(Run(job.id, self.device, payload))

    def stop(self) -> None:
        """End the job within seconds, with its result kept."""
        self._tell(Order.STOP)

    def cancel(self) -> None:
        """End the job after the iteration under way, without a result."""
        self._tell(Order.CANCEL)

    def leave(self) -> None:
        """End the job after the iteration under way without a result, its whole state kept for whoever goes on."""
        self._tell(Order.LEAVE)

    def pause(self) -> None:
        """Hold the job after the iteration under way."""
        self._tell(Order.PAUSE)

    def resume(self) -> None:
        """Let a paused job go on."""
        self._tell(Order.RESUME)

    def step(self) -> None:
        """Let a paused job do one more iteration; hold one that runs after the iteration under way."""
        self._tell(Order.STEP)

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
        self._child, self._job = None, None

    def _started(self, job: Job | None) -> _EngineChild | None:
        """Return a new child; where none can be started, say so, and that the job fails that needs it."""
        try:
            child = _EngineChild(self.device, self._run)
        except DeviceError as error:
            self._fail(job, str(error), type(error).__name__)
            return None
        try:
            self._on_child(child.pid)
        except BaseException:
            child.close(at_once=True)
            raise
        return child

    def _tell(self, order: Order) -> None:
        """Pass on an order to the job, and keep it for a second try; an end is not taken back."""
        if self._order not in _ENDS:
            self._order = order
        self._send(JobOrder(self.job_id, order))

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
            self._local.append(Silent(self.job_id, silence_s))

    def _noted(self, event: Any) -> Event:
        """Follow the job's life."""
        if isinstance(event, Progress) and event.result is not None:
            self._checkpoint = event.result
        if isinstance(event, Failed) and event.job_id:
            message = _with_first_try(self._job, event.message)
            event = Failed(event.job_id, message, event.details, event.kind, self._checkpoint)
        if isinstance(event, Finished | Failed) and event.job_id == self.job_id:
            self._job = None
        return event  # type: ignore[no-any-return]

    def _bury(self, child: _EngineChild, end: End) -> None:
        """Say why the child is gone, or begin its job again."""
        job, error = self._job, None if end.raised is None else end.raised.error()
        child.close()
        self._child = None
        if job is not None and _is_worth_another_try(job, error) and self._order not in _ENDS:
            self._try_again(job, str(error))
            return
        self._job = None
        if isinstance(error, PtychoError):
            self._fail(job, str(error), type(error).__name__)
        elif end.raised is not None:
            self._fail(job, f"internal error: {end.raised.line}", INTERNAL, end.raised.details)
        elif end.cause or job is not None:
            cause = _with_first_try(job, end.cause or "ended by itself")
            self._local.append(Died(job.id if job else "", cause, self._checkpoint, end.last_words))

    def _fail(self, job: Job | None, message: str, kind: str, details: str = "") -> None:
        """Say that a job, or the device where there is none, came to nothing."""
        job_id, checkpoint = (job.id, self._checkpoint) if job else ("", None)
        self._local.append(Failed(job_id, _with_first_try(job, message), details, kind, checkpoint))

    def _try_again(self, job: Job, failure: str) -> None:
        """Begin a job a second time, in a new child, and tell that what it was last told."""
        first = FirstTry(failure, self._checkpoint, job.checkpoint_file.exists())
        _log.warning("%s: %s", job.title, first.note)
        self._local.append(waiting_progress(job, first.note))
        self._begin(replace(job, first_try=first))
        if self._child is None:
            self._job = None
        elif self._order is not None:
            self._send(JobOrder(job.id, self._order))


def _is_worth_another_try(job: Job, error: Exception | None) -> bool:
    return isinstance(error, DeviceLostError) and job.first_try is None


def _with_first_try(job: Job | None, text: str) -> str:
    """Add to what ended a second try what ended the first."""
    return f"{text} ({job.first_try.note})" if job and job.first_try else text


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
        if estimate is None:
            return []
        place = note.object_pixel_m, note.spots_m, note.errors_at
        return [Picture(note.job_id, note.iteration, estimate, *place)]

    def close(self, at_once: bool = False) -> None:
        super().close(at_once)
        self._slot.close()
