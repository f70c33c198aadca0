"""The engine process, seen from inside: a device kept warm, jobs done one after the other, orders obeyed in between.

The main thread works; orders come by the thread that listens to the parent. When the parent is gone, the job under way
is cancelled.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pickle
import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ptychogui.backends import Backend, open_backend
from ptychogui.errors import DeviceLostError, PtychoError
from ptychogui.io.atomic import mark_parts
from ptychogui.jobs.checkpoints.whole_state import discard_checkpoint
from ptychogui.jobs.job import Control, Job, Progress, waiting_progress
from ptychogui.jobs.processes.child_main import Parent
from ptychogui.jobs.processes.messages import Failed, Finished, JobOrder, Open, Order, Paused, PictureNote, Ready, Run
from ptychogui.jobs.processes.picture_slot import PictureSlot
from ptychogui.states import State

_log = logging.getLogger(__name__)

RunJob: TypeAlias = Callable[[Job, Backend, Control, Callable[[int], bool]], Generator[Progress, None, None]]
"""What `run_job` of jobs.runner is."""

_PICTURE_S = 0.05
"""Least time between pictures."""
_PICTURE_SHARE = 0.1
"""Most of the time that may go into pictures."""


def do_jobs(parent: Parent, slot: PictureSlot, run_path: str) -> None:
    """Do jobs until the parent is gone.

    Args:
        parent: sends messages.Open, Run and JobOrder; gets messages.Ready, PictureNote, Paused, Finished, Failed, and
            Progress.
        slot: where pictures go.
        run_path: "module:function" that does a job, as jobs.runner.run_job does.
    """
    module, _, name = run_path.partition(":")
    run: RunJob = getattr(importlib.import_module(module), name)
    inbox = _Inbox()
    parent.on_message(inbox.take, inbox.close)
    with _Worker(run, parent, slot) as worker:
        while (task := inbox.tasks.get()) is not None:
            worker.do(*task)


class _Switch:
    """Where orders to one job meet its loop. One that is orphaned is cancelled as well, but by nobody's wish."""

    def __init__(self) -> None:
        self.control = Control()
        self.cancelled = self.orphaned = False
        self._changed = threading.Condition()
        self._allowed: int | None = None
        """Iterations until the next hold; None where there is to be none."""

    def obey(self, order: Order) -> None:
        if order is Order.STOP:
            self.control.stop()
        if order is Order.LEAVE:
            self.control.leave()
        if order is Order.CANCEL:
            self.control.cancel()
        with self._changed:
            self.cancelled = self.cancelled or order is Order.CANCEL
            self._allowed = self._allowance(order)
            self._changed.notify_all()

    def _allowance(self, order: Order) -> int | None:
        if self.cancelled or self.control.end_asked or order is Order.RESUME:
            return None
        if order is Order.STEP and self._allowed is not None:
            return self._allowed + 1
        return 0

    @property
    def holds(self) -> bool:
        """Whether the job is to wait."""
        return self._allowed == 0

    def wait(self) -> None:
        """Return at once, or when a pause ends or has room for one more iteration."""
        with self._changed:
            self._changed.wait_for(lambda: self._allowed != 0)
            if self._allowed is not None:
                self._allowed -= 1


class _Inbox:
    """Messages of the parent: tasks queue up, orders reach their job at once."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[tuple[Open | Run, _Switch] | None] = queue.SimpleQueue()
        self._switches: dict[str, _Switch] = {}

    def take(self, message: Open | Run | JobOrder) -> None:
        """Put a task at the end of the queue, or pass on an order; one to a job that is over is dropped."""
        if not isinstance(message, JobOrder):
            switch = _Switch()
            if isinstance(message, Run):
                self._switches = {message.job_id: switch}
            self.tasks.put((message, switch))
        elif message.job_id in self._switches:
            self._switches[message.job_id].obey(message.order)

    def close(self) -> None:
        """Cancel the job under way; nothing comes after it."""
        self.tasks.put(None)
        for switch in self._switches.values():
            switch.orphaned = True
            switch.obey(Order.CANCEL)


@dataclass
class _Shutter:
    """Decides when a picture is due: at most twenty a second, and less where they take long."""

    interval_s: float = 0.0
    _opened: float = field(default=float("-inf"))

    def wants(self, _iteration: int) -> bool:
        now = time.monotonic()
        if now - self._opened < self.interval_s:
            return False
        self._opened = now
        return True

    def done(self) -> None:
        """Note what the picture took."""
        self.interval_s = max(_PICTURE_S, (time.monotonic() - self._opened) / _PICTURE_SHARE)


class _Worker:
    """The device, and the jobs on it."""

    def __init__(self, run: RunJob, parent: Parent, slot: PictureSlot) -> None:
        self._run, self._parent, self._slot = run, parent, slot
        self._opened: tuple[tuple[str, int | None], ...] = ()
        self._backend: Backend | None = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def do(self, task: Open | Run, switch: _Switch) -> None:
        """Do what was asked. What is refused is reported; a lost device, or a defect, ends the process."""
        job_id = task.job_id if isinstance(task, Run) else ""
        try:
            if isinstance(task, Run):
                self._do_job(task, switch)
            else:
                self._open(task.device, task.threads)
        except BaseException as error:
            if not isinstance(error, PtychoError) or isinstance(error, DeviceLostError):
                self._parent.end(error)  # before the device is closed: it may be in disorder
                raise
            _log.info("refused: %s", error)
            self._parent.send(Failed(job_id, str(error), kind=type(error).__name__))

    def _do_job(self, task: Run, switch: _Switch) -> None:
        job: Job = pickle.loads(task.payload)
        mark_parts(job.id)
        backend = self._open(task.device, job.parameters.devices.threads)
        shutter = _Shutter()
        state, result = State.RUNNING, None
        switch.control.on_waiting = lambda text: self._parent.send(waiting_progress(job, text))
        with contextlib.closing(self._run(job, backend, switch.control, shutter.wants)) as stream:
            for progress in stream:
                self._report(progress, shutter)
                state, result = progress.state, progress.result
                if switch.holds:
                    self._parent.send(Paused(job.id))
                switch.wait()
                if switch.cancelled:
                    break
        if state is State.RUNNING:
            state, result = State.CANCELLED, None
            if not switch.orphaned:  # nobody has said that it is not wanted
                discard_checkpoint(job)
        self._parent.send(Finished(job.id, state, result))

    def _report(self, progress: Progress, shutter: _Shutter) -> None:
        self._parent.send(replace(progress, estimate=None, spots_m=None, errors_at=None))
        estimate = progress.estimate
        if estimate is None:
            return
        sequence, shapes = self._slot.write(estimate), (estimate.object.shape, estimate.probe.shape)
        note = PictureNote(progress.job_id, progress.iteration, sequence, *shapes, progress.object_pixel_m)
        self._parent.send(replace(note, spots_m=progress.spots_m, errors_at=progress.errors_at))
        shutter.done()

    def _open(self, device: str, threads: int | None) -> Backend:
        """Return the device, opened anew if it is not the one that is open."""
        if self._backend is not None and (device, threads) in self._opened:
            return self._backend
        self._close()
        self._backend = open_backend(device, threads).__enter__()
        self._opened = ((device, threads), (self._backend.name, threads))
        self._parent.send(Ready(self._backend.name, os.getpid()))
        return self._backend

    def _close(self) -> None:
        if self._backend is not None:
            self._backend.__exit__(None, None, None)
        self._backend = None
