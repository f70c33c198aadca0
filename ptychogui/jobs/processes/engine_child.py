"""The engine process, seen from inside: a device kept warm, jobs done one after the other, orders obeyed in between.

Three threads: this one works, one listens to the parent, one gives signs of life. When the parent is gone, the pipe
ends, the job under way is cancelled and the process ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from ptychogui.backends import Backend, open_backend
from ptychogui.errors import PtychoError
from ptychogui.jobs.job import Control, Job, Progress, waiting_progress
from ptychogui.jobs.processes.messages import Beat, Failed, Finished, Open, Order, Paused, PictureNote, Ready, Run, Tell
from ptychogui.jobs.processes.picture_slot import PictureSlot
from ptychogui.states import State

RunJob: TypeAlias = Callable[[Job, Backend, Control, Callable[[int], bool]], Generator[Progress, None, None]]
"""What `run_job` of jobs.runner is."""

BEAT_S = 1.0
"""Between signs of life."""

_PICTURE_S = 0.1
"""Least time between pictures."""
_PICTURE_SHARE = 0.1
"""Most of the time that may go into pictures."""
_NICE = 5
"""How much the engine gives way to the window where both want the same core."""
_GRACE_S = 2.0
"""For the iteration under way, once the parent is gone."""


def child_main(pipe: Connection, slot: PictureSlot, run_path: str) -> None:
    """Do jobs until the parent closes its end of the pipe.

    Args:
        pipe: events.Open, Run and Tell come in; events.Ready, Beat, PictureNote, Finished, Failed and Progress go out.
        slot: where pictures go.
        run_path: "module:function" that does a job, as jobs.runner.run_job does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    faulthandler.enable()
    outbox = _Outbox(pipe)
    inbox = _Inbox(pipe)
    threading.Thread(target=outbox.beat, args=(inbox.gone,), name="heartbeat", daemon=True).start()
    threading.Thread(target=inbox.listen, name="listener", daemon=True).start()
    module, _, name = run_path.partition(":")
    with _Worker(getattr(importlib.import_module(module), name), outbox, slot) as worker:
        healthy = True
        while healthy and (task := inbox.tasks.get()) is not None:
            healthy = worker.do(*task)


class _Switch:
    """Where orders to one job meet its loop."""

    def __init__(self) -> None:
        self.control = Control()
        self.cancelled = False
        self._going = threading.Event()
        self._going.set()

    def obey(self, order: Order) -> None:
        if order is Order.STOP:
            self.control.stop()
        self.cancelled = self.cancelled or order is Order.CANCEL
        if order is Order.PAUSE and not (self.cancelled or self.control.stop_asked):
            self._going.clear()
        else:
            self._going.set()

    @property
    def holds(self) -> bool:
        """Whether the job is to wait."""
        return not self._going.is_set()

    def wait(self) -> None:
        """Return at once, or when a pause ends."""
        self._going.wait()


class _Inbox:
    """Messages of the parent: tasks queue up, orders reach their job at once."""

    def __init__(self, pipe: Connection) -> None:
        self.tasks: queue.SimpleQueue[tuple[Open | Run, _Switch] | None] = queue.SimpleQueue()
        self.gone = threading.Event()
        self._pipe = pipe
        self._switches: dict[str, _Switch] = {}

    def listen(self) -> None:
        """Receive until the parent closes the pipe; then end the job under way, and soon the process."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(self._pipe.recv())
        self.gone.set()
        self.tasks.put(None)
        for switch in self._switches.values():
            switch.obey(Order.CANCEL)
        time.sleep(_GRACE_S)
        os._exit(1)

    def _take(self, message: Open | Run | Tell) -> None:
        if not isinstance(message, Tell):
            switch = _Switch()
            if isinstance(message, Run):
                self._switches = {message.job_id: switch}
            self.tasks.put((message, switch))
        elif message.job_id in self._switches:
            self._switches[message.job_id].obey(message.order)


class _Outbox:
    """Messages to the parent, from any thread. Once it is gone they are dropped: the listener ends the process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, message: Any) -> None:
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(message)

    def beat(self, gone: threading.Event) -> None:
        """Say every BEAT_S that the process is alive."""
        while not gone.wait(BEAT_S):
            self.send(Beat())


@dataclass
class _Shutter:
    """Decides when a picture is due: at most ten a second, and less where they take long."""

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

    def __init__(self, run: RunJob, outbox: _Outbox, slot: PictureSlot) -> None:
        self._run, self._outbox, self._slot = run, outbox, slot
        self._opened: tuple[tuple[str, int | None], ...] = ()
        self._backend: Backend | None = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def do(self, task: Open | Run, switch: _Switch) -> bool:
        """Do what was asked; report what goes wrong. False after an internal error, which ends the process."""
        job_id = task.job_id if isinstance(task, Run) else ""
        try:
            if isinstance(task, Run):
                self._do_job(task, switch)
            else:
                self._open(task.device, task.threads)
        except PtychoError as error:
            self._outbox.send(Failed(job_id, str(error), kind=type(error).__name__))
        except Exception as error:
            message = f"internal error: {type(error).__name__}: {error}"
            self._outbox.send(Failed(job_id, message, traceback.format_exc()))
            return False
        return True

    def _do_job(self, task: Run, switch: _Switch) -> None:
        job: Job = pickle.loads(task.payload)
        backend = self._open(task.device, job.parameters.devices.threads)
        shutter = _Shutter()
        state, result = State.RUNNING, None
        switch.control.on_waiting = lambda text: self._outbox.send(waiting_progress(job, text))
        with contextlib.closing(self._run(job, backend, switch.control, shutter.wants)) as stream:
            for progress in stream:
                self._report(progress, shutter)
                state, result = progress.state, progress.result
                if switch.holds:
                    self._outbox.send(Paused(job.id))
                    switch.wait()
                if switch.cancelled:
                    break
        if state is State.RUNNING:
            state, result = State.CANCELLED, None
        self._outbox.send(Finished(job.id, state, result))

    def _report(self, progress: Progress, shutter: _Shutter) -> None:
        self._outbox.send(replace(progress, estimate=None))
        estimate = progress.estimate
        if estimate is None:
            return
        sequence, shapes = self._slot.write(estimate), (estimate.object.shape, estimate.probe.shape)
        self._outbox.send(PictureNote(progress.job_id, progress.iteration, sequence, *shapes, progress.object_pixel_m))
        shutter.done()

    def _open(self, device: str, threads: int | None) -> Backend:
        """Return the device, opened anew if it is not the one that is open."""
        if self._backend is not None and (device, threads) in self._opened:
            return self._backend
        self._close()
        self._backend = open_backend(device, threads).__enter__()
        self._opened = ((device, threads), (self._backend.name, threads))
        self._outbox.send(Ready(self._backend.name, os.getpid()))
        return self._backend

    def _close(self) -> None:
        if self._backend is not None:
            self._backend.__exit__(None, None, None)
        self._backend = None
