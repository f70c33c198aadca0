"""A lengthy question about a job, answered in steps by a child process that can be ended at any moment."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.child_main import Parent
from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.jobs.processes.current_child import CurrentChild

Tell = Callable[[Any], None]
Work = Callable[[Job, Tell], None]
"""A function at the top of a module, since its name goes to the child; what it tells must be picklable."""


class QuestionProcess:
    """One question, and one child, at a time. `ask` belongs to one thread; `end` may be called from any."""

    def __init__(self) -> None:
        self._current = CurrentChild()

    def ask(self, work: Work, job: Job, tell: Tell) -> bool:
        """Let a child do `work` on a job, and pass on what it tells; say whether it came to its end.

        Raises:
            PtychoError: what the work raised, or the process died.
            InternalError: the work has a defect.
        """
        child = self._current.get(lambda: ChildProcess(_answer, work, job, name=f"ptychogui {work.__name__}"))
        if child is None:
            return False
        try:
            for answer in child.until_end():
                tell(answer)
        finally:
            by_itself = self._current.let_go(child)
        if by_itself and child.end is not None:
            child.end.check()
        return by_itself

    def end(self, for_good: bool = False) -> None:
        """End the child at once, if there is one; another can be sent after it, unless it is for good."""
        self._current.end(for_good)


def _answer(parent: Parent, work: Work, job: Job) -> None:
    warnings.simplefilter("ignore")
    work(job, parent.send)
