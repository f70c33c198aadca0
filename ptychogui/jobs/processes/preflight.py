"""Preflight in a process of its own: nothing that it does holds up a window, and it can be ended at any moment."""

from __future__ import annotations

import contextlib
import threading
import warnings
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ptychogui.errors import DeviceError, PtychoError
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import Checker, Preflight
from ptychogui.jobs.processes.spawning import give_way, spawn

_END_S = 2.0


class PreflightProcess:
    """A child that checks jobs and keeps its device open and its sample read between them.

    It starts when it is first asked. `check` belongs to one thread at a time; `close` may be called from any, and the
    check under way then returns None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: tuple[BaseProcess, Connection] | None = None
        self._over = False

    def check(self, job: Job) -> Preflight | None:
        """Return what a job's preflight finds; None where it was closed meanwhile.

        Raises:
            PtychoError: the scan can't be opened, or the process ended by itself.
        """
        child = self._started()
        if child is None:
            return None
        process, pipe = child
        try:
            pipe.send(job)
            answer = pipe.recv()
        except (EOFError, OSError):
            if not self._forget(process):
                return None
            process.join(_END_S)
            raise DeviceError(f"the preflight's process ended by itself (exit code {process.exitcode})") from None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self, for_good: bool = False) -> None:
        """End the child at once, and free its device; the next check starts another, unless it is for good."""
        with self._lock:
            child, self._child = self._child, None
            self._over = self._over or for_good
        if child is not None:
            process, _pipe = child
            process.kill()
            process.join(_END_S)

    def _started(self) -> tuple[BaseProcess, Connection] | None:
        with self._lock:
            if self._child is None and not self._over:
                self._child = spawn(serve, name="ptychogui preflight")
            return self._child

    def _forget(self, process: BaseProcess) -> bool:
        """Forget a child that has ended; say whether it was still ours."""
        with self._lock:
            ours = self._child is not None and self._child[0] is process
            self._child = None if ours else self._child
        return ours


def serve(pipe: Connection) -> None:
    """Check jobs that come by a pipe until the other end is closed; errors go back as answers."""
    give_way()
    warnings.simplefilter("ignore")  # that a device is slow is a finding
    with contextlib.suppress(EOFError, OSError), Checker() as checker:
        while True:
            job: Job = pipe.recv()
            try:
                answer: Preflight | Exception = checker.check(job)
            except PtychoError as error:
                answer = error
            pipe.send(answer)
