"""An errand: a lengthy question about a job, answered in steps by a child process that can be ended at any moment."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ptychogui.errors import DeviceError, PtychoError
from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.spawning import give_way, spawn

_END_S = 2.0

Tell = Callable[[Any], None]
Work = Callable[[Job, Tell], None]
"""A function at the top of a module, since its name goes to the child; what it tells must be picklable."""


class Errand:
    """One child at a time. `run` belongs to one thread; `end` may be called from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._over = False

    def run(self, work: Work, job: Job, tell: Tell) -> bool:
        """Let a child do `work` on a job, and pass on what it tells; say whether it came to its end.

        Raises:
            PtychoError: what the work raised, or the process ended by itself.
        """
        with self._lock:
            if self._over:
                return False
            process, pipe = spawn(_serve, work, job, name="ptychogui errand")
            self._process = process
        with pipe, contextlib.suppress(EOFError, OSError):
            while True:
                answer = pipe.recv()
                if isinstance(answer, PtychoError):
                    raise answer
                tell(answer)
        process.join(_END_S)
        with self._lock:
            ended, self._process = self._process is not process, None
        if process.exitcode and not ended:
            raise DeviceError(f"the process that did it ended by itself (exit code {process.exitcode})")
        return not ended

    def end(self, for_good: bool = False) -> None:
        """End the child at once, if there is one; another can be sent after it, unless it is for good."""
        with self._lock:
            process, self._process = self._process, None
            self._over = self._over or for_good
        if process is not None:
            process.kill()
            process.join(_END_S)


def _serve(pipe: Connection, work: Work, job: Job) -> None:
    """Do the work, unless nobody listens any more; its refusal goes back as an answer."""
    give_way()
    warnings.simplefilter("ignore")
    with contextlib.suppress(BrokenPipeError):
        try:
            work(job, pipe.send)
        except PtychoError as error:
            pipe.send(error)
