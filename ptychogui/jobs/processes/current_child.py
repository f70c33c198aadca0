"""The one child that is there at a time: started by the thread that needs it, ended at any moment by any other."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ptychogui.jobs.processes.child_process import ChildProcess


class CurrentChild:
    """Holds at most one child process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._over = False

    def get(self, make: Callable[[], ChildProcess]) -> ChildProcess | None:
        """Return the child, made if there is none; None where the end was for good."""
        with self._lock:
            if self._child is None and not self._over:
                self._child = make()
            return self._child

    def let_go(self, child: ChildProcess) -> bool:
        """Forget a child that has ended, and say whether it ended by itself: nobody has called `end` since."""
        with self._lock:
            ours = self._child is child
            self._child = None if ours else self._child
        child.close()
        return ours

    def end(self, for_good: bool = False) -> None:
        """End the child at once, if there is one; another can follow, unless it is for good."""
        with self._lock:
            child, self._child = self._child, None
            self._over = self._over or for_good
        if child is not None:
            child.close(at_once=True)
