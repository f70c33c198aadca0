"""A helper process: does one thing after the other that could take its process down, such as reading foreign files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ptychogui.errors import PtychoError
from ptychogui.jobs.processes.child_main import Parent, Raised
from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.jobs.processes.current_child import CurrentChild

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Done:
    """What has come of a work."""

    outcome: Any


class HelperProcess:
    """A child that starts when it is first asked for something, and another one after it where it died.

    `do` belongs to one thread at a time; `end` may be called from any, and the work under way then returns None.
    """

    def __init__(self, name: str, niceness: int = 10) -> None:
        """Get ready.

        Args:
            name: for lists of processes and for the log.
            niceness: how much it gives way to others; 0 where somebody waits for what it does.
        """
        self._name, self._niceness = name, niceness
        self._current = CurrentChild()

    def do(
        self, work: Callable[..., _T], *arguments: Any, tell: Callable[[Any], None] = lambda _said: None
    ) -> _T | None:
        """Return what `work(tell, *arguments)` returns in the child; None where it was ended meanwhile.

        Args:
            work: a function at the top of a module, since its name goes to the child.
            arguments: picklable, as is what it returns and tells.
            tell: hears what the work tells on its way.

        Raises:
            PtychoError: what the work raised, or the process died.
            InternalError: the work has a defect.
        """
        child = self._current.get(lambda: ChildProcess(serve, name=self._name, niceness=self._niceness))
        if child is None:
            return None
        child.send((work, arguments))
        for answer in child.until_end():
            if isinstance(answer, Raised):
                raise answer.error()
            if isinstance(answer, _Done):
                return answer.outcome  # type: ignore[no-any-return]
            tell(answer)
        if self._current.let_go(child) and child.end is not None:
            child.end.check()
        return None

    def end(self, for_good: bool = False) -> None:
        """End the child at once; the next work starts another, unless it is for good."""
        self._current.end(for_good)


def serve(parent: Parent) -> None:
    """Do what comes until the parent is gone; what can't be done is an answer as well."""
    warnings.simplefilter("ignore")
    while (asked := parent.receive()) is not None:
        work, arguments = asked
        try:
            parent.send(_Done(work(parent.send, *arguments)))
        except Exception as error:
            _log.log(logging.INFO if isinstance(error, PtychoError) else logging.ERROR, "%s", error)
            parent.send(Raised.of(error))
