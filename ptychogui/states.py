"""The states of a job and of its result: one set of words for queue, runner, window, scripts and files."""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """Where a job is in its life; a result file says it of the job that wrote it. A member is its word."""

    HELD = "held"
    """In a queue, and not to begin until it is let go."""
    QUEUED = "queued"
    """In a queue; begins when its turn comes."""
    WAITING = "waiting"
    """Not begun: for its device, or for raw files that are still written."""
    RUNNING = "running"
    PAUSED = "paused"
    """Begun, and holds between two iterations until it is let go on."""
    DONE = "done"
    STOPPED = "stopped"
    """Ended early by the user or the time limit; the result is kept."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Ended by the user without a result."""
    INTERRUPTED = "interrupted"
    """Its process died or the machine went down; it can begin anew or go on from its checkpoint."""

    CHECKPOINT = "checkpoint"
    """Of files only: written on the way, by a job that had not ended then."""
    TRUTH = "truth"
    """Of files only: no job's result, but what a simulated scan was made from."""

    def __str__(self) -> str:
        return self.value

    @classmethod
    def read(cls, word: str) -> State | None:
        """Return the state that a file's word says; None for "" and for words that this version does not know."""
        return cls(word) if word in cls._value2member_map_ else None
