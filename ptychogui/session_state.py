"""What the session has told the window: the open scan, and what stands in the way of Run. There is no Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ScanSummary:
    """What a scan's card says: the file, facts of a line each, and what the reader noticed; no file without a scan."""

    path: Path | None = None
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Obstacle:
    """A parameter that stands in the way of Run.

    Attributes:
        path: of the parameter.
        title: what the form calls it.
        why: what is wrong with it: "is missing".
    """

    path: str
    title: str
    why: str

    @property
    def text(self) -> str:
        """All of it: "Iterations: allowed: 1 to 100"."""
        return f"{self.title} {self.why}" if self.why == MISSING else f"{self.title}: {self.why}"


MISSING = "is missing"
"""What is wrong with a value that a reconstruction can't do without."""


@dataclass(frozen=True)
class SessionState:
    """What the session has told.

    Attributes:
        scan: the open scan, if there is one.
        opening: what is being opened or made, "" if nothing.
        runnable: whether there is something to reconstruct.
        wrong: the texts in editors that are no values.
        missing: the values that the open scan can't be reconstructed without.
        undo, redo: what the next step back or forth would change; "" where there is none.
    """

    scan: ScanSummary = ScanSummary()
    opening: str = ""
    runnable: bool = False
    wrong: tuple[Obstacle, ...] = ()
    missing: tuple[Obstacle, ...] = ()
    undo: str = ""
    redo: str = ""

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What stands in the way of Run, each parameter once."""
        return tuple({one.path: one for one in (*self.missing, *self.wrong)}.values())
