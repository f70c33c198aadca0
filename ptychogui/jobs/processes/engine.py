"""The engine process, seen from outside. Plain Python: a window's worker thread or a script may own it."""

from __future__ import annotations

import contextlib
import pickle
import signal
import threading
import time
from collections import deque
from multiprocessing import connection
from pathlib import Path
from typing import Any

from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.engine_child import child_main
from ptychogui.jobs.processes.messages import (
    INTERNAL,
    Beat,
    Died,
    Event,
    Failed,
    Finished,
    Open,
    Order,
    Picture,
    PictureNote,
    Run,
    Silent,
    Tell,
)
from ptychogui.jobs.processes.picture_slot import PictureSlot
from ptychogui.jobs.processes.spawning import spawn

SILENCE_S = 10.0
"""Without a sign of life for so long, a process is said to be silent."""

_CLOSE_S = 3.0
_AT_ONCE = 1000
"""Most messages taken in one go."""

_SIGNALS = {
    signal.SIGKILL: "out of memory or kill -9",
    signal.SIGSEGV: "a crash in compiled code",
    signal.SIGBUS: "a crash in compiled code, or no memory for a shared picture",
    signal.SIGABRT: "a crash in compiled code",
    signal.SIGTERM: "ended from outside",
}


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
        self._child: _Child | None = None
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
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the child, if there is none, and have it open the device; returns at once."""
        if self._child is None:
            self._child = _Child(self.device, self._run)
            self._child.send(Open(self.device, self._threads))

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
            self._local.append(Failed(job.id, f"internal error: the job can't be sent: {error}", repr(job), INTERNAL))
            return
        if self._child is not None:
            self._listen(self._child, 0)
        self.start()
        self._job_id, self._checkpoint = job.id, None
        self._send(Run(job.id, self.device, payload))

    def stop(self) -> None:
        """End the job after the iteration under way, with its result kept."""
        self._send(Tell(self._job_id, Order.STOP))

    def cancel(self) -> None:
        """End the job after the iteration under way, without a result."""
        self._send(Tell(self._job_id, Order.CANCEL))

    def pause(self) -> None:
        """Hold the job after the iteration under way."""
        self._send(Tell(self._job_id, Order.PAUSE))

    def resume(self) -> None:
        """Let a paused job go on."""
        self._send(Tell(self._job_id, Order.RESUME))

    def kill(self) -> None:
        """End the child at once, such as one that is silent; `messages` will say that it died."""
        if self._child is not None:
            self._child.process.kill()

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

    def _send(self, message: Any) -> None:
        child = self._child
        if child is not None:
            child.send(message)

    def _listen(self, child: _Child, timeout_s: float) -> None:
        messages, ended = child.receive(timeout_s)
        newest = max((i for i, message in enumerate(messages) if isinstance(message, PictureNote)), default=None)
        for i, message in enumerate(messages):
            if isinstance(message, PictureNote):
                self._local.extend(child.picture(message) if i == newest else ())
            elif not isinstance(message, Beat):
                self._local.append(self._noted(message))
        if ended or any(isinstance(message, Failed) and message.kind == INTERNAL for message in messages):
            self._bury(child)
        elif (silence_s := child.new_silence_s()) is not None:
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

    def _bury(self, child: _Child) -> None:
        """Say why the child is gone, unless it goes by itself after an internal error, which was said before."""
        cause = child.cause_of_death()
        if cause or self._job_id:
            self._local.append(Died(self._job_id, cause or "ended by itself", self._checkpoint))
        child.close()
        self._child, self._job_id = None, ""


class _Child:
    """One child from its start to its end."""

    def __init__(self, device: str, run: str) -> None:
        self._slot = PictureSlot()
        self._lock = threading.Lock()
        self._heard_s = time.monotonic()
        self._silent = False
        self.process, self._pipe = spawn(child_main, self._slot, run, name=f"ptychogui {device}")

    def send(self, message: Any) -> None:
        """Send from any thread; to a child that is gone nothing is sent, `receive` will tell."""
        with self._lock, contextlib.suppress(OSError):
            self._pipe.send(message)

    def receive(self, timeout_s: float) -> tuple[list[Any], bool]:
        """Return what the child has sent, and whether it has ended."""
        ready = connection.wait([self._pipe, self.process.sentinel], timeout_s)
        messages: list[Any] = []
        ended = self.process.sentinel in ready
        try:
            while len(messages) < _AT_ONCE and self._pipe.poll():
                messages.append(self._pipe.recv())
        except (EOFError, OSError):
            ended = True
        if messages:
            self._heard_s, self._silent = time.monotonic(), False
        return messages, ended and len(messages) < _AT_ONCE

    def new_silence_s(self) -> float | None:
        """Seconds since the last message, once when they become too many."""
        silence_s = time.monotonic() - self._heard_s
        if self._silent or silence_s < SILENCE_S:
            return None
        self._silent = True
        return silence_s

    def picture(self, note: PictureNote) -> list[Picture]:
        """Fetch a picture from the slot, if it is still there."""
        estimate = self._slot.read(note.sequence, note.object_shape, note.probe_shape)
        return [] if estimate is None else [Picture(note.job_id, note.iteration, estimate, note.object_pixel_m)]

    def cause_of_death(self) -> str:
        """Say in words why the child ended; "" if it ended as it should."""
        self.process.join(_CLOSE_S)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"ended with exit code {code}" if code else ""
        name = signal.Signals(-code).name
        hint = _SIGNALS.get(signal.Signals(-code), "ended from outside")
        return f"killed by signal {-code} ({name}): {hint}"

    def close(self) -> None:
        """Hang up, which ends the child, and make sure that it has ended."""
        with self._lock, contextlib.suppress(OSError):
            self._pipe.close()
        self.process.join(_CLOSE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()
        self._slot.close()
