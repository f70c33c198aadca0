"""Jobs that are there when the window opens and were left by an earlier program: to go on with, or to hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ptychogui.queue.snapshot import Snapshot
from ptychogui.queue.store.entry import WAITING
from ptychogui.queue_state import Notice


@dataclass(frozen=True)
class LeftOver:
    """What is left of another time, until the user has said what becomes of it.

    Attributes:
        is_new: whether this window has not yet seen who runs the queue: what waits now is of another time.
        notice: what is asked; None where there is nothing to ask.
    """

    is_new: bool = True
    notice: Notice | None = None

    @property
    def is_open(self) -> bool:
        """Whether the question is open: nothing begins before it is answered."""
        return self.notice is not None

    def owned(self, broken_off: tuple[str, ...], waiting: int) -> LeftOver:
        """Take what was there when this window came to own the queue; ask, if that is its first look at it."""
        return LeftOver(False, _asked(broken_off, waiting) if self.is_new and waiting else None)

    def seen(self, snapshot: Snapshot) -> LeftOver:
        """Take a look at the queue: one that others run, and jobs that are gone, are nothing to ask about."""
        if snapshot.owner is not None and not snapshot.is_mine:
            return replace(self, is_new=False)
        waits = self.is_open and any(entry.state in WAITING for entry in snapshot.resting.entries)
        return self if waits else self.answered()

    def answered(self) -> LeftOver:
        """Take the answer."""
        return replace(self, notice=None)


def _asked(broken_off: tuple[str, ...], waiting: int) -> Notice:
    jobs = "One job is" if waiting == 1 else f"{waiting} jobs are"
    text = f"{jobs} left of last time."
    if broken_off:
        went = "was under way when the program ended and goes" if len(broken_off) == 1 else (
            "were under way when the program ended and go")  # fmt: skip
        text = f"{text} {_listed(broken_off)} {went} on from the last checkpoint, if there is one."
    return Notice(text, (("go-on", "Go on"), ("hold-left", "Hold it" if waiting == 1 else "Hold them")))


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
