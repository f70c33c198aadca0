"""A job of the queue as lists show it: what is the same for all its starts, and where it stands."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from ptychogui.states import State

WAITING = (State.QUEUED, State.INTERRUPTED)
"""A lane may begin these."""
UNDER_WAY = (State.RUNNING, State.WAITING, State.PAUSED)
"""An owner has begun these."""
ENDED = (State.DONE, State.STOPPED, State.FAILED, State.CANCELLED)
"""Nothing more becomes of these by itself."""

COLUMNS = (
    "id, uid, title, source, result, device, priority, place, state, lane, attempts, deaths, memory_tries, iteration, "
    "iterations, error, cause, asked, made, started, ended, batch, sweep"
)


class Entry(NamedTuple):
    """One job of the queue.

    Attributes:
        id: its number, never given to another.
        uid: Job.id.
        title: Job.title.
        source: path of the scan; None for a simulated one.
        result: path of the result, there or not.
        device: the device that it is for; "any" for the first lane that is free.
        priority: higher ones come first.
        place: among those of its priority, the smaller first.
        state: where it is in its life.
        lane: the device that has it or had it last; "" before its first start.
        attempts: how often it was begun.
        deaths: how often its process died since it was made or retried.
        memory_tries: how often it ran out of memory since then.
        iteration, iterations: how far it is.
        error: the last one known, None before.
        cause: why it is in this state, where that needs saying.
        asked: the order that it is about to follow: "stop"; "" if none.
        made, started, ended: dates, ISO 8601; "" where it has not come so far.
        batch: number of its batch, None if it came alone.
        sweep: Job.sweep as JSON; "" if it is of no group.
    """

    id: int
    uid: str
    title: str
    source: str | None
    result: str
    device: str
    priority: int
    place: float
    state: State
    lane: str
    attempts: int
    deaths: int
    memory_tries: int
    iteration: int
    iterations: int
    error: float | None
    cause: str
    asked: str
    made: str
    started: str
    ended: str
    batch: int | None = None
    sweep: str = ""

    @classmethod
    def of(cls, row: sqlite3.Row) -> Entry:
        """Read a row of COLUMNS."""
        id_, uid, title, source, result, device, priority, place, state, *more = row
        place_of_scan = None if source is None else os.fsdecode(source)
        return cls(id_, uid, title, place_of_scan, os.fsdecode(result), device, priority, place, State(state), *more)


@dataclass(frozen=True)
class Start:
    """One start of a job, from the journal.

    Attributes:
        id: of the start.
        job: Entry.id.
        lane: the device.
        process: identity of the child, as jobs.results.owners has it.
        started, ended: dates; `ended` is "" while it goes on.
        state, cause: how it ended.
    """

    id: int
    job: int
    lane: str
    process: str
    started: str
    ended: str
    state: str
    cause: str
